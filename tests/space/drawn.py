"""What hypothesis draws for a space: any value of YAML, and the places where one may stand."""

from hypothesis import strategies as st

from kdtune.space.reading import SEARCHABLE, Space

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.dates()
    | st.binary(max_size=3)
    | st.sampled_from(["auto", "sgd", "a->b", "asha", "low", ">= 0.5", 10**400])
)
names = (
    st.sampled_from(
        [*Space.model_fields, *SEARCHABLE, "low", "high", "log", "step", "name", "pair", "trials"]
    )
    | st.text(max_size=4)
    | st.integers()
    | st.none()
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
paths = st.sampled_from(
    ["dataset", "dataset.name", "pairs", "pairs.0", "pairs.1.search", "pairs.1.search.lr", "search", "search.alpha",
     "search.temperature.low", "search.batch_size", "search.optimizer", "objectives", "objectives.0", "constraints",
     "constraints.accuracy", "budget", "budget.trials", "budget.minutes", "train", "train.lr", "train.milestones",
     "train.augment", "train.warmup", "teacher", "teacher.epochs", "sampler", "early_stopping", "resources", "seed"]
)  # fmt: skip
