"""Types of options that several loaders have: what a value may be, checked before anything is read."""

import datetime
from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(gt=0, lt=1)]
"""A part of the examples."""

Count = Annotated[int, Field(ge=1)]
"""A number of examples."""

Seed = Annotated[int, Field(ge=0)]
"""Of whatever is drawn."""

Written = str | int | float | bool | datetime.date
"""A name or value of a file; YAML may read what a person wrote as a number, a truth value or a date."""
