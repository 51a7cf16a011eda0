"""Streams of records, taken as they come and landed as versions of datasets."""
