"""The text tower: what a mark reads, beside what it looks like."""
