"""All tables of a study, in the order of its page."""

from kdtune.report.study import class_tables, group_tables, groups
from kdtune.report.study.gather import Study
from kdtune.report.study.record import models_table
from kdtune.report.study.significance import Null
from kdtune.report.study.table import Table


def all_tables(study: Study, null: Null) -> list[Table]:
    """Return every table; those that are not on the page are last."""
    found = []
    for series in study.series:
        found += [
            class_tables.classes_table(study, series, null),
            class_tables.floors_table(study, series, null),
            class_tables.class_means_table(study, series),
        ]
    for series in study.series:
        for attribute in study.attributes:
            found.append(group_tables.gaps_table(study, series, attribute))
        if groups.has_individual(series):
            found.append(group_tables.individual_table(study, series))
    found.append(group_tables.trends_table(study))
    found += [
        class_tables.class_accuracy_table(study),
        class_tables.tests_table(study, null),
        class_tables.disagreement_table(study),
        models_table(study),
    ]
    return found
