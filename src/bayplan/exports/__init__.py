"""Pure text for other programs: docker configurations, Kubernetes secrets."""
