"""The audit log, for the routes and for other features: its entries by page, and entries made in a transaction of one's own."""

from bayplan.server.audit.store import AuditFilter, AuditRecord, page, record

__all__ = ["AuditFilter", "AuditRecord", "page", "record"]
