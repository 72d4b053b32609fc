"""Kinds of places where source files are found: one file each."""
