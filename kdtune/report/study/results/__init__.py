"""A study's models evaluated on test, and read back."""
