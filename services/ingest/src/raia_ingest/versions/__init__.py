"""Versions of datasets: their files, their ledgers, the tables beside them."""
