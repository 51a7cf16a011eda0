"""Rows of dataset versions on their way out: previews and streams."""
