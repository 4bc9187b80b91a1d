"""Disclosure control: the tables of a run as they may be shared. The private results stay as they are.

Whatever is shared is made from what `audit.control_safely` gives back, so there is one place at which small numbers
stop. A count has one name wherever it stands, and looks the same everywhere.

Rules. `nhs`: counts below 5 become `*`, others are rounded to the nearest 5. `opensafely` (its output checks): 7 and
below become `[REDACTED]`, others are rounded to 5; totals are sums of rounded counts. In both, percentages and
intervals are computed from the counts as shown, so they tell nothing more, and stand where these leave them within ten
points; means and standard deviations have one decimal and stand only where their n does and is 8 or more, and the SD
1.2 or more, and effect sizes, letters and p follow from them; a range, two patients' values, never stands; a level with
a hidden n is left out with its name, and levels are listed by name; a table without any shown n is left out as a whole.
A share by a model is shown as one of rounded counts: to the nearest 5 of those from whom it was estimated. What else
has to be hidden, so that nothing hidden can be worked out, `audit` finds; it looks no different.

NHS England hides and rounds counts like this, and computes percentages from unrounded ones ("Key Metrics Dashboard/KM
monthly update - Suppressed.sql" in its repository nhsengland/Talking-Therapies). It shows few rates of large groups.
Here the same few patients stand in many tables, and percentages of unrounded counts would undo the rounding.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from durability_utils.outcomes.proportions import Proportion, proportion, rounded_percent
from durability_utils.outcomes.representativeness import VARIABLES, compared_again, hedges_g
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds

LARGEST_HIDDEN = {"none": -1, "nhs": 4, "opensafely": 7}
SYMBOLS = {"none": "", "nhs": "*", "opensafely": "[REDACTED]"}
BASE = 5  # counts are rounded to its multiples
# A percentage stands only where rounding can have moved it by no more points: 10 of 15, 67 %, could be 8 of 17, 47 %.
# It follows from the counts that are shown, so that neither its absence nor its presence tells anything.
FARTHEST = 10
FEWEST_MODELLED = 30  # of fewer answers `analyses.attrition` fits no model
FEWEST_OF_MEANS, LEAST_SPREAD = 8, 1.15  # of fewer patients, and of more alike ones, no mean is shown
WORDS = {
    "none": "Counts are exact: no disclosure control was applied.",
    "nhs": "Counts below 5 are shown as *, and so is what would give counts away; all others are rounded to the "
           "nearest 5. Percentages were computed from rounded counts, and their intervals allow for the rounding; one "
           "that rounding could have moved by more than 10 points is shown as *.",
    "opensafely": "Counts of 7 or fewer are shown as [REDACTED], and so is what would give counts away; all others "
                  "are rounded to the nearest 5. Totals and percentages were computed from rounded counts, and their "
                  "intervals allow for the rounding; one that rounding could have moved by more than 10 points is "
                  "shown as [REDACTED].",
}
STATISTICS = {"share", "mean", "sd", "range", "effective", "letters", "p"}

# -- which counts a table holds --------------------------------------------------------------------

class Count(NamedTuple):
    """The name of a count: `what` is counted by the table's rows, `total` last where it is a sum of others."""

    service: str
    step: str
    kind: str
    what: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.service, self.step, self.kind, *self.what))

    @property
    def is_total(self) -> bool:
        return self.what[-1:] == ("total",)

    def below(self, *more: str) -> "Count":
        """The count of this name and more."""
        return self._replace(what=(*self.what, *more))


class Table(NamedTuple):
    """A table with what it holds, and the name of the count in every row of its columns of counts."""

    cells: pd.DataFrame
    holds: Holds
    counts: dict[str, list[Count]]

    @property
    def first(self) -> list[Count]:
        """The count of those whom each row is about."""
        return next(iter(self.counts.values()))

    @property
    def every_count(self) -> list[Count]:
        return [count for counts in self.counts.values() for count in counts]

    @property
    def is_controlled(self) -> bool:
        """Whether small numbers can be kept out of each of its columns: whole numbers, and what follows from them."""
        if self.holds.patients or not self.counts or set(self.cells) != self.holds.columns:
            return False
        means = {count.what[0] for kinds in self.statistics.values()
                 for count, kind in zip(self.first, kinds, strict=True) if kind == "mean"}
        return (set().union(*self.statistics.values()) <= STATISTICS and means <= set(VARIABLES)
                and all(self.cells[column].mod(1).eq(0).all() for column in self.counts))

    @property
    def statistics(self) -> dict[str, list[str]]:
        """Of each column of `Holds.statistics` what stands in every row."""
        return {column: [kind] * len(self.cells) if isinstance(kind, str) else kind
                for column, kind in self.holds.statistics.items()}


