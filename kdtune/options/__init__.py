"""Which options each command has."""
