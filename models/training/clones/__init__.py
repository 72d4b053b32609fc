"""The encoder of clones: what it learns from, how that is rewritten, and what it is tried on."""
