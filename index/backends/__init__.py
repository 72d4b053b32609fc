"""Kinds of built indexes: each file is one."""
