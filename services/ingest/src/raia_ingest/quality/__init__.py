"""What data quality rules demand: their language, and how each demand becomes a question to the data.

Pure: imported where rules are written and where they are run.
"""
