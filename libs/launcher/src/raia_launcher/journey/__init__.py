"""One governed model from a raw file to production, through the public REST API, with every step's real result."""
