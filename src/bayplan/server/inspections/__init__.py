"""What registries say of images: read on request, stored, and compared with the catalogue."""
