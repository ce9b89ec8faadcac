"""Things by name, to which users can add: by a decorator in their own module, or by an entry point."""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Generic, TypeVar, cast

from kdtune.errors import InputError, UnknownNameError, expect
from kdtune.user_code import own_code

T = TypeVar("T")


@dataclass(frozen=True)
class _Origin:
    """Where code stands: in which module, and in which loading of it, as told by its spec."""

    module: str
    loading: object

    @classmethod
    def of(cls, code: object) -> "_Origin":
        while isinstance(code, partial):
            code = code.func
        module = module_of(code)
        return cls(module, getattr(sys.modules.get(module), "__spec__", None))

    def supersedes(self, before: "_Origin") -> bool:
        """Tell whether this is what a person made of the code that stood there before.

        Such is a cell of a notebook that is run again, and a module that is loaded again. Twice in one file is a slip.
        """
        if self.module != before.module:
            return False
        at_a_prompt = self.module == "__main__" and hasattr(sys, "ps1")
        return at_a_prompt or self.loading is not before.loading


@dataclass(frozen=True)
class _Item(Generic[T]):
    thing: T
    origin: _Origin


class Registry(Generic[T]):
    """A mapping from names to things, filled by `register` and by the entry points of `group`.

    An installed plug-in is imported only when it is asked for by name: otherwise it costs nothing.

    Args:
        of_functions: whether its things are functions.
        holds: the class of its things, where a decorator makes one of each function: an entry point may name a function
            that it has not seen.
        code: from one of its things to the user's function in it.
    """

    def __init__(
        self,
        kind: str,
        *,
        group: str | None = None,
        of_functions: bool = False,
        holds: type | None = None,
        code: Callable[[T], object] = lambda thing: thing,
    ) -> None:
        self.kind = kind
        self._of_functions = of_functions
        self._holds = holds
        self._group = group
        self._code = code
        self._items: dict[str, _Item[T]] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers its argument under `name`.

        What is registered again at a prompt or in a notebook, or by a module that is loaded again, takes the place of
        what came from there before.

        Raises:
            InputError: the name is taken by something else, or is no text; or what is registered is no function.
        """

        expect("name", name, str, f'the name of a {self.kind}, as in @register("name"),')

        def file_under_name(item: T) -> T:
            if self._of_functions:
                expect_function(self.kind, name, item)
            new = self._item(item)
            if name in self._items and not new.origin.supersedes(self._items[name].origin):
                raise InputError(f"{self.kind} {name!r} is registered twice: choose another name")
            self._items[name] = new
            return item

        return file_under_name

    def get(self, name: str) -> T:
        """Return what `name` stands for.

        Raises:
            UnknownNameError: nothing has that name; the message lists those that have one.
        """
        if name not in self:
            raise UnknownNameError(self.kind, name, self)
        return self._items[name].thing

    def is_own(self, name: str) -> bool:
        """Tell whether `name` stands for something of a user's own, and not for nothing or for one of kdtune's."""
        return name in self and not is_of_kdtune(self._code(self._items[name].thing))

    def __contains__(self, name: object) -> bool:
        if name not in self._items:
            for point in self._entry_points():
                if point.name == name and name not in self._items:
                    with own_code(
                        f"{self.kind} {name!r}: the installed package that has it can't be imported"
                    ):
                        found = point.load()
                    if name not in self._items:  # its module may have registered it on the way
                        self._items[point.name] = self._item(self._checked(point, found))
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._items, *(point.name for point in self._entry_points())}))

    def _item(self, thing: T) -> _Item[T]:
        return _Item(thing, _Origin.of(self._code(thing)))

    def _checked(self, point: EntryPoint, found: Any) -> T:
        """Return what an entry point names.

        Raises:
            InputError: it is nothing of this kind.
        """
        if self._of_functions:
            expect_function(self.kind, point.name, found)
        if self._holds is not None and not isinstance(found, self._holds):
            raise InputError(
                f"{self.kind} {point.name!r}: its entry point names {point.value}, and no {self.kind} of this name is "
                f'registered there: decorate the function with @kdtune.register_{self.kind}("{point.name}", …)'
            )
        return cast(T, found)

    def _entry_points(self) -> EntryPoints | tuple[()]:
        return () if self._group is None else _installed(self._group, tuple(sys.path))


def is_of_kdtune(code: object) -> bool:
    """Tell whether a function or a class is kdtune's, and not a user's."""
    return module_of(code).startswith("kdtune.")


def module_of(code: object) -> str:
    """Return the name of the module that a function or a class comes from; empty where it has none."""
    return str(getattr(code, "__module__", None) or "")


def expect_function(kind: str, name: str, function: object) -> Callable[..., Any]:
    """Return what is registered if it can be called.

    Raises:
        InputError: it can't.
    """
    if not callable(function):
        expect(f"{kind} {name!r}", function, (), "a function")
    return cast(Callable[..., Any], function)


def parameters_of(kind: str, name: str, function: object) -> list[inspect.Parameter]:
    """Return the parameters of a function that a user registers, which is called with all of them by name.

    Raises:
        InputError: it is no function, or does not say what it takes.
    """
    try:
        parameters = list(inspect.signature(expect_function(kind, name, function)).parameters.values())
    except (TypeError, ValueError):
        raise InputError(
            f"{kind} {name!r}: {function!r} does not say what it takes: write a function around it"
        ) from None
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise InputError(
                f"{kind} {name!r}: its function takes {parameter.name!r} only by position, and is given all by name: "
                "leave out the /, or write a function around it"
            )
    return parameters


@lru_cache
def _installed(group: str, _path: tuple[str, ...]) -> EntryPoints:
    """Return the entry points on the search path; kept, because each time the metadata of all packages are read."""
    return entry_points(group=group)
