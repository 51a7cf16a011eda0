"""Computing on files: runs in compute children alone, which may import pyarrow and duckdb; the service may not."""
