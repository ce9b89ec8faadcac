"""Data sets in the forms of Hugging Face's `datasets`: Parquet, Arrow, a saved folder, or an object in memory."""
