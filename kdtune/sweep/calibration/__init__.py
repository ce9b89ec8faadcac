"""What is measured before a sweep: the precision in which a model runs fastest, and how many students to train as one."""
