"""Figures, as ratios to the bare libraries; each file beside this one is a benchmark."""
