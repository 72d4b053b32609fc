"""One file per published objective, each beside its slow reference."""
