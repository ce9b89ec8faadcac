"""kdtune's own Textual themes, and the chart colours that go with each theme."""

from textual.theme import Theme

from ..drawing.palette import ANSI, DARK, LIGHT, Colours

THEMES = (
    Theme(
        name="kdtune-dark",
        primary="#56b4e9",
        secondary="#7f95ab",
        accent="#56b4e9",
        foreground="#dfe5ec",
        background="#0f151c",
        surface="#141c25",
        panel="#2a3744",
        success="#2bbd8f",
        warning="#e6b422",
        error="#f0683c",
        dark=True,
    ),
    Theme(
        name="kdtune-light",
        primary="#0072b2",
        secondary="#4e6a83",
        accent="#0072b2",
        foreground="#1c232b",
        background="#fbfaf6",
        surface="#f3f1ea",
        panel="#d9d6cb",
        success="#007a58",
        warning="#9a6700",
        error="#c2410c",
        dark=False,
    ),
)


def colours_of(theme: Theme) -> Colours:
    """Return the chart colours that go with a theme."""
    return ANSI if theme.ansi else DARK if theme.dark else LIGHT
