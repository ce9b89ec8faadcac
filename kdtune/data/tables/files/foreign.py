"""Recognises files that are not delimited text by their first bytes, and knows what to do with each."""

import re

_AS_CSV = "save it as CSV (UTF-8)"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", f"an Excel workbook: {_AS_CSV}"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first"),
    (b"BZh", "compressed by bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed by xz: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first"),
    (b"<stata_dta>", f"a Stata file: {_AS_CSV}, as by pandas.read_stata(…).to_csv(…, index=False)"),
    (b"$FL2", f"an SPSS file: {_AS_CSV}, as by pandas.read_spss(…).to_csv(…, index=False)"),
    (b"$FL3", f"an SPSS file: {_AS_CSV}, as by pandas.read_spss(…).to_csv(…, index=False)"),
    (
        bytes(12) + b"\xc2\xea\x81\x60",
        f"a SAS file: {_AS_CSV}, as by pandas.read_sas(…).to_csv(…, index=False)",
    ),
    (
        b"HEADER RECORD*******",
        f"a SAS transport file: {_AS_CSV}, as by pandas.read_sas(…).to_csv(…, index=False)",
    ),
    (b"\x89HDF", f"an HDF5 file: {_AS_CSV} or Parquet, as by pandas.read_hdf(…).to_parquet(…)"),
    (b"ARROW1", "an Arrow (Feather) file: save it as Parquet, as by pandas.read_feather(…).to_parquet(…)"),
    (b"FEA1", "a Feather file: save it as Parquet, as by pandas.read_feather(…).to_parquet(…)"),
    (b"ORC", "an ORC file: save it as Parquet, as by pandas.read_orc(…).to_parquet(…)"),
    (b"SQLite format 3", f"an SQLite database: {_AS_CSV}"),
    (b"\x93NUMPY", f"a NumPy array: {_AS_CSV}"),
    (b"%PDF", f"a PDF: {_AS_CSV}"),
    (b"RDX", "an R data file: save it as CSV, as by write.csv(…, row.names = FALSE)"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data: run 'git lfs pull'"),
    (b"\x04\x22\x4d\x18", "compressed by lz4: unpack it first"),
    (b"\x80\x02", f"a Python pickle: {_AS_CSV}"),
    (b"\x80\x03", f"a Python pickle: {_AS_CSV}"),
    (b"\x80\x04", f"a Python pickle: {_AS_CSV}"),
    (b"\x80\x05", f"a Python pickle: {_AS_CSV}"),
)

_TEXT: tuple[tuple[bytes, str], ...] = (
    (b"@relation", f"an ARFF file (Weka, OpenML): {_AS_CSV}"),
    (b"<!doctype", "a web page, not the data: download it again"),
    (
        b"<table",
        "a table of a web page: save it as CSV (UTF-8), as by pandas.read_html(…)[0].to_csv(…, index=False)",
    ),
    (b"<html", "a web page, not the data: download it again"),
    (b"<?xml", f"XML: {_AS_CSV}"),
)

_JSON = re.compile(rb'(\{\s*("|$)|\[\s*([{\["]|$))')

SAMPLE_BYTES = 8192
"""How much of a file is looked at."""

_OLD_STATA = range(102, 120)
"""Older Stata files begin with the number of their format, the byte order (1 or 2), and 1."""


def foreign_format(sample: bytes) -> str | None:
    """Return what a file is and what to do with it, if its first bytes show that it is not delimited text."""
    if sample.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" in sample or b"xl/" in sample:
            return f"an Excel workbook: {_AS_CSV}"
        return "a zip archive: unpack it first"
    if sample[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    for magic, what in _MAGIC:
        if sample.startswith(magic):
            return what
    if len(sample) > 3 and sample[0] in _OLD_STATA and sample[1] in (1, 2) and sample[2] == 1:
        return f"a Stata file: {_AS_CSV}, as by pandas.read_stata(…).to_csv(…, index=False)"
    return _foreign_text(sample)


def _foreign_text(sample: bytes) -> str | None:
    lines = (line.strip().lower() for line in sample.removeprefix(b"\xef\xbb\xbf").splitlines())
    # An ARFF file may begin with comments.
    first = next((line for line in lines if line and not line.startswith(b"%")), b"")
    if _JSON.match(first):
        return f"JSON: {_AS_CSV}, as by pandas.read_json(…).to_csv(…, index=False)"
    return next((what for start, what in _TEXT if first.startswith(start)), None)
