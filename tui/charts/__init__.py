"""Charts: pure functions of the store, the view, a size and the glyphs at hand. Each returns a canvas."""

from .frame import Frame

__all__ = ["Frame"]
