"""What a person can do: functions of the host, by subject, and the table that gives them keys."""
