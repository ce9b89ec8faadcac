"""Screens: which panes, where; and the dialogs."""
