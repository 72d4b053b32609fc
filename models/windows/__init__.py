"""How long items are cut into windows: one file is one modality's."""
