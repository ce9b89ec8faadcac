"""Pareto fronts: non-dominated sets, hypervolume, constraints."""

from kdtune.pareto._constraints import Constraint, parse_constraint
from kdtune.pareto._dominance import non_dominated
from kdtune.pareto._hypervolume import hypervolume

__all__ = ["Constraint", "hypervolume", "non_dominated", "parse_constraint"]
