"""Fixtures that start the real servers which the tests run against."""
