"""A student as one module from raw numbers to logits, for formats that are run without kdtune."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kdtune.data.images.views import Views
from kdtune.data.tables.preprocessing import Number, TablePreprocessing
from kdtune.student.raw_input import input_kind
from kdtune.student.student import Student, views_of


class Graph(nn.Module):
    """Preparation and network.

    Attributes:
        described: what its input is, as plain JSON.
        example: two raw examples of zeros.
    """

    def __init__(
        self, student: Student, preparation: nn.Module, example: Tensor, said: str, **more: Any
    ) -> None:
        super().__init__()
        self.preparation, self.network = preparation, student.module
        self.example = example
        self.described: dict[str, Any] = {
            "name": "input",
            "dtype": str(example.dtype).removeprefix("torch."),
            "shape": ["batch", *example.shape[1:]],
            "meaning": said,
            **more,
        }

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, float32 [n, classes]."""
        logits: Tensor = self.network(self.preparation(x))
        return logits.float()  # a network of the user's own may give another precision

    def raw(self, inputs: Tensor) -> Tensor:
        """Return the raw input of which a data set has made `inputs`."""
        return self.preparation.raw(inputs) if isinstance(self.preparation, Columns) else inputs


def graph_of(student: Student) -> Graph:
    """Return the graph of a student: it reads pixels, numbers as they are, the columns of a table, or token ids."""
    config = student.config
    preprocessing, shape = config["preprocessing"], list(config["input_shape"])
    match input_kind(preprocessing, shape):
        case "image":
            channels = "red, green, blue" if shape[0] == 3 else "grey" if shape[0] == 1 else "channels"
            graph = Graph(
                student,
                Affine(views_of(torch.zeros((2, *shape), dtype=torch.uint8), config)),
                torch.zeros((2, *shape), dtype=torch.uint8),
                f"pixels from 0 to 255 ({channels}), not normalised: the graph does that",
            )
        case "text":
            graph = Graph(
                student,
                nn.Identity(),
                torch.zeros((2, shape[0]), dtype=torch.int64),
                f"token ids from 0 to {shape[1] - 1}, 0 is padding; kdtune's config.json says how texts become ids",
            )
        case "table" if preprocessing.get("kind") == "table":
            columns = Columns(TablePreprocessing.from_dict(preprocessing))
            graph = Graph(
                student,
                columns,
                torch.zeros((2, len(columns.described)), dtype=torch.float64),
                "columns of the table in this order: numbers as they are, categories as their position in `values`, "
                "-1 for any other value, NaN where the value is missing",
                columns=columns.described,
            )
        case _:
            numbers = torch.zeros((2, *shape))
            graph = Graph(
                student,
                Affine(views_of(numbers, config)),
                numbers,
                "numbers as they are: the graph standardises them",
            )
    return graph.eval()


class Affine(nn.Module):
    """What `Views` does to plain inputs: a factor and a shift for each channel or column."""

    def __init__(self, views: Views) -> None:
        super().__init__()
        scale, shift = views.affine
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised inputs, float32."""
        scale, shift = self.get_buffer("scale"), self.get_buffer("shift")
        return x.to(torch.float32) * scale + shift


class Columns(nn.Module):
    """What `TablePreprocessing` does to columns, given categories as positions: float64 [n, columns] to features."""

    def __init__(self, preprocessing: TablePreprocessing) -> None:
        super().__init__()
        self.columns = preprocessing.columns

    @property
    def described(self) -> list[Mapping[str, Any]]:
        """The columns, as plain JSON."""
        return [
            {"name": column.name, "kind": "number"}
            if isinstance(column, Number)
            else {"name": column.name, "kind": "category", "values": list(column.categories)}
            for column in self.columns
        ]

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, float32 [n, features]."""
        features = []
        for k, column in enumerate(self.columns):
            values = x[:, k : k + 1]
            if isinstance(column, Number):
                filled = torch.where(torch.isnan(values), column.median, values)
                features.append((filled - column.mean) / column.scale)
                continue
            n = len(column.categories)
            missing = column.categories.index("") if "" in column.categories else -1
            places = torch.where(torch.isnan(values), float(missing), values)
            if column.rest:
                places = torch.where(places < 0, float(n), places)
            features.append((places == torch.arange(column.width, dtype=x.dtype)).to(x.dtype))
        return torch.cat(features, dim=1).to(torch.float32)

    def raw(self, features: Tensor) -> Tensor:
        """Return columns that have these features, float64 [n, columns]."""
        columns, start = [], 0
        for column in self.columns:
            if isinstance(column, Number):
                columns.append(features[:, start].double() * column.scale + column.mean)
                start += 1
                continue
            coded = features[:, start : start + column.width]
            places = torch.where(coded.amax(dim=1) > 0, coded.argmax(dim=1), -1)
            columns.append(torch.where(places < len(column.categories), places, -1).double())
            start += column.width
        return torch.stack(columns, dim=1)
