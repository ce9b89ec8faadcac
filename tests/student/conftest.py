"""The exported front that the report's tests use."""

from tests.report.conftest import exported

__all__ = ["exported"]
