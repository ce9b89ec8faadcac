"""How a run, a front and a student show themselves in a notebook: a picture and a table as HTML."""

import base64
import math
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from kdtune.errors import KdtuneError
from kdtune.report.drawing.marks import draw_model, name_rows
from kdtune.report.drawing.style import look, new_figure, png
from kdtune.report.plots import Plots
from kdtune.runs.measures.objectives import Objective
from kdtune.text import measured, plain, setting, without_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kdtune.runs.reader import Run
    from kdtune.student.student import Student

_WIDTH, _HEIGHT = 6.4, 4.0
_MOST_ROWS = 12
_LONGEST_NAME = 24
"""A longer name of a group or class would leave no room for what is drawn."""


def run_html(run: "Run") -> str:
    """Return a run's state, its front as a picture, and the front's objectives and settings."""
    status = run.status()
    budget = f" of {status.budget}" if status.budget else ""
    volume = f"; hypervolume {status.hypervolume:.4f}" if run.record.has_front else ""
    head = (
        f"<p><b>{_text(status.name)}</b> {_text(status.state)}: {_text(run.record.dataset['name'])}, "
        f"{_text(', '.join(run.record.objectives))}; trials{budget}: {status.tally}{volume}</p>"
    )
    if not status.front:
        return f"<div>{head}</div>"
    front = run.front()
    names = [*run.record.objectives, *(n for n in ("pair", "temperature", "alpha") if n in front.columns)]
    rows = [
        [index, *(_cell(front.at[index, name], name) for name in names)] for index in front.index[:_MOST_ROWS]
    ]
    more = f"<p>and {len(front) - _MOST_ROWS} more: run.front()</p>" if len(front) > _MOST_ROWS else ""
    return f"<div>{head}{_front_picture(run)}{_table(['', *names], rows)}{more}</div>"


def front_html(run: "Run", table: str) -> str:
    """Return the picture of a run's front above a table of it."""
    return f"<div>{_front_picture(run)}{table}</div>"


def student_html(student: "Student") -> str:
    """Return what a student is, its values on test, and the accuracy of each group, or class, as a picture."""
    config, tested = student.config, (student.metrics.get("test") or {})
    origin = f" of run {config['run']}" if config.get("run") else ""
    head = (
        f"<p><b>{_text(config['id'])}</b>{_text(origin)}: {_text(config['architecture'])}, "
        f"{config.get('parameters', 0):,} weights, classes {_text(', '.join(student.classes))}</p>"
    )
    if not tested:
        return f"<div>{head}</div>"
    values = [[name, _cell(value, name)] for name, value in tested["values"].items()]
    said = f"{config['id']}: the share of right answers on test, over all and by group or class"
    picture = _picture(lambda ax: _rates(ax, tested), said, height=_rates_height(tested))
    table = _table([f"test (n = {tested['n']:,})", ""], values)
    return f"<div>{head}{picture}{table}</div>"


def _rates(ax: "Axes", tested: dict[str, Any]) -> None:
    rows = _shares(tested)[::-1]
    for row, (_, share) in enumerate(rows):
        if share["value"] is not None:
            draw_model(ax, "student", share["value"], row, x_interval=tuple(share["interval"]))
    name_rows(ax, Objective.parse("accuracy", ()), [name for name, _ in rows])


def _shares(tested: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, share of right answers) of all examples, and of each group, or of each class without groups."""
    shares = [("all", tested["accuracy"])]
    for attribute, numbers in tested["attributes"].items():
        shares += [
            (f"{_short(attribute)} {_short(group['group'])} (n = {group['n']:,})", group["accuracy"])
            for group in numbers["groups"]
        ]
    if len(shares) == 1:
        shares += [
            (f"class {_short(item['class'])} (n = {item['n']:,})", item) for item in tested["by_class"]
        ]
    return shares[:40]


def _short(name: str) -> str:
    return without_middle(plain(name), _LONGEST_NAME)


def _rates_height(tested: dict[str, Any]) -> float:
    return 0.9 + 0.28 * len(_shares(tested))


def _front_picture(run: "Run") -> str:
    said = f"{run.name}: the front in {' and '.join(run.record.objectives)}, on validation"
    return _picture(lambda ax: Plots(run).front(ax=ax), said)


def _picture(draw: Callable[["Axes"], object], said: str, height: float = _HEIGHT) -> str:
    """Return a figure as an image in HTML, with what it shows in words; nothing where it can't be drawn."""
    with look():
        figure = new_figure(_WIDTH, height)
        try:
            draw(figure.subplots())
        except KdtuneError:
            return ""
        content = base64.b64encode(png(figure)).decode()
    style = f"max-width:{_WIDTH * 96:.0f}px"
    return f'<img alt="{_text(said)}" style="{style}" src="data:image/png;base64,{content}">'


def _table(head: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def _cell(value: Any, name: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return measured(name, float(value)) if isinstance(value, float) else setting(value)


def _text(value: object) -> str:
    return escape(plain(str(value)))
