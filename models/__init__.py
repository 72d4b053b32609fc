"""Encoders: the torch-free ground they are served from, and the wing they are trained in."""
