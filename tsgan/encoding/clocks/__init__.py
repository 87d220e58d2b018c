"""Time: stamps to ticks, gaps, starts and seasons, and back."""
