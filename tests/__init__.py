"""The tests. `api` and `robustness` are written from the specification, from outside; the rest mirrors `src`."""
