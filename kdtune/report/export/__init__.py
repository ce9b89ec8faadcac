"""The export of a front: students evaluated on test, written, read back, and reported on."""
