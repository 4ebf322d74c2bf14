"""Laws of training: it learns, it repeats, it survives."""
