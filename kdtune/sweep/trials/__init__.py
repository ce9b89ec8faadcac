"""The life of each trial: proposed, trained, stopped early or run again, recorded, reported to Optuna."""
