"""One file per modality; a file here is the registration."""
