"""What other services own and explanations rest on: models and rows."""
