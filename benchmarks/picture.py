"""Takes cell-exact pictures of the monitor: braille dots, blocks and lines are drawn, not left to a font.

python benchmarks/picture.py RUN --size 160x48 --keys "2 j j" --theme kdtune-light --out front.png
python benchmarks/picture.py RUN --readme docs/pictures       all pictures of the README, from a finished run
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.terminal_theme import TerminalTheme

FONTS = Path("/usr/share/fonts/truetype/dejavu")
_EIGHTHS = {chr(0x2581 + k): (k + 1) / 8 for k in range(8)}
_LINES = {  # left, right, up, down
    "─": "lr", "│": "ud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "└": "ru", "┘": "lu", "┌": "rd", "┐": "ld",
    "├": "rud", "┤": "lud", "┬": "lrd", "┴": "lru", "┼": "lrud",
}  # fmt: skip


def picture(
    rows: list[list[Segment]], ground: str, ink: str, *, cell: tuple[int, int] = (10, 20)
) -> Image.Image:
    """Draw rows of segments, each cell `cell` pixels."""
    w, h = cell
    width = max(sum(segment.cell_length for segment in row) for row in rows)
    image = Image.new("RGB", (width * w, len(rows) * h), ground)
    draw = ImageDraw.Draw(image)
    fonts = {bold: ImageFont.truetype(str(_font(bold)), int(h * 0.8)) for bold in (False, True)}
    theme = TerminalTheme(
        _triplet(ground), _triplet(ink),
        [(0, 0, 0), (205, 49, 49), (13, 188, 121), (229, 229, 16),
         (36, 114, 200), (188, 63, 188), (17, 168, 205), (229, 229, 229)],
        [(102, 102, 102), (241, 76, 76), (35, 209, 139), (245, 245, 67),
         (59, 142, 234), (214, 112, 214), (41, 184, 219), (255, 255, 255)],
    )  # fmt: skip
    for y, row in enumerate(rows):
        x = 0
        for text, style, _ in row:
            fore, back, bold = ink, ground, False
            if style is not None:
                if style.color is not None and not style.color.is_default:
                    fore = style.color.get_truecolor(theme, foreground=True).hex
                if style.bgcolor is not None and not style.bgcolor.is_default:
                    back = style.bgcolor.get_truecolor(theme, foreground=False).hex
                if style.reverse:
                    fore, back = back, fore
                bold = bool(style.bold)
            for char in text:
                draw.rectangle((x * w, y * h, x * w + w - 1, y * h + h - 1), fill=back)
                _cell(draw, char, x * w, y * h, w, h, fore, fonts[bold])
                x += 1
    return image


def _font(bold: bool) -> Path:
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    if (FONTS / name).exists():
        return FONTS / name
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts/ttf" / name


def _triplet(colour: str) -> tuple[int, int, int]:
    return tuple(ColorTriplet(*(int(colour[k : k + 2], 16) for k in (1, 3, 5))))  # type: ignore[return-value]


def _cell(draw: ImageDraw.ImageDraw, char: str, x: int, y: int, w: int, h: int, fill: str, font: Any) -> None:
    if char == " ":
        return
    if 0x2800 <= ord(char) < 0x2900:
        bits = ord(char) - 0x2800
        places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
        for k, (column, row) in enumerate(places):
            if bits >> k & 1:
                cx, cy = x + w * (0.25 + 0.5 * column), y + h * (0.125 + 0.25 * row)
                r = w * 0.14
                draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=fill)
        return
    if char in _EIGHTHS:
        draw.rectangle((x, y + h * (1 - _EIGHTHS[char]), x + w - 1, y + h - 1), fill=fill)
        return
    if char == "▀":
        draw.rectangle((x, y, x + w - 1, y + h // 2 - 1), fill=fill)
        return
    if char == "▌":
        draw.rectangle((x, y, x + w // 2 - 1, y + h - 1), fill=fill)
        return
    mx, my = x + w // 2, y + h // 2
    if char in "━╸╺":
        left = x if char in "━╸" else mx
        right = x + w - 1 if char in "━╺" else mx
        draw.rectangle((left, my - 2, right, my + 1), fill=fill)
        return
    if char in _LINES:
        for side in _LINES[char]:
            end = {"l": (x, my), "r": (x + w, my), "u": (mx, y), "d": (mx, y + h)}[side]
            draw.line((mx, my, *end), fill=fill, width=1)
        return
    if char in "┄┊":
        for k in range(3):
            if char == "┄":
                draw.line((x + w * k // 3 + 1, my, x + w * k // 3 + 2, my), fill=fill, width=1)
            else:
                draw.line((mx, y + h * k // 3 + 1, mx, y + h * k // 3 + 4), fill=fill, width=1)
        return
    draw.text((x, y + h * 0.02), char, fill=fill, font=font)


def rows_of(app: Any) -> list[list[Segment]]:
    """Return what a running app shows as rows of segments."""
    return [list(strip) for strip in app.screen._compositor.render_strips()]


async def shoot(app: Any, size: tuple[int, int], keys: list[str], out: Path, *, wait: float = 1.0) -> None:
    """Run an app without a terminal, press keys, and write a picture."""
    async with app.run_test(size=size) as pilot:
        await pilot.pause(wait)
        for key in keys:
            if key.startswith("'"):
                for letter in key[1:]:
                    await pilot.press("space" if letter == "_" else letter)
            else:
                await pilot.press(key)
            await pilot.pause(0.15)
        await pilot.pause(wait)
        dark = app.current_theme.dark
        theme = app.current_theme
        # An ansi theme leaves both to the terminal.
        ground = "#000000" if dark else "#ffffff"
        ink = "#ffffff" if dark else "#000000"
        if not theme.ansi:
            ground, ink = theme.background or ground, theme.foreground or ink
        picture(rows_of(app), ground, ink).save(out)


README = (
    ("front-light.png", "140x42", "kdtune-light", "2 tab tab home j j j j j space j j j"),
    ("live-dark.png", "160x48", "kdtune-dark", "home j j j j space j j j"),
    ("groups-dark.png", "160x48", "kdtune-dark", "2 tab tab home j j j j 3"),
)
"""The README's pictures: file, size, theme, keys."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--size", default="160x48")
    parser.add_argument("--keys", default="")
    parser.add_argument("--theme", default="kdtune-dark")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument(
        "--replay", type=float, metavar="SHARE", help="as it was after this share of its time"
    )
    parser.add_argument(
        "--wait", type=float, default=1.0, help="seconds before the first key and after the last"
    )
    parser.add_argument("--out", type=Path, default=Path("monitor.png"))
    parser.add_argument("--readme", type=Path, metavar="FOLDER", help="write the README's pictures there")
    options = parser.parse_args()
    from kdtune.runs.reader import open_run
    from tui.app import Monitor
    from tui.drawing.glyphs import Glyphs
    from tui.sources import Live, Replay

    run = open_run(options.run)
    for name, size, theme, keys in README if options.readme is not None else ():
        app = Monitor(Live(run.files, run.record), theme=theme)
        wide, high = map(int, size.split("x"))
        asyncio.run(shoot(app, (wide, high), keys.split(), options.readme / name, wait=6.0))
    if options.readme is not None:
        return 0
    source: Any = Live(run.files, run.record)
    if options.replay is not None:
        source = Replay(run.files, run.record)
    app = Monitor(source, glyphs=Glyphs(ascii=options.ascii), theme=options.theme)
    width, height = map(int, options.size.split("x"))
    asyncio.run(shoot(app, (width, height), options.keys.split(), options.out, wait=options.wait))
    return 0


if __name__ == "__main__":
    sys.exit(main())
