"""The catalogue: what datasets are called, how they are tagged, where they belong."""
