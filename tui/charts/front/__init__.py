"""The plot of the Pareto front and the names in it."""
