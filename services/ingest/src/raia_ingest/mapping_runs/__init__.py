"""What mappings do with the rows of datasets: entities filled, records that wait for a person."""
