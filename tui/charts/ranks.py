"""Which models the cursor can be on in the tables, and in which order."""

from collections.abc import Sequence

from ..state.store import Store


def table_rows(store: Store, ids: Sequence[str]) -> list[str]:
    """Return what the cursor can be on in the table: the baselines, then the trials."""
    return [*(model.id for model in store.baselines), *ids]


def front_rows(store: Store, ids: Sequence[str]) -> list[str]:
    """Return what the cursor can be on in the front's table: the baselines, then the front."""
    return table_rows(store, front_order(store, ids))


def whole_front(store: Store) -> list[str]:
    """Return all trials that are on the front, the best by the first objective first."""
    return front_order(store, sorted(store.front))


def front_order(store: Store, ids: Sequence[str]) -> list[str]:
    """Return the trials that are on the front, the best by the first objective first."""
    objective = store.objectives[0]
    front = store.front
    members = [model_id for model_id in ids if model_id in front] if front else []
    return sorted(members, key=lambda i: objective.measure.badness(store.value(i, objective.name)))
