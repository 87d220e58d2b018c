"""The judge: how close is a synthetic table to the real one, said with both ends of every scale."""
