"""Charts of the search screen: which settings matter, and when each trial ran."""
