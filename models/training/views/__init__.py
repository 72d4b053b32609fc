"""Views of a mark: a clean reference of it, and photo-like scenes, in batched tensor operations."""
