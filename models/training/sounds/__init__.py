"""What encoders of sounds learn from: words spoken and scores played here, altered in batches."""
