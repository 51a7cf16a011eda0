"""Exploratory reports of dataset versions."""
