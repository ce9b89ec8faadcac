"""What is known about a run, and what the person has chosen to see: store, view, order, filter, importance."""
