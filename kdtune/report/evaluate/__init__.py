"""Trained models read back from a run, and evaluated on a split."""