TableName = tuple[str, str, str]  # service, step, name of the CSV file without its ending
Tables = dict[TableName, Table]


def table_of(service: str, step: str, cells: pd.DataFrame, holds: Holds) -> Table:
    """A table of one service and step with its counts named."""
    whose = cells[holds.service] if holds.service else [service] * len(cells)
    return Table(cells, holds, {
        column: [Count(of, step, name[0], name[1:]) for of, name in zip(whose, names, strict=True)]
        for column, names in holds.names(cells.to_dict("records")).items()})


def exact_counts(tables: Tables) -> dict[Count, int]:
    """Every count of the tables by its name. Raises InputError where two disagree: they are of different runs."""
    exact: dict[Count, int] = {}
    for (*_, name), table in tables.items():
        for column, counts in table.counts.items():
            for count, n in zip(counts, table.cells[column], strict=True):
                if exact.setdefault(count, int(n)) != n:
                    raise InputError(f"{count} is {exact[count]} in one table and {n} in {name}; expected the same "
                                     "count in all tables that name it")
    return exact


def exact_sums(tables: Tables, exact: dict[Count, int]) -> dict[Count, int]:
    """The sum of whole numbers behind every mean, by the count of those whose numbers they are."""
    return {count: round(mean * exact[count]) if exact[count] else 0 for count, mean in _numbers(tables, "mean")}


def exact_squares(tables: Tables, exact: dict[Count, int]) -> dict[Count, int]:
    """The sum of their squares behind every mean that stands with an SD."""
    sums = exact_sums(tables, exact)
    return {count: round(sums[count] ** 2 / max(n, 1) + (sd**2 * (n - 1) if n > 1 else 0))
            for count, sd in _numbers(tables, "sd") if count in sums for n in [exact[count]]}


def _numbers(tables: Tables, which: str) -> list[tuple[Count, float]]:
    """Every mean, or every SD, with the count of those whose it is."""
    found = [(count, number) for table in tables.values() for column, kinds in table.statistics.items()
             for count, kind, number in zip(table.first, kinds, table.cells[column], strict=True) if kind == which]
    if which == "sd":
        found += [(count, sd) for table in tables.values() for pair in table.holds.effects.values()
                  for of, column in zip(pair, ("sd", "sd_against"), strict=True)
                  for count, sd in zip(table.counts[of], table.cells[column], strict=True)]
    return found


def _told_by_means(tables: Tables, exact: dict[Count, int]) -> frozenset[Count]:
    """The counts of patients of whom a mean with its SD would tell values: few of them, or much the same values.

    Of all sets of 5 whole numbers from 0 to 27, of 6 to 21 and of 7 to 14, which look the same as `n` 5, mean and SD
    with one decimal: below an SD of 1.2 the smallest and the largest number are often known, and up to 1.0 sometimes
    all; with a mean near an end of the scale, whatever the SD. Eight and more are shown as 10 or more.
    """
    return frozenset(count for count, sd in _numbers(tables, "sd") if sd < LEAST_SPREAD).union(
        count for count, _ in _numbers(tables, "mean") if exact[count] < FEWEST_OF_MEANS)


def group_of(count: Count) -> Count:
    """The table of one service and step, or the variable of it, that a count belongs to."""
    return count._replace(what=count.what[:1] if count.kind in ("sample", "group", "mode") else ())


def parts_of(exact: dict[Count, int]) -> dict[Count, list[Count]]:
    """The counts that each total is the sum of, within its table."""
    parts = defaultdict(list)
    for count in exact:
        if not count.is_total:
            for total in (count._replace(what=(*count.what[:depth], "total")) for depth in range(len(count.what))):
                if total in exact:
                    parts[total].append(count)
    return dict(parts)


