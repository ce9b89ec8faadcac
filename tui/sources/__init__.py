"""Where events come from: threads read a run that grows, or that is played again."""

from .live import Live
from .replay import Replay
from .source import Batch, Health, Source

__all__ = ["Batch", "Health", "Live", "Replay", "Source"]
