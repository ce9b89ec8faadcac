"""Whether a front holds: policies are played on banks of trained students, and scored on data that chose nothing."""
