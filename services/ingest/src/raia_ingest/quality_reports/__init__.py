"""Data quality reports of dataset versions."""
