"""Reads tables from files and DataFrames as text."""
