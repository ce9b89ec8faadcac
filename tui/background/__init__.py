"""Work that would hold up the keys: a thread reads full reports, a process computes intervals."""
