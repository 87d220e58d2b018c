"""The report's pictures, one kind per file, each a small SVG."""
