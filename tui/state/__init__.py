"""What is known of a run and how it is looked at, with no drawing: the store, the view, order, filter, importance."""
