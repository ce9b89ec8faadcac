"""What a worker trains, epoch by epoch: a student by itself, or several as one network."""
