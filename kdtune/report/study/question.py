"""What can be told of a study before anything is trained."""

from kdtune.space.study import OWN_FEATURES, IndividualSpec


def check_individual(spec: IndividualSpec | None) -> None:
    """Refuse to measure individual fairness in a feature space that can't be had.

    The space is needed when all models are trained, and a study that is resumed keeps its settings: found only then,
    the mistake would cost the whole study.

    Raises:
        InputError: it names no model of torchvision, or one whose weights are not on this disk.
    """
    if spec is not None and spec.features not in OWN_FEATURES:
        from kdtune.report.study.results.feature_space import check_torchvision  # it imports torch

        check_torchvision(spec.features)
