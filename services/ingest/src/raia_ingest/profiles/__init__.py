"""Profiles of dataset versions."""
