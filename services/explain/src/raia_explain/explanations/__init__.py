"""SHAP values and feature importance of model versions."""
