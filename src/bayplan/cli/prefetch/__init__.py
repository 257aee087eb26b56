"""The rules for prefetching images: `bayplan prefetch`."""
