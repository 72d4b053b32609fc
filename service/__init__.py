"""The process that answers requests: no torch in it, ever."""
