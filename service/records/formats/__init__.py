"""One file per kind of table on disk; a file here is the registration."""
