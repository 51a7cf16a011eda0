"""Passages found by meaning and by words."""
