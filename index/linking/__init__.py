"""Record linkage: candidate pairs, one-to-one assignment, clusters, thresholds."""
