"""Importance: which settings the objectives go with, and how far chance alone would reach."""

import numpy as np
import numpy.typing as npt

from ...background.questions import RankingOf, Wish
from ...drawing import raster
from ...drawing.canvas import Canvas
from ...drawing.text import fit, short
from ...state.importance import LEAST
from ...state.store import Store, config_value
from ..frame import Frame


def settings_and_results(
    frame: Frame, measure: str
) -> tuple[dict[str, list[object]], npt.NDArray[np.float64]]:
    """Return the settings [n] and a measure [n] of the trials that are done: the arguments of `importance`."""
    done = frame.done
    columns = {name: [config_value(trial, name) for trial in done] for name in frame.store.varied}
    return columns, np.array([trial.values.get(measure, np.nan) for trial in done], np.float64)


def ranked_measures(store: Store) -> list[str]:
    """Return the measures for which settings are ranked."""
    return list(store.record.objectives[:3])


def ranking_wish(frame: Frame) -> Wish:
    """Return the wish to rank the settings of the trials shown."""
    state = (frame.store.done_revision, frame.ids_revision)

    def questions() -> list[RankingOf]:
        return [
            RankingOf(measure, state, *settings_and_results(frame, measure))
            for measure in ranked_measures(frame.store)
        ]

    return Wish(("rankings", *state), questions)


def importances(frame: Frame) -> Canvas:
    """Draw for each objective the settings that its rank goes with, and how far chance alone would reach."""
    store, glyphs = frame.store, frame.glyphs
    done = frame.done
    if len(done) < LEAST:
        through = " pass the filter" if frame.view.filter else ""
        return frame.no_trials(
            f"{len(done)} of {LEAST} trials done{through}", f"importance needs {LEAST} results to rank"
        )
    canvas = frame.canvas()
    measures = ranked_measures(store)
    y = 0
    canvas.text(
        0,
        y,
        fit(glyphs.text(f"|rank correlation| of {len(done)} trials   ┊ 1 in 20 by chance"), canvas.width),
        "dim",
    )
    y += 1
    label = min(14, max(6, canvas.width // 5))
    for measure in measures:
        if y >= canvas.height:
            break
        rows = frame.rankings.get(measure)
        if rows is None:
            canvas.text(0, y + 1, glyphs.text("… computing"), "dim")
            rows = ()
        canvas.text(0, y, fit(glyphs.text(short(measure)), canvas.width), "heading")
        y += 1
        share = max(1, (canvas.height - 1) // len(measures) - 1)
        for item in rows[:share]:
            if y >= canvas.height:
                break
            sure = item.strength > item.chance
            canvas.text(0, y, fit(glyphs.text(short(item.name)), label), "text" if sure else "dim")
            room = canvas.width - label - 9
            if room > 3:
                style = "accent" if sure else "faint"
                canvas.text(
                    label + 1, y, raster.bar(item.strength * room, room, ascii_only=glyphs.ascii), style
                )
                at = label + 1 + int(raster.pixel([min(1.0, item.chance)], room)[0])
                canvas.put(at, y, glyphs.glyph("vdotted"), "warn")
            sign = {1: "+", -1: "−", 0: " "}[item.sign]
            canvas.right(
                canvas.width, y, glyphs.text(f"{sign}{item.strength:.2f}"), "text" if sure else "dim"
            )
            y += 1
        if y < canvas.height - share:
            y += 1
    return canvas
