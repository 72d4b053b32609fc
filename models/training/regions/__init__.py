"""Proposing regions: where in a whole scene marks may be, whichever they are."""
