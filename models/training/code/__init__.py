"""The code search encoder: its material, training and trials."""
