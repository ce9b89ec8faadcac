"""What is measured before a sweep: how fast a model runs in each precision, and how many students to train as one."""
