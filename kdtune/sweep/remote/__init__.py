"""What runs as Ray actors and tasks, on this machine or on a cluster, and what watches over them."""
