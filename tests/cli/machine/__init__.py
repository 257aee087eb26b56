"""Tests of `bayplan check` and `bayplan probe`, as a person runs them: without a server, on machines with GPUs and without."""
