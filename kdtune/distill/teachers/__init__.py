"""Teachers, whatever they are: a trained model, several of them, or logits in a file."""
