"""Notifications made from events, each user's own."""
