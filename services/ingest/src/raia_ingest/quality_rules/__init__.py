"""Data quality rules of datasets."""
