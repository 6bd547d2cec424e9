"""A report as CSV: a row for each day and combination of dimensions that something happened in."""

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import astuple, fields

from generations.reports.spending import DIMENSIONS, Figures, Filters, cells_of

HEADER = ["day", *DIMENSIONS, *(one.name for one in fields(Figures))]
# A spreadsheet takes a cell that starts like this for a formula (OWASP, CSV Injection), some also
# by the wide forms or after blanks.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def csv_lines(filters: Filters) -> Iterator[bytes]:
    """Yield the report line by line as UTF-8, header first; memory does not grow with it.

    A byte order mark comes before the header: without it Excel takes UTF-8 for the system's own
    encoding (support.microsoft.com, "Opening CSV UTF-8 files correctly in Excel"). Credits and
    counts are plain numbers, so that each column sums to the report's figure.
    """
    writer = csv.writer(_Echo())
    yield BOM_UTF8 + writer.writerow(HEADER)
    for cell, names in cells_of(filters):
        words = [safe_cell(names[dimension]) for dimension in DIMENSIONS]
        yield writer.writerow([cell.day.isoformat(), *words, *astuple(cell.figures)])


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet runs: what looks like a formula gets an apostrophe."""
    text = text.replace("\0", "")
    looks_like_one = text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    return f"'{text}" if looks_like_one else text


class _Echo:
    """A file that returns what is written to it, for the CSV writer to return."""

    def write(self, line: str) -> bytes:
        """Return the line as UTF-8."""
        return line.encode()
