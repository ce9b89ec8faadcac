"""Measures one GPU in one command: `python -m benchmarks.gpu`."""
