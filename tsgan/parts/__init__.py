"""Tables larger than memory: read part by part, learned from an excerpt, encoded onto disk."""
