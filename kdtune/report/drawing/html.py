"""The few pieces of HTML that the report is made of; all text is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

__all__ = ["bullets", "document", "escape", "figure", "paragraphs", "table"]


def document(title: str, body: str) -> str:
    """Return a page that stands alone: it asks nothing of any network, and its policy forbids it to."""
    css = resources.files("kdtune.report.drawing").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        ""
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def paragraphs(texts: Iterable[str], kind: str = "") -> str:
    """Return paragraphs, in a block of a class."""
    inner = "\n".join(f"<p>{escape(text)}</p>" for text in texts)
    return f'<div class="{kind}">\n{inner}\n</div>' if kind else inner


def bullets(texts: Iterable[str]) -> str:
    """Return a list."""
    return "<ul>\n" + "\n".join(f"<li>{escape(text)}</li>" for text in texts) + "\n</ul>"


def figure(wide: str, narrow: str, caption: str) -> str:
    """Return a figure in its two forms, of which the page shows the one that fits."""
    return (
        f'<figure>\n<div class="wide">{wide}</div>\n<div class="narrow">{narrow}</div>\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str | tuple[str, str]]],
    *,
    kinds: Sequence[str] = (),
    text: int = 1,
) -> str:
    """Return a table.

    Args:
        rows: cells; a pair is a value and what stands below it, smaller.
        kinds: CSS class of each row.
        text: how many of the first columns hold words.
    """

    def cell(k: int, content: str | tuple[str, str]) -> str:
        value, below = (content, "") if isinstance(content, str) else content
        kind = ' class="text"' if k < text else ""
        under = f'<span class="of">{escape(below)}</span>' if below else ""
        return f"<td{kind}>{escape(value)}{under}</td>"

    heads = "".join(
        f'<th scope="col"{" class=text" if k < text else ""}>{escape(name)}</th>'
        for k, name in enumerate(head)
    )
    lines = []
    for r, row in enumerate(rows):
        kind = f' class="{kinds[r]}"' if kinds and kinds[r] else ""
        lines.append(f"<tr{kind}>{''.join(cell(k, content) for k, content in enumerate(row))}</tr>")
    return (
        f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )
