"""One file per sample gallery, with NAME, MODEL, VERSION and rows(): its registration."""
