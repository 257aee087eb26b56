"""Scans: what the files of images say, reported by workers or read by the server, once for each digest."""
