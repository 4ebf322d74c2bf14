"""The names that a file may use, with their parameters, types and defaults."""
