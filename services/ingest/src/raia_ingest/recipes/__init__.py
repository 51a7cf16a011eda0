"""Recipes: ordered lists of steps that clean and transform a dataset, and their runs."""
