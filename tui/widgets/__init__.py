"""Widgets: thin, each draws cached rows."""
