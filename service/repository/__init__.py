"""Repositories: their source files, what stands in these, and galleries of it."""
