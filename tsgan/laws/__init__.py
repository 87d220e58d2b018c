"""The laws that have a closed form, numpy only: statics, numbers over time, categories given them."""
