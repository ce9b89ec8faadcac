"""The data sets of kdtune itself: other tests register some of their own."""

from kdtune.data import names
from kdtune.data.registry import datasets


def own_data_sets() -> set[str]:
    return {name for name in names() if datasets.get(name).__module__.startswith("kdtune.")}
