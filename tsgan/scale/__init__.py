"""Many models, and many workers: the same fit and sample, elsewhere. Each engine has its own file."""
