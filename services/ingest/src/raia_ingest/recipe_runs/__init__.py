"""Recipes at work: runs, the lineage of their rows, and bindings to datasets."""
