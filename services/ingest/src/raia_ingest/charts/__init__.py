"""Charts of a dataset's rows."""
