"""One file per foreign format that can become a bundle."""
