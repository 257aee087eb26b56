"""All tables, as SQLAlchemy Core sees them; the migrations make them, and a test holds the two together."""

from bayplan.db.tables.accounts import api_tokens
from bayplan.db.tables.catalogue import (
    catalogue,
    cuda,
    domains,
    frameworks,
    hardware,
    image_facts,
    images,
    licences,
    lifecycles,
    login_failures,
    users,
)
from bayplan.db.tables.columns import metadata
from bayplan.db.tables.fleet import holdings, join_tokens, nodes, prefetch, worker_nodes, workers
from bayplan.db.tables.history import changes
from bayplan.db.tables.registries import (
    audit,
    audit_images,
    audit_sets,
    check_changes,
    checks,
    image_platforms,
    inspections,
    login_uses,
    scan_jobs,
    scanned_layers,
    scans,
)

__all__ = [
    "api_tokens",
    "audit",
    "audit_images",
    "audit_sets",
    "catalogue",
    "changes",
    "check_changes",
    "checks",
    "cuda",
    "domains",
    "frameworks",
    "hardware",
    "holdings",
    "image_facts",
    "image_platforms",
    "images",
    "inspections",
    "join_tokens",
    "licences",
    "lifecycles",
    "login_failures",
    "login_uses",
    "metadata",
    "nodes",
    "prefetch",
    "scan_jobs",
    "scanned_layers",
    "scans",
    "users",
    "worker_nodes",
    "workers",
]
