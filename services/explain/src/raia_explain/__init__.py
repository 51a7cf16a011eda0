"""Explanations of models and reports on their fairness."""
