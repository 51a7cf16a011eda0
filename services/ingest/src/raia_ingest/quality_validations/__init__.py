"""Validations: rules run on dataset versions, and the gate that they keep."""
