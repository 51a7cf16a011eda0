"""What compute children run."""
