"""Tables: CSV and Parquet read, coded and preprocessed into numbers."""
