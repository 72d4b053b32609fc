"""One file per kind of reference data on disk; a file here is the registration."""
