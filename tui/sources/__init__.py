"""Where events come from. Threads read; nobody here draws."""

from .live import Live
from .replay import Replay
from .source import Batch, Health, Source

__all__ = ["Batch", "Health", "Live", "Replay", "Source"]
