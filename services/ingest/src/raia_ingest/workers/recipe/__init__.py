"""The compute functions that run recipes."""
