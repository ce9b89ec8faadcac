"""The monitor's tests wait for tasks, not for time."""

from tests.tui.driving import keys_without_sleep, one_helper, quick_looks

__all__ = ["keys_without_sleep", "one_helper", "quick_looks"]
