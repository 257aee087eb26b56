"""The API, sentence by sentence of its specification, on both databases."""
