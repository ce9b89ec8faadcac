"""What a person can do: functions of the app, by subject. `tui.actions` gives them keys."""
