"""The training wing: everything that may import torch."""
