"""Examples that a program or a file brings along: arrays, frames, torch data sets, Arrow and Parquet, texts."""
