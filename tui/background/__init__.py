"""What takes too long for a key to wait for: full reports are read in a thread, intervals computed in a process."""
