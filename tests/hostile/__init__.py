"""Files that mean harm: to time, to memory, or to whoever reads them."""
