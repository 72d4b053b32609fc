"""One file per group of paths; a file here that defines `router` is a registered route."""
