"""Bytes of every sort, each of which must end in diagnostics."""
