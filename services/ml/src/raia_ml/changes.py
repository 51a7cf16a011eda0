"""Wakes those who wait for a job of this process."""

from raia_kit.changes import Changes

__all__ = ["Changes"]
