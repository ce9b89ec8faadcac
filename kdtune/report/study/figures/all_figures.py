"""All figures of a study: quantities against T, affected classes, disagreement with the teacher."""

import math

from kdtune.fairness import GAPS
from kdtune.report.drawing.picture import Picture
from kdtune.report.study import published
from kdtune.report.study.figures.affected import affected
from kdtune.report.study.figures.curves import Panel, lines
from kdtune.report.study.figures.disagreement import disagreement
from kdtune.report.study.results.reading import Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.significance import Null


def draw_all(study: Study, null: Null) -> list[Picture]:
    """Draw every figure for which the study has data, in the order of the page."""
    found = []
    for pair, series in study.by_pair.items():
        arrow, key = pair.replace("->", " → "), pair.replace("->", "-")
        found.append(
            lines(
                f"accuracy-{key}",
                f"Accuracy against T, {arrow}",
                series,
                [Panel("accuracy, %", quantities.accuracy, published=_accuracies(study, pair))],
                100,
                "",
            )
        )
        for attribute in study.attributes:
            panels = []
            for gap in GAPS:
                by_chance = quantities.chance(series[0].nds, attribute, gap)
                labels = quantities.label_gap(study, attribute) if gap == "dpd" else math.nan
                theirs = published.gap_of(study.record.dataset, pair, attribute, gap)
                panels.append(
                    Panel(
                        f"{gap.upper()}, percentage points",
                        quantities.gap_value(attribute, gap),
                        by_chance,
                        labels,
                        {} if theirs is None else theirs.students,
                    )
                )
            name = f"gaps-{study.attribute_keys[attribute]}-{key}"
            words = (
                " Dotted: what NDS would show with equal true and false positive rates in all groups, on average and "
                "at most in 95 of 100 data sets of these sizes. Dash-dotted: the difference of the labels themselves; "
                "a DPD below it requires wrong answers."
            )
            found.append(
                lines(name, f"EOD and DPD over {attribute} against T, {arrow}", series, panels, 100, words)
            )
        if quantities.has_individual(series[0]):
            value = quantities.individual_value(series[0])
            paper = published.individual_of(study.record.dataset, pair)
            quotient = {} if paper is None else paper.students
            found.append(
                lines(
                    f"individual-{key}",
                    f"Individual fairness against T, {arrow}",
                    series,
                    [Panel("I(f), change of output over distance", value, published=quotient)],
                    1,
                    " Lower means that similar examples get more similar answers.",
                )
            )
    for one in study.series:
        found.append(affected(study, one, null))
        found.append(disagreement(study, one))
    return found


def _accuracies(study: Study, pair: str) -> dict[float, float]:
    paper = published.classes_of(study.record.dataset, pair)
    return {} if paper is None else {t: accuracy for t, (accuracy, _, _) in paper.students.items()}
