"""Policy, evidence, verdicts."""
