"""The images of the catalogue: `bayplan images`."""
