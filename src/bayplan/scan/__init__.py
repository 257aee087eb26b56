"""Reads the files of an image, from streams and in bounded memory, and gives facts. Pure: it opens nothing, and starts nothing."""
