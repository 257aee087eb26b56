"""What has been done and given out: `bayplan audit` and `bayplan history`."""
