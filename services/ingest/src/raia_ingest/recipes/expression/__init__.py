"""The expressions of derived columns and filters: a small language of its own, so that nothing else can be said."""
