"""The way by which artefacts leave."""
