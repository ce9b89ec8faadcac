"""Screens: which panes they hold and where those lie; and the dialogs."""
