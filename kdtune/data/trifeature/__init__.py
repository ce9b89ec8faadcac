"""Trifeature: generated images whose shape, texture and colour can be correlated."""
