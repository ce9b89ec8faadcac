"""What a run measures: the measures and their names, the user's own among them, and those that are objectives."""
