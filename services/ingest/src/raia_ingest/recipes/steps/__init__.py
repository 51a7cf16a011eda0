"""The kinds of steps, each compiled to one stage."""
