"""Where dataset versions come from, and what was made of them."""
