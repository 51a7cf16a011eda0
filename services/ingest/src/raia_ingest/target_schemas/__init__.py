"""Schemas that datasets are mapped to."""
