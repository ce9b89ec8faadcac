"""What kdtune prints in a terminal without the monitor: runs, their state, their fronts, and progress."""
