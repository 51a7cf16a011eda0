"""What runs in compute children: the only modules that import numerical libraries."""
