"""Exports of governance records."""
