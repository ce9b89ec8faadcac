"""Charts of the live screen: trials, learning curves, hypervolume, and what is being prepared."""
