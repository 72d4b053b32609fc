"""Pictures of names: lines of print, drawn and worn, and the tower that reads them."""
