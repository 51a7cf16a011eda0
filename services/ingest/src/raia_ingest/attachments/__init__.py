"""Documents that describe datasets."""
