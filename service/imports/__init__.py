"""Imports: files that become exemplars behind the scenes, by jobs that outlive the process."""
