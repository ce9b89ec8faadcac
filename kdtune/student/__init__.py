"""A student loaded from an export, for inference alone: no Ray, no Optuna, no Textual."""
