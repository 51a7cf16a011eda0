"""Watched sources: places from which files become datasets by themselves."""
