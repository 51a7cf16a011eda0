"""Predictions, each kept with what made it."""
