"""Which rows are of one thing: candidate pairs, and who gets whom; no encoder, no service."""
