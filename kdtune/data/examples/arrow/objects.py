"""Objects in memory as tables: a `Dataset`, a `DatasetDict` or a pyarrow table."""

import json
from collections.abc import Mapping
from typing import Any

from kdtune.data.examples.arrow.part import Part
from kdtune.data.examples.assemble import TEST, split_name
from kdtune.errors import DataError


def of_object(data: Any) -> list[Part]:
    """Return the tables of a `Dataset`, a `DatasetDict` or a pyarrow table."""
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return [Part(None, data, "the table")]
    if isinstance(data, Mapping):
        parts = []
        for key, item in data.items():
            split = split_name(str(key))
            if split is None:
                raise DataError(
                    f"from_hf: the split {key!r} is none of train, validation and {TEST}: leave it out"
                )
            parts += [Part(split, part.table, f"split {key!r}") for part in of_object(item)]
        return parts
    if hasattr(data, "with_format") and hasattr(data, "features"):
        table = data.with_format("arrow")[:]
        metadata = json.dumps({"info": {"features": data.features.to_dict()}})
        return [Part(None, table.replace_schema_metadata({"huggingface": metadata}), "the data set")]
    raise DataError(
        f"from_hf: a {type(data).__name__} is no datasets.Dataset, no DatasetDict, no pyarrow.Table and no path"
    )
