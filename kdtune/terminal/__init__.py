"""What a terminal shows beside the monitor: runs, their state and their fronts as text, and progress."""
