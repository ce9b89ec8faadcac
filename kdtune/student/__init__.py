"""Loads an exported student for inference, without Ray, Optuna, Textual or fairlearn."""
