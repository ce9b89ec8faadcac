"""Pareto fronts: non-dominated sets and ranks, hypervolume, constraints."""

from kdtune.pareto._constraints import Constraint, parse_constraint, violations
from kdtune.pareto._dominance import non_dominated
from kdtune.pareto._hypervolume import hypervolume
from kdtune.pareto._ranking import epsilon_net, non_dominated_rank

__all__ = [
    "Constraint",
    "epsilon_net",
    "hypervolume",
    "non_dominated",
    "non_dominated_rank",
    "parse_constraint",
    "violations",
]
