"""Recipes: one file is one encoder that is trained here."""
