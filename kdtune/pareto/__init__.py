"""Pareto fronts: non-dominated sets, hypervolume, constraints."""

from kdtune.pareto._dominance import non_dominated

__all__ = ["non_dominated"]
