"""Images: folders and arrays, decoded once and augmented in batches."""
