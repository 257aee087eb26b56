"""Pure text for other programs: docker configurations and Kubernetes secrets."""
