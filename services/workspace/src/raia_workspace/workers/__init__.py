"""What compute children run; nothing here is imported by the serving process."""
