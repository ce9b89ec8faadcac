"""Where events come from. Threads read; nobody here draws."""

from tui.sources.live import Live
from tui.sources.replay import Replay
from tui.sources.source import Batch, Health, Source

__all__ = ["Batch", "Health", "Live", "Replay", "Source"]
