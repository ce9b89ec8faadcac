"""Things by name, to which users can add: by a decorator in their own module, or by an entry point."""

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.metadata import EntryPoints, entry_points
from typing import Generic, TypeVar

from kdtune.errors import InputError, UnknownNameError, expect

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping from names to things, filled by `register` and by the entry points of `group`.

    An installed plug-in is imported only when it is asked for by name: otherwise it costs nothing.
    """

    def __init__(self, kind: str, *, group: str | None = None) -> None:
        self.kind = kind
        self._group = group
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers its argument under `name`.

        Raises:
            InputError: the name is taken by something else, or is no text.
        """

        expect("name", name, str, f'the name of a {self.kind}, as in @register("name"),')

        def file_under_name(item: T) -> T:
            if name in self._items:
                raise InputError(f"{self.kind} {name!r} is registered twice: choose another name")
            self._items[name] = item
            return item

        return file_under_name

    def get(self, name: str) -> T:
        """Return what `name` stands for.

        Raises:
            UnknownNameError: nothing has that name; the message lists those that have one.
        """
        if name not in self:
            raise UnknownNameError(self.kind, name, self)
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        if name not in self._items:
            for point in self._entry_points():
                if point.name == name and name not in self._items:
                    self._items[point.name] = point.load()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._items, *(point.name for point in self._entry_points())}))

    def _entry_points(self) -> EntryPoints | tuple[()]:
        return () if self._group is None else _installed(self._group, tuple(sys.path))


@lru_cache
def _installed(group: str, _path: tuple[str, ...]) -> EntryPoints:
    """Return the entry points on the search path; kept, because each time the metadata of all packages are read."""
    return entry_points(group=group)
