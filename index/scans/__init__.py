"""Exact ways to search: each file is one."""
