"""Data sets read in the form in which they were published."""
