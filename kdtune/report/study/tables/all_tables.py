"""All tables of a study, in the order of its page."""

from kdtune.report.study.record import models_table
from kdtune.report.study.results.reading import Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.significance import Null
from kdtune.report.study.tables import classes, groups
from kdtune.report.study.tables.rendering import Table


def all_tables(study: Study, null: Null) -> list[Table]:
    """Return every table; those that are not on the page come last."""
    found = []
    for series in study.series:
        found += [
            classes.classes_table(study, series, null),
            classes.floors_table(study, series, null),
            classes.class_means_table(study, series),
        ]
    for series in study.series:
        for attribute in study.attributes:
            found.append(groups.gaps_table(study, series, attribute))
        if quantities.has_individual(series):
            found.append(groups.individual_table(study, series))
    found.append(groups.trends_table(study))
    found += [
        classes.class_accuracy_table(study),
        classes.tests_table(study, null),
        classes.disagreement_table(study),
        models_table(study),
    ]
    return found