# -- what is shown ---------------------------------------------------------------------------------

def shown_count(n: int, rule: str) -> int | str:
    """One count as the rule shows it."""
    if n <= LARGEST_HIDDEN[rule]:
        return SYMBOLS[rule]
    return n if rule == "none" else BASE * round(n / BASE)


def bounds(shown: int, rule: str) -> tuple[int, int]:
    """The smallest and the largest count that the rule shows as this number."""
    if rule == "none":
        return shown, shown
    return max(shown - BASE // 2, LARGEST_HIDDEN[rule] + 1), shown + BASE // 2


class Controlled:
    """The tables of a run under a rule; the counts in `hidden` and the means in `without_means` are hidden, too.

    tables: by service, step and name, all cells texts; `given` has what they hold. shown: every count as it stands
    there. rates: per cent with its interval, as texts, by (n, of). means, spreads (SDs): those that are shown, by their
    count. relapsed: as so many of those followed a curve is shown. exact, sums, squares: the true counts, and the true
    sums of values and of their squares behind all means and SDs, shown or not.
    """

    def __init__(self, tables: Tables, rule: str, hidden: frozenset[Count] = frozenset(),
                 without_means: frozenset[Count] = frozenset()):
        self.given, self.rule, self.hidden = tables, rule, hidden
        self.exact = exact_counts(tables)
        self.parts = parts_of(self.exact)
        self.shown = {count: SYMBOLS[rule] if count in hidden else shown_count(n, rule)
                      for count, n in self.exact.items()}
        if rule == "opensafely":
            self.shown |= {total: self._total(total, parts) for total, parts in self.parts.items()}
        self.rates: dict[tuple[Count, Count], tuple[str, str, str]] = {}
        self.relapsed: dict[Count, int] = {}
        self.sums, self.squares = exact_sums(tables, self.exact), exact_squares(tables, self.exact)
        self.without_means = without_means | _told_by_means(tables, self.exact) if rule != "none" else frozenset()
        self.means, self.spreads = ({count: round(number, 1) for count, number in _numbers(tables, which)
                                     if self._is_shown(count) and count not in self.without_means
                                     and not pd.isna(number)} for which in ("mean", "sd"))
        self.tables = {key: self._table(table) for key, table in tables.items()
                       if any(map(self._is_shown, table.first))}

    def _total(self, total: Count, parts: list[Count]) -> int | str:
        """The sum of what is shown; hidden where nothing is, or where more than small counts are missing from it."""
        shown = [self.shown[part] for part in parts if self._is_shown(part)]
        return SYMBOLS[self.rule] if not shown or self.hidden & {total, *parts} else sum(shown)

    def bounds(self, count: Count) -> tuple[float, float]:
        """The smallest and the largest number that a count can be by what stands in its place."""
        if self.rule == "opensafely" and count in self.parts:  # it says what its parts say
            return tuple(map(sum, zip(*map(self.bounds, self.parts[count]), strict=True)))
        if self._is_shown(count):
            return bounds(self.shown[count], self.rule)
        return 0, np.inf if count in self.hidden else LARGEST_HIDDEN[self.rule]

    def _table(self, table: Table) -> pd.DataFrame:
        shown = table.cells.astype("object")
        shown = shown.assign(**{column: shown[column].map(str) for column in table.holds.labels.intersection(shown)})
        for column, names in table.counts.items():
            shown[column] = [str(self.shown[count]) for count in names]
        for prefix, columns in table.holds.rates.items():  # per cent in the place of a share
            pairs = list(zip(*(table.counts[column] for column in columns), strict=True))
            self.rates |= {pair: self._rate(*pair) for pair in pairs}
            ends = [f"{prefix}{end}" for end in ("share", "low", "high")]
            shown[ends] = np.array([self.rates[pair] for pair in pairs], object)
            shown = shown.rename(columns={ends[0]: f"{prefix}percent"})
        for column, pair in table.holds.effects.items():
            self._effects(shown, column, [table.counts[of] for of in pair])
        compared = defaultdict(list)
        for count in table.first:
            compared[group_of(count)].append(count)
        # the name of a level comes from the data, and so does the order in which a private table has them
        kept = np.array([count.kind != "sample" or self._is_shown(count) for count in table.first])
        for column, kinds in table.statistics.items():
            counts = zip(*table.counts.values(), strict=True)
            shown[column] = [self._statistic(kind, value, row, compared[group_of(row[0])])
                             for kind, value, row in zip(kinds, table.cells[column], counts, strict=True)]
            if self.rule != "none":
                kept &= np.array(kinds) != "range"  # two patients' values
        if table.holds.estimates:
            self._estimates(shown, table)
            shown = shown.rename(columns={column: f"{column}_percent" for column in table.holds.estimates})
        variables = list(map(str, compared))
        order = sorted(range(len(shown)), key=lambda row: (
            (variables.index(str(group_of(table.first[row]))), str(table.first[row]))
            if table.first[row].kind == "sample" else (0, "")))
        return shown.iloc[[row for row in order if kept[row]]].reset_index(drop=True)

    def _is_shown(self, *counts: Count) -> bool:
        return all(isinstance(self.shown[count], int) for count in counts)

    def _rate(self, n: Count, of: Count) -> tuple[str, str, str]:
        """Per cent with the ends of its interval, as texts; of all counts that look the same the widest one.

        Hidden where it could be farther than FARTHEST from what is shown.
        """
        if self.shown[of] == 0:
            return "", "", ""
        # where all are shown to be in it, whoever is not was rounded away: 100 % would deny them
        if not self._is_shown(n, of) or (self.rule != "none" and self.shown[n] == self.shown[of]):
            return (SYMBOLS[self.rule],) * 3
        percent = rounded_percent(self.shown[n], self.shown[of])
        lowest, highest = self._least_and_largest(n, of)
        if percent - 100 * lowest.share > FARTHEST or 100 * highest.share - percent > FARTHEST:
            return (SYMBOLS[self.rule],) * 3
        return str(percent), f"{100 * lowest.low:.0f}", f"{100 * highest.high:.0f}"

    def _least_and_largest(self, n: Count, of: Count) -> tuple[Proportion, Proportion]:
        """The least and the largest share that look as this one, where they are shown with the rest of the total.

        The rest makes complements agree: 71 % of 35 stands where 29 % of 35 does.
        """
        (fewest, most), (least, whole) = self.bounds(n), self.bounds(of)
        rest, parts = (0, np.inf), self.parts.get(of, ())
        if n in parts and self._is_shown(*parts):
            rest = tuple(map(sum, zip(*(self.bounds(part) for part in parts if part != n), strict=True))) or rest
        low, high = (min(max(end, least), whole) for end in (fewest + rest[1], most + rest[0]))
        return proportion(max(fewest, low - rest[1]), low), proportion(min(most, high - rest[0]), high)

    def _estimates(self, shown: pd.DataFrame, table: Table) -> None:
        """Shares by a model, in place, in per cent of those from whom they were estimated, to 5 of these as shown.

        Shown where all counts of the row are, and where no fewer than the smallest count that is shown have it, or have
        it not. Those of answers, to which a model is fitted, only where the numbers tell already that one can be: of
        FEWEST_MODELLED, and of more than a small number who lost it. The ends of an interval are rounded outwards.

        A curve is shown as a count would be of those at risk in its first month, so that it is level where the estimate
        is, and tells no more than such counts. Its interval would tell its relapses: in its place stands Wilson's of
        those at risk, from the numbers as shown, which is no narrower than Greenwood's.
        """
        estimated, least = table.holds.estimates, shown_count(LARGEST_HIDDEN[self.rule] + 1, self.rule)
        numbers = table.cells[[*estimated, "low", "high"]].astype(float)
        if self.rule == "none":
            shown[[*numbers]] = numbers.map(lambda share: "" if pd.isna(share) else f"{100 * share:.0f}")
            return
        effective = [column for column, kind in table.holds.statistics.items() if kind == "effective"]
        first = {of.what[:-1]: of for of in table.first[::-1]}  # of each curve
        for at, counts in enumerate(zip(*table.counts.values(), strict=True)):
            of, shares = table.counts[next(iter(estimated.values()))][at], numbers.loc[at, [*estimated]]
            of_all = first[of.what[:-1]] if of.kind == "at_risk" else of
            near = [share * self.shown[of_all] for share in shares
                    if self._is_shown(of_all, *counts) and not pd.isna(share)]
            if of.kind == "at_risk":
                near = [n if isinstance(n, int) else 0 for n in (shown_count(round(n), self.rule) for n in near)]
            elif near and (self.bounds(of)[0] < FEWEST_MODELLED or (
                    self.exact[of] - self.exact[counts[-1]] <= LARGEST_HIDDEN[self.rule])):
                near = []
            else:
                near = [BASE * round(n / BASE) for n in near]
            if min(near, default=0) < least or max(near) > self.shown[of_all] - least:
                shown.loc[at, [*numbers, *effective]] = SYMBOLS[self.rule]
                continue
            if of.kind == "at_risk":
                self.relapsed[of] = near[0]
                ends = self._ends_of_curve(self.shown[of_all], near, int(self.bounds(of)[0]))
            else:
                low, high = numbers.loc[at, ["low", "high"]] * self.shown[of] / BASE
                ends = BASE * np.floor(low) / self.shown[of], min(BASE * np.ceil(high) / self.shown[of], 1)
            shown.loc[at, [*numbers]] = [*(str(rounded_percent(n, self.shown[of_all])) for n in near),
                                         *(f"{100 * end:.0f}" for end in ends)]

    def _ends_of_curve(self, followed: int, near: list[int], at_risk: int) -> tuple[float, float]:
        """Wilson's interval of at least so many at risk, for all shares that look as so many of those followed."""
        fewest, most = bounds(near[0], self.rule)[0], min(bounds(near[-1], self.rule)[1], followed)
        return (proportion(fewest * at_risk // followed, at_risk).low,
                proportion(-(-most * at_risk // followed), at_risk).high)

    def _effects(self, shown: pd.DataFrame, column: str, counts: list[list[Count]]) -> None:
        """Hedges' g with its interval, from n, mean and SD as shown: it tells nothing beyond them."""
        for sd, of in zip(("sd", "sd_against"), counts, strict=True):
            shown[sd] = [self._text(value, [n]) for value, n in zip(shown[sd], of, strict=True)]
        shown[[column, "low", "high"]] = [
            [f"{number:.1f}".replace("-0.0", "0.0") for number in hedges_g(
                means[0] - means[1], tuple(map(self.shown.get, pair)), tuple(map(self.spreads.get, pair)))]
            if self._have_means(pair) else [SYMBOLS[self.rule]] * 3
            for pair in zip(*counts, strict=True) for means in [[*map(self.means.get, pair)]]]

    def _have_means(self, counts: Iterable[Count]) -> bool:
        return {*counts} <= self.means.keys() & self.spreads.keys()

    def _compared(self, kind: str, value, here: Count, compared: list[Count]) -> str:
        """Letters, or p, of one of several groups, from n, mean and SD as shown of all of them."""
        if self.rule != "none":
            if not self._have_means(compared):
                return SYMBOLS[self.rule]
            letters, p = compared_again(frozenset((of.what[-1], self.shown[of], self.means[of], self.spreads[of])
                                                  for of in compared))
            value = letters[here.what[-1]] if kind == "letters" else p
        return value if kind == "letters" else "" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"

    def _statistic(self, kind: str, value, row: Sequence[Count], compared: list[Count]) -> str:
        """One of STATISTICS as text: `row` has the counts of its row, `compared` those of all groups compared."""
        if kind == "share":
            return self._rate(row[0], row[-1])[0]
        if kind in ("letters", "p"):
            return self._compared(kind, value, row[0], compared)
        text = self._text(value, row[:1])
        if kind == "effective" and text not in ("", SYMBOLS[self.rule]):
            return text if self.rule == "none" else str(shown_count(value, self.rule))
        return text

    def _text(self, value, counts: Iterable[Count]) -> str:
        """A value to one decimal where the counts and means behind it are shown; blank where there is none."""
        if not self._is_shown(*counts) or self.without_means.intersection(counts):
            return SYMBOLS[self.rule]
        return "" if pd.isna(value) else f"{value:.1f}".replace("-0.0", "0.0")
