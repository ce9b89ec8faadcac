"""Fairness quantities, all derived from integer counts per group and class."""

from kdtune.fairness._counting import count
from kdtune.fairness._counts import Counts

__all__ = ["Counts", "count"]
