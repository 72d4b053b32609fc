"""Pictures: what a file's bytes show, made the same in training and in serving."""
