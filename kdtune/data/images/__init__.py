"""Images: folders and arrays of them, decoded once, augmented in batches."""
