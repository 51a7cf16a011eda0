"""Differences between versions of a dataset."""
