"""A model and batches in; a run folder with weights, records and a verdict out."""
