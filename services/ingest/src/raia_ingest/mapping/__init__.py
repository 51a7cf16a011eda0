"""Where the columns of datasets go in schemas, and what people decided about it."""
