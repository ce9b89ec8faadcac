"""Text from elsewhere (class and file names, columns, errors that quote them), made safe to show.

A name may hold what drives a terminal, turns its reading direction round, or starts a new line; shown is the code of
such a character in its place (`\\x1b`), so that different names stay different.
"""


def plain(text: object) -> str:
    """Return one line in which every character that does not print is written as its code."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def plain_lines(text: object) -> str:
    """Return text line by line as `plain` does; line ends stay what they are."""
    return "\n".join(plain(line) for line in str(text).split("\n"))


def cell(text: object) -> str:
    """Return text as a cell of a CSV file that no spreadsheet takes for a formula; numbers stay what they are.

    An apostrophe in front, as OWASP recommends: https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = plain(text)
    if not shown.lstrip().startswith(("=", "+", "-", "@")):
        return shown
    try:
        float(shown)
    except ValueError:
        return f"'{shown}"
    return shown


def file_name(text: str) -> str:
    """Return text as the name of a file, without its ending, that leads to no other folder."""
    return "".join(c if (c.isalnum() and c.isprintable()) or c in "-_" else "-" for c in text)[:200]
