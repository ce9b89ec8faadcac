"""The tables of a study about groups and individuals: EOD, DPD, I(f), and their trends with T."""

import math

from kdtune.report.study import published
from kdtune.report.study.results.reading import Series, Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.quantities import spread
from kdtune.report.study.tables import cells
from kdtune.report.study.tables.cells import PUBLISHED, percent, plain, share, signed
from kdtune.report.study.tables.rendering import Table
from kdtune.runs.summary import GAPS


def gaps_table(study: Study, series: Series, attribute: str) -> Table:
    """Return EOD and DPD over one attribute, with the values that chance or the labels alone would give."""
    paper = {gap: published.gap_of(study.record.dataset, series.pair, attribute, gap) for gap in GAPS}
    head = ["model"]
    for gap in GAPS:
        head += [f"{gap.upper()}, %", f"{gap.upper()} by chance, %"]
        if paper[gap] is not None:
            head.append(f"{gap.upper()}, {PUBLISHED}")
    rows = []
    for label, models in series.rows:
        row = [label]
        for gap in GAPS:
            row.append(percent(spread(models, quantities.gap_value(attribute, gap))))
            row.append(share(quantities.chance(models, attribute, gap)))
            of = paper[gap]
            if of is not None:
                row.append(cells.theirs(of, label))
        rows.append(row)
    undefined = sum(m.counts[attribute].n_undefined for m in series.nds[:1])
    caption = (
        f"Test split, {len(study.attributes[attribute])} groups, mean ± standard deviation over seeds. By chance: the "
        "mean that a model with the same rates in every group would show at these group sizes. The labels themselves "
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
                found = quantities.trend_of(series, temperatures, value)
                interval = "–" if math.isnan(found.low) else f"{signed(found.low)} to {signed(found.high)}"
                rho = "undefined" if math.isnan(found.rho) else signed(found.rho)
                sure = "" if math.isnan(found.low) else ("yes" if found.low > 0 or found.high < 0 else "no")
                rows.append([series.title, name, label, rho, interval, sure, str(found.n), found.note])
    caption = (
        "Spearman's rank correlation ρ of T with each quantity over all seeds' models: −1 where it falls with every "
        "step of T, 0 where T says nothing. The interval resamples seeds whole (95 %, percentiles); with few seeds it "
        "is rough, and tends to be too narrow. Of many trends without effect one in twenty excludes 0."
    )
    head = ["series", "quantity", "T", "ρ", "interval", "excludes 0", "models", "note"]
    return Table("trends", "Trends of T", caption, head, rows, text=3)
