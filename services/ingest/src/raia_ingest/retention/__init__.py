"""How long versions of datasets keep their bytes."""
