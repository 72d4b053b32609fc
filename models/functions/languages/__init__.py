"""Languages whose functions are found: one file each."""
