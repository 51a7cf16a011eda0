"""Reports on how fair a model version is."""
