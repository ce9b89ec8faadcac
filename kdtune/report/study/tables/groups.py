"""The tables of a study about groups and individuals: EOD, DPD, I(f), and their trends with T."""

import math

import numpy as np

from kdtune.fairness import GAPS, holm
from kdtune.report.study import published
from kdtune.report.study.results.reading import Series, Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.quantities import spread
from kdtune.report.study.tables import cells
from kdtune.report.study.tables.cells import PUBLISHED, percent, plain, share, signed
from kdtune.report.study.tables.rendering import Table


def gaps_table(study: Study, series: Series, attribute: str) -> Table:
    """Return EOD and DPD over one attribute, with what equal rates in all groups, or the labels alone, would give."""
    paper = {gap: published.gap_of(study.record.dataset, series.pair, attribute, gap) for gap in GAPS}
    head = ["model"]
    for gap in GAPS:
        head += [f"{gap.upper()}, %", f"{gap.upper()} with equal rates, %: mean, 95 of 100"]
        if paper[gap] is not None:
            head.append(f"{gap.upper()}, {PUBLISHED}")
    rows = []
    for label, models in series.rows:
        row = [label]
        for gap in GAPS:
            row.append(percent(spread(models, quantities.gap_value(attribute, gap))))
            chance = quantities.chance(models, attribute, gap)
            row.append(f"{share(chance.mean)}, {share(chance.high)}")
            of = paper[gap]
            if of is not None:
                row.append(cells.theirs(of, label))
        rows.append(row)
    undefined = sum(m.counts[attribute].n_undefined for m in series.nds[:1])
    caption = (
        f"Test split, {len(study.attributes[attribute])} groups, mean ± standard deviation over seeds. With equal "
        "rates: what a model with equal true and false positive rates in all groups shows on average, and up to which "
        "value in 95 of 100 data sets of these group sizes. The labels themselves "
        f"differ by {share(quantities.label_gap(study, attribute))} % (the DPD of a model that is always right)."
        + (f" {undefined} rates have no examples and are left out." if undefined else "")
    )
    return Table(
        f"gaps-{study.attribute_keys[attribute]}-{series.key}",
        f"EOD and DPD over {attribute}, {series.title}",
        caption,
        head,
        rows,
    )


def individual_table(study: Study, series: Series) -> Table:
    """Return individual fairness by T."""
    paper = published.individual_of(study.record.dataset, series.pair)
    head = ["model", "I(f)", *([f"I(f), {PUBLISHED}"] if paper is not None else [])]
    rows = []
    for label, models in series.rows:
        found = spread(models, quantities.individual_value(series))
        row = [label, plain(found)]
        if paper is not None:
            row.append(cells.theirs(paper, label, digits=4))
        rows.append(row)
    spec = study.spec.individual
    assert spec is not None
    pairs = "all pairs" if spec.pairs is None else f"{spec.pairs:,} drawn pairs"
    over = next((m.individual_note for m in (*series.nds, *series.teachers)), "")
    caption = (
        f"Mean over {pairs} of {over} of the change of the output divided by the distance of the inputs. Lower means "
        f"that similar examples get more similar answers. Output: {spec.output}; distance: cosine in the feature space "
        f"'{spec.features}'; pairs at a distance of {spec.epsilon:g} or less, and inputs that are all zeros, are left "
        "out. Values with another feature space or output are not comparable. A less confident model has a lower "
        "value, and a constant one has the lowest."
    )
    return Table(f"individual-{series.key}", f"Individual fairness, {series.title}", caption, head, rows)


def trends_table(study: Study) -> Table:
    """Return Spearman's correlation of T with every quantity."""
    rows = []
    for series in study.series:
        for name, value in quantities.trend_quantities(study, series):
            for label, temperatures in quantities.ranges(series.temperatures):
                rows.append((series.title, name, label, quantities.trend_of(series, temperatures, value)))
    adjusted = holm(np.array([found.p for *_, found in rows]))
    cells = [
        [
            series,
            name,
            label,
            "undefined" if math.isnan(found.rho) else signed(found.rho),
            *("–" if math.isnan(p) else f"{p:.4f}" for p in (found.p, in_all)),
            str(found.n),
            found.note,
        ]
        for (series, name, label, found), in_all in zip(rows, adjusted, strict=True)
    ]
    caption = (
        "Spearman's rank correlation ρ of T with each quantity over all seeds' models: −1 if it falls with every step "
        "of T, 0 if T says nothing about it. p: share of reorderings of each seed's values over T that give at least "
        "as strong a correlation. One in twenty trends without any effect has p ≤ 0.05; p Holm takes the number of "
        "rows into account."
    )
    head = ["series", "quantity", "T", "ρ", "p", "p Holm", "models", "note"]
    return Table("trends", "Trends with T", caption, head, cells, text=3)
