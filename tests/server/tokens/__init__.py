"""Tests of tokens for programs."""
