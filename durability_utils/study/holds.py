"""What a table holds, as it says itself where it is written: nobody has to guess it from the names of files."""

import json
from dataclasses import asdict, dataclass, field, replace
from itertools import compress
from pathlib import Path
from string import Formatter

import pandas as pd

from durability_utils.study.errors import InputError


@dataclass(frozen=True)
class Holds:
    """What stands in the columns of a table; a column that no field names is known to nobody.

    title: one line for people; without one no page shows the table, since another holds the same counts.
    counts: for each column of counts their names, the first column those of the patients whom a row is about. A name
    says the kind of count, then what is counted, with `total` last where it is the sum of all counts that begin alike:
    `mode/6m/post` is one of `mode/6m/total`. It is a template over the row's other columns (`mode/{time}/{mode}`), or
    there is a list with a name a row. The same name is the same count, in whichever table of the service and step.
    rates: columns n and of for the prefix of each `share`, `low` and `high`.
    effects: the two columns of counts for each column of Hedges' g, beside which stand its `low` and `high` and the SDs
    of both groups, `sd` and `sd_against`.
    statistics: what each other column is, in all rows or as a list: `share` (of the first column of counts in the
    last), `mean`, `sd` or `range` (of the first), `effective` (sample size), `letters` or `p` (of all groups compared),
    or what people call it.
    estimates: for each column of a model's share the column of counts of those from whom it was estimated; the columns
    `low` and `high`, if they are no `private` ones, are the interval of all.
    private: columns of which no bundle has anything, nor is reckoned with them.
    words: columns of words besides those of templates. service: the column that says whose row it is; where there are
    several, the row `all` is the sum of the others. patients: a row is a patient, or an answer of one.
    """

    title: str = ""
    counts: dict[str, str | list[str]] = field(default_factory=dict)
    rates: dict[str, tuple[str, str]] = field(default_factory=dict)
    effects: dict[str, tuple[str, str]] = field(default_factory=dict)
    statistics: dict[str, str | list[str]] = field(default_factory=dict)
    estimates: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    service: str = ""
    patients: bool = False

    @property
    def kinds(self) -> set[str]:
        """The kinds of its counts."""
        return {name.split("/")[0] for names in self.counts.values()
                for name in ([names] if isinstance(names, str) else names)}

    @property
    def numbers(self) -> set[str]:
        """The columns of numbers."""
        ends = ("low", "high", "sd", "sd_against") if self.effects else ("low", "high") if self.estimates else ()
        rates = (f"{prefix}{end}" for prefix in self.rates for end in ("share", "low", "high"))
        statistics = (column for column, what in self.statistics.items() if what != "letters")
        return {*self.counts, *rates, *self.effects, *self.estimates, *ends, *statistics}

    @property
    def labels(self) -> set[str]:
        """The columns of words that say what a row is about, `service` apart."""
        templates = (names for names in self.counts.values() if isinstance(names, str))
        return {name for text in templates for _, name, *_ in Formatter().parse(text) if name}.union(self.words)

    @property
    def columns(self) -> set[str]:
        """All columns of which it says what they hold."""
        return {*self.numbers, *self.labels, *self.statistics, *self.private, *filter(None, [self.service])}

    def rows(self, kept: list[bool]) -> "Holds":
        """The same of some rows of the table."""
        def some(columns: dict) -> dict:
            return {column: given if isinstance(given, str) else [*compress(given, kept)]
                    for column, given in columns.items()}

        return replace(self, counts=some(self.counts), statistics=some(self.statistics))

    def names(self, rows: list[dict]) -> dict[str, list[tuple[str, ...]]]:
        """The name of the count in each row of each column of counts, in its parts."""
        return {column: [tuple(part.format_map(row) for part in names.split("/")) for row in rows]
                if isinstance(names, str) else [tuple(name.split("/")) for name in names]
                for column, names in self.counts.items()}

    def check(self, table: pd.DataFrame, name: str) -> None:
        """Raises InputError, naming the table, where what is said to be in it is not."""
        counts = {column for pair in (*self.rates.values(), *self.effects.values()) for column in pair}
        counts |= {*self.estimates.values()}
        if absent := sorted(self.columns.difference(table.columns) | counts.difference(self.counts)):
            raise InputError(f"{name}: is said to hold {', '.join(absent)}; expected columns of the table, which are "
                             f"{', '.join(map(str, table.columns))}")
        for column, given in (self.counts | self.statistics).items():
            if not isinstance(given, str) and len(given) != len(table):
                raise InputError(f"{name}: column {column} is said to hold {len(given)} things; expected one for each "
                                 f"of its {len(table)} rows")

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def read_holds(path: Path) -> Holds:
    """What the table beside this JSON file holds; InputError where it says nothing that can be understood."""
    try:
        return Holds(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path.name}: expected what `write_table` writes beside a table ({error}); run its notebook "
                         "again") from None
