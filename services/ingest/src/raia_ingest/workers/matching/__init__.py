"""Matching of columns to the fields of a schema: names, descriptions, values, kinds, and how they hang together."""
