"""Charts: pure functions of the store, the view, a size and the glyphs that the terminal has; each returns a canvas."""

from .frame import Frame

__all__ = ["Frame"]
