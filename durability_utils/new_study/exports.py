"""An export of a new study with its format, and the labels of an SPSS or Stata file."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from durability_utils.cohort.exports import file_format, read_export
from durability_utils.study.column_maps import ColumnMap, normalise
from durability_utils.study.measures import Measure


@dataclass(frozen=True)
class Export:
    """An export as `read_export` gives it, and the measures that its scores may be of; its file and format.

    What SPSS and Stata files say of columns: `descriptions`, by column; `labels`, by column and normalised code.
    """

    table: pd.DataFrame
    measures: dict[str, Measure]
    descriptions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    path: Path = Path()
    form: dict[str, str] = field(default_factory=dict)

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

    form = file_format(path)
    table = read_export(path, ColumnMap(columns={}, file=form), [])
    read = {".sav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta}.get(path.suffix.lower())
    if read is None:
        return Export(table, measures, path=path, form=form)
    _, meta = read(path, metadataonly=True)
    labels = {name: {normalise(str(code)): label for code, label in codes.items()}
              for name, codes in meta.variable_value_labels.items()}
    descriptions = {name: label for name, label in meta.column_names_to_labels.items() if label}
    return Export(table, measures, descriptions, labels, path, form)
