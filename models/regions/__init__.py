"""One file per modality whose items have regions."""
