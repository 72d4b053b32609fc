"""Encoded sounds to samples: judged by their headers, decoded, resampled, trimmed and levelled."""
