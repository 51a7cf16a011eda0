"""The registry: models, their immutable versions, deployment."""
