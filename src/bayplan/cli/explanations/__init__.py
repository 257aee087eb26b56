"""What words mean: `bayplan explain` and `bayplan help`."""
