"""Objectives compared: one training each, all else the same, and the table of what came of it."""
