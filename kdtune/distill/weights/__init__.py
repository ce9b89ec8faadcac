"""Weights from files: which file, how they fit a model of ours, and published names."""
