"""How a step runs on the device: eagerly, as a CUDA graph, or compiled; and what the device's errors are."""
