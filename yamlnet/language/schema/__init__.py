"""The language as a JSON Schema, for editors."""
