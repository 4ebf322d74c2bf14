"""The file: text in, a checked Experiment and its diagnostics out. No torch here."""
