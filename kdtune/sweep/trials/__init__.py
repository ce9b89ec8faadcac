"""The life of each trial: proposed, trained, stopped early or run again, kept, told back to Optuna."""
