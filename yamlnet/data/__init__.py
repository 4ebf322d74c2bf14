"""A data section in; batches on the device out."""
