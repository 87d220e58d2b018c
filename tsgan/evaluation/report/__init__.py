"""What the judge found: findings, thresholds, text, JSON, and a page with pictures."""
