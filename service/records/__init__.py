"""Records of several fields: read from tables, pooled to rows, linked, and explained."""
