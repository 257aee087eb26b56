"""The audit log, for the routes and for other features: its entries by page, and new entries in a feature's own transaction."""

from bayplan.server.audit.store import AuditFilter, AuditRecord, page, record

__all__ = ["AuditFilter", "AuditRecord", "page", "record"]
