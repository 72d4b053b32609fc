"""One file per way to search a base of rows; a file here is the registration."""
