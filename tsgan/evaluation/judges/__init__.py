"""Judges: classifiers, forecasters and encoders that compare real with synthetic windows; `metrics` has the scores."""
