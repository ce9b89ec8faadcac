"""Textual widgets: thin, because charts draw; each paints rows that it keeps."""
