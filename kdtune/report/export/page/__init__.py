"""The report page of an export."""
