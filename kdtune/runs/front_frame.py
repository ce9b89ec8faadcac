"""The front as a table that a person reads from left to right, and that shows itself with its picture in a notebook."""

from typing import Any

import pandas

from kdtune.runs.shown import html_of

_SETTINGS = ("pair", "temperature", "alpha")
_ABOUT = ("model", "state", "epoch", "seconds", "message", "feasible", "front")


class Front(pandas.DataFrame):
    """A DataFrame of the members of a front; what is made of it is an ordinary DataFrame.

    Attributes:
        run: whose front it is.
    """

    _metadata = ["run"]  # noqa: RUF012 - pandas reads it
    run: Any

    @property
    def _constructor(self) -> Any:
        return pandas.DataFrame

    def _repr_html_(self) -> str:
        table = pandas.DataFrame(self)._repr_html_() or ""  # type: ignore[operator]
        return html_of("front", self.run, table)


def front_frame(run: Any, members: pandas.DataFrame, trials: pandas.DataFrame) -> Front:
    """Return the members with what matters first: objectives, what was searched, other measures, what never varies.

    Args:
        run: whose front it is.
        members: rows of `trials`, in the order of the front.
        trials: all trials of the run, with the settings and measures of each.
    """
    objectives = [name for name in run.record.objectives if name in members.columns]
    first = next((k for k, name in enumerate(trials.columns) if name == "accuracy"), len(trials.columns))
    settings = [name for name in trials.columns[:first] if name not in (*_ABOUT, *objectives)]
    done = trials[trials["state"] == "done"] if len(trials) else trials
    varied = [name for name in settings if done[name].astype(str).nunique() > 1]
    varied.sort(key=lambda name: _SETTINGS.index(name) if name in _SETTINGS else len(_SETTINGS))
    rest = [n for n in members.columns if n not in {*objectives, *settings, *_ABOUT}]
    about = [name for name in _ABOUT if name in members.columns]
    constant = [name for name in settings if name not in varied]
    shown = Front(members[[*objectives, *varied, *rest, *about, *constant]])
    shown.run = run
    return shown
