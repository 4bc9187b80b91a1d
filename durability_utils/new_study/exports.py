"""An export of a new study: its table, and what else its file tells, as labels, other sheets, lines below the table."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from pathlib import Path

import pandas as pd

from durability_utils.cohort.exports import check_file, read_export
from durability_utils.cohort.file_notes import file_notes
from durability_utils.cohort.formats import file_format
from durability_utils.study.column_maps import ColumnMap, normalise
from durability_utils.study.measures import Measure

_OF_ALL = re.compile("((grand |sub)?totals?|sum|mean|average|median|counts?|sd|std|all patients|n ?=|notes?|source|"
                     r"report|printed|extracted|generated|end of)\b.*", re.IGNORECASE)
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_YEAR = "(19|20)[0-9]{2}"
_DATE = re.compile(rf"(?<![0-9a-z])({_YEAR}[-_. ]?(0[1-9]|1[0-2])([-_. ]?[0-3][0-9])?|{_YEAR}[-_. ]?({_MONTH}|q[1-4])?|"
                   rf"([0-3]?[0-9][-_. ]?)?{_MONTH}[-_. ]?({_YEAR}|[0-9]{{2}})|q[1-4][-_. ]?{_YEAR}|"
                   rf"([0-3]?[0-9][-_. ])?(0[1-9]|1[0-2])[-_. ]?{_YEAR})(?![0-9a-z])", re.IGNORECASE)

# `all` is every service together; the others are no names of files on Windows
_RESERVED = {"all", "con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class Export:
    """An export as `read_export` gives it, and the measures that its scores may be of; its file and format.

    `remarks`: what a person has to know of the file. What further lines of names, SPSS and Stata files say of columns:
    `descriptions`, by column; `labels`, by column and normalised code. `later`: further files of the same columns.
    """

    table: pd.DataFrame
    measures: dict[str, Measure]
    descriptions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    path: Path = Path()
    form: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    later: tuple[Path, ...] = ()

    @cached_property
    def counts(self) -> dict[str, pd.Series]:
        """For each column with a name of its own: value -> rows, the commonest first, without blanks."""
        names = pd.Series(self.table.columns)
        own = names[(names != "") & ~names.str.casefold().duplicated(keep=False)]
        return {name: self.table[name].value_counts().drop("", errors="ignore") for name in own}

    def counted(self, names: Iterable[str]) -> pd.Series:
        """The same of several columns together."""
        return pd.concat([self.counts[name] for name in names]).groupby(level=0).sum().sort_values(ascending=False)


def read_new_export(path: Path, measures: dict[str, Measure]) -> Export:
    """An export that nobody has described. Raises InputError where it cannot be used."""
    import pyreadstat

    check_file(path)
    form = file_format(path)
    table = read_export(path, ColumnMap(columns={}, file={key: form[key] for key in form if key != "data"}), [])
    more_names = table.index < int(form.get("data", 0))
    texts, table = table[more_names].head(1), table[~more_names]
    remarks = (*(note.means for note in file_notes(path, ColumnMap(columns={}, file=form))), *_below_the_table(table))
    read = {".sav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta}.get(path.suffix.lower())
    if read is None:
        descriptions = {name: text for name, text in zip(texts, *texts.to_numpy(), strict=True) if text} if len(
            texts) else {}
        return Export(table, measures, descriptions, path=path, form=form, remarks=remarks)
    _, meta = read(path, metadataonly=True)
    labels = {name: {normalise(str(code)): label for code, label in codes.items()}
              for name, codes in meta.variable_value_labels.items()}
    descriptions = {name: label for name, label in meta.column_names_to_labels.items() if label}
    return Export(table, measures, descriptions, labels, path, form, remarks)


def months_together(exports: list[Export]) -> list[Export]:
    """The exports; as one those of the same columns and form whose names differ by a date only, as 2024-04, apr_24."""
    months = defaultdict(list)
    for number, export in enumerate(exports):
        stem = without_date(export.path.stem)
        months[number if stem is None else (stem, *export.table, *export.form.items())].append(export)
    return [_together(found) if len(found) > 1 else found[0] for found in months.values()]


def without_date(name: str) -> str | None:
    """A name without its date; None where it has none."""
    left, dates = _DATE.subn("_", name)
    return left.strip("_-. ") if dates else None


def plain_name(stem: str, taken: Iterable[str]) -> str:
    """A plain name from a file's, that none of `taken` is; letter case does not count."""
    ascii_only = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub("[^A-Za-z0-9-]+", "_", ascii_only).strip("_-") or "service"
    name = f"service_{name}" if name.casefold() in _RESERVED else name
    names, taken = chain([name], (f"{name}_{number}" for number in count(2))), {*map(str.casefold, taken)}
    return next(name for name in names if name.casefold() not in taken)


def _together(exports: list[Export]) -> Export:
    exports = sorted(exports, key=lambda export: export.path.name)
    others = [export.path for export in exports[1:]]
    remarks = [f"CHECK: read as one export with {', '.join(path.name for path in others)}: the same columns, and names "
               "that differ by a date"]
    remarks += [f"{export.path.name}: {remark}" for export in exports for remark in export.remarks]
    table = pd.concat([export.table for export in exports], ignore_index=True)
    return replace(exports[0], table=table, remarks=tuple(remarks), later=tuple(others))


def _below_the_table(table: pd.DataFrame) -> list[str]:
    """Remarks on the last rows where they are no patient's."""
    remarks = []
    for line, row in table.tail(5).iterrows():
        texts = [text for text in row if text]
        if texts and (_OF_ALL.fullmatch(texts[0]) or (len(texts) == 1 and len(row) > 3)):
            remarks.append(f"line {line} is no patient's, but a row of totals or a note: it will be refused")
    return remarks
