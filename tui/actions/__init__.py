"""What a person can do: functions of the host, grouped by subject, and the table that gives them keys."""
