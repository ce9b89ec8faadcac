"""Several students trained as one network: side by side in the channels, each with its own weights, loss and rates."""
