"""What an export finds of each model, and of all of them together."""
