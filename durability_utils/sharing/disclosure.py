"""Disclosure control: the tables of a run as they may be shared. The private results stay as they are.

Whatever is shared is made from what `control` gives back, so there is one place at which small numbers stop. A count
has one name wherever it stands, and looks the same everywhere. Intervals are computed from counts as shown, so they
tell nothing more.

Rules. `nhs` (as NHS England publishes Talking Therapies): counts below 5 become `*`, others are rounded to the nearest
5; percentages are those of unrounded counts, in whole per cent, and hidden where the numerator, the denominator or the
rest is below 5, or one of them would be known exactly. `opensafely` (its output checks): 7 and below become
`[REDACTED]`, others are rounded to 5; totals are sums of rounded counts, percentages those of rounded counts. In both,
means, standard deviations and effect sizes have one decimal and stand only where their n does; a range, two patients'
values, never does; a level with a hidden n is left out with its name, a table without any shown n as a whole. What
could be worked out all the same is `withheld`: `disclosure_audit` finds it.
"""

from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

from durability_utils.outcomes.proportions import proportion, rounded_percent
from durability_utils.outcomes.representativeness import DESCRIBED, GROUPS
from durability_utils.outcomes.response import STAGES

LARGEST_HIDDEN = {"none": -1, "nhs": 4, "opensafely": 7}
SYMBOLS = {"none": "", "nhs": "*", "opensafely": "[REDACTED]"}
WITHHELD = "withheld"
BASE = 5  # counts are rounded to its multiples
WORDS = {
    "none": "Counts are exact: no disclosure control was applied.",
    "nhs": "Counts below 5 are shown as *, all others rounded to the nearest 5. Percentages were computed from "
           "unrounded counts and are left out where a count behind them is below 5; intervals were computed from "
           "rounded counts.",
    "opensafely": "Counts of 7 or fewer are shown as [REDACTED], all others rounded to the nearest 5. Totals, "
                  "percentages and intervals were computed from rounded counts.",
}

Count = tuple[str, ...]           # service, step, table, then what is counted; `total` last where it is a sum of others
TableName = tuple[str, str, str]  # service, step, name of the CSV file without its ending


# -- which counts a table holds --------------------------------------------------------------------

def named_counts(service: str, step: str, name: str, table: pd.DataFrame) -> dict[str, list[Count]]:
    """The columns of a table that hold counts, each with the name of the count in every row."""
    def named(kind: str, *columns: Iterable[str]) -> list[Count]:
        return [(service, step, kind, *row) for row in zip(*columns, strict=True)]

    def response(*stages: str, of: str = service) -> list[Count]:
        return [(of, "all", "response", stage) for stage in stages]

    totals = ["total"] * len(table)
    if name == "response_rates":
        # the row of all services is their sum: `opensafely` adds up what it shows of each
        return {stage: [(of, "all", "response", stage, *["total"] * (of == "all" and len(table) > 1))
                        for of in table["service"]] for stage in ("discharged", *STAGES)}
    if name == "response_flow":
        scored = [(service, "all", f"{outcome}_6m", "total") for outcome in ("improvement", "recovery")]
        return {"n": [*response("discharged", "consented", "either_follow_up"), *scored]}
    if name == "response_by_mode":
        return {"n": named("mode", table["time"], table["mode"]), "of": named("mode", table["time"], totals)}
    if name == "sample_characteristics":
        levels = table["level"].mask(table["variable"] == "age", "n")
        wholes = [(service, step, "sample", "step", "total" if variable == "step" else level)
                  if variable in ("step", "sessions") else response("either_follow_up")[0]
                  for variable, level in zip(table["variable"], levels, strict=True)]
        return {"n": named("sample", table["variable"], levels), "of": wholes}
    if name == "representativeness_effects":
        return {"n": named("group", table["variable"], [GROUPS[2]] * len(table)),
                "n_against": named("group", table["variable"], table["against"])}
    if name.startswith("representativeness"):
        return {"n": named("group", table["variable"], table["group"])}
    kind = name.removeprefix("reliable_").replace("_rates", "_6m")
    counts = {"n": named(kind, *(table[column] for column in table.loc[:, :"n"].columns[:-1]))}
    return counts | ({"of": named(kind, table["end"], totals)} if "of" in table else {})


def exact_counts(tables: dict[TableName, pd.DataFrame]) -> dict[Count, int]:
    """Every count of the tables by its name. Raises ValueError where two disagree: they are of different runs."""
    exact: dict[Count, int] = {}
    for (service, step, name), table in tables.items():
        for column, counts in named_counts(service, step, name, table).items():
            for count, n in zip(counts, table[column].astype(int), strict=True):
                if exact.setdefault(count, int(n)) != n:
                    raise ValueError(f"{'/'.join(count)} is {exact[count]} in one table and {n} in {name}")
    return exact


def exact_sums(tables: dict[TableName, pd.DataFrame]) -> dict[Count, int]:
    """The sum of whole numbers behind every mean, by the count of those whose numbers they are."""
    sums = {}
    for (service, step, name), table in tables.items():
        if name == "sample_characteristics":
            table = table[table["variable"].isin(["age", "sessions"]) & ~table["level"].isin(["sd", "min", "max"])]
            table = table.rename(columns={"value": "mean"})
        elif name != "representativeness":
            continue
        counts = named_counts(service, step, name, table)["n"]
        sums |= {count: round(mean * n) if n else 0
                 for count, mean, n in zip(counts, table["mean"], table["n"], strict=True)}
    return sums


def group_of(count: Count) -> Count:
    """The counts that are withheld together: a table of one service and step, or a variable of it."""
    return count[:4] if count[2] in ("sample", "group", "mode") else count[:3]


def parts_of(exact: Iterable[Count]) -> dict[Count, list[Count]]:
    """The counts that each total is the sum of, within its table, and of services in `response_rates`."""
    parts = defaultdict(list)
    exact = list(exact)
    totals = {count for count in exact if count[-1] == "total"}
    for count in exact:
        if count not in totals:
            for depth in range(3, len(count)):
                if (total := (*count[:depth], "total")) in totals:
                    parts[total].append(count)
            if count[2] == "response" and count[0] != "all" and (pooled := ("all", *count[1:], "total")) in totals:
                parts[pooled].append(count)
    return dict(parts)


# -- what is shown ---------------------------------------------------------------------------------

def shown_count(n: int, rule: str) -> int | str:
    """One count as the rule shows it."""
    if n <= LARGEST_HIDDEN[rule]:
        return SYMBOLS[rule]
    return n if rule == "none" else BASE * round(n / BASE)


def bounds(shown: int, rule: str) -> tuple[int, int]:
    """The smallest and the largest count that the rule shows as this number."""
    return max(shown - BASE // 2, LARGEST_HIDDEN[rule] + 1), shown + BASE // 2


def tells_exactly(percent: int, n: int, of: int) -> bool:
    """Whether a percentage beside its rounded counts leaves only one possibility for one of them."""
    lowest, highest = bounds(n, "nhs")
    first, last = bounds(of, "nhs")
    possible = [(part, whole) for whole in range(first, last + 1) for part in range(lowest, min(highest, whole) + 1)
                if rounded_percent(part, whole) == percent]
    return any(len(set(values)) < 2 for values in zip(*possible, strict=True))


class Controlled:
    """The tables of a run under a rule; left out are the groups of counts in `withheld`, the rates of `without_rates`.

    tables: by service, step and name, all cells texts. shown: every count as it stands there. percentages: per cent by
    (n, of); means by their count. The last three are all that somebody outside could reckon with. exact, sums:
    the true counts, and the true sums behind all means, shown or not.
    """

    def __init__(self, tables: dict[TableName, pd.DataFrame], rule: str, withheld: frozenset[Count] = frozenset(),
                 without_rates: frozenset[Count] = frozenset()):
        self.rule, self.without_rates = rule, without_rates
        self.exact = exact_counts(tables)
        self.parts = parts_of(self.exact)
        self.shown = {count: WITHHELD if group_of(count) in withheld else shown_count(n, rule)
                      for count, n in self.exact.items()}
        if rule == "opensafely":
            self.shown |= {total: sum(n for n in map(self.shown.get, parts) if isinstance(n, int))
                           for total, parts in self.parts.items() if self.shown[total] != WITHHELD}
        self.percentages: dict[tuple[Count, Count], int] = {}
        self.means: dict[Count, float] = {}
        self.sums = exact_sums(tables)
        self.tables = {key: self._table(*key, table) for key, table in tables.items() if self._shows(key, table)}

    def _shows(self, key: TableName, table: pd.DataFrame) -> bool:
        first, *_ = named_counts(*key, table).values()
        return any(map(self._is_shown, first))

    def _table(self, service: str, step: str, name: str, table: pd.DataFrame) -> pd.DataFrame:
        counts = named_counts(service, step, name, table)
        shown = table.astype("object")
        for column, names in counts.items():
            shown[column] = [str(self.shown[count]) for count in names]
        if name == "response_rates":
            for stage in STAGES:
                of = counts["discharged" if stage == "consented" else "consented"]
                shown = self._with_rates(shown, counts[stage], of, f"{stage}_")
        elif {"share", "low", "high"} <= set(table):
            shown = self._with_rates(shown, counts["n"], counts["of"])
        elif name == "sample_characteristics":
            shown = self._sample(shown, table, counts)
        elif name == "representativeness_effects":
            self._effects(shown, table, counts)
        elif name.startswith("representativeness"):
            self._comparison(shown, table, counts["n"])
        return shown.reset_index(drop=True)

    def _is_shown(self, *counts: Count) -> bool:
        return all(isinstance(self.shown[count], int) for count in counts)

    def _hidden(self, *counts: Count) -> str:
        return WITHHELD if WITHHELD in map(self.shown.get, counts) else SYMBOLS[self.rule]

    def _with_rates(self, shown: pd.DataFrame, n: list[Count], of: list[Count], prefix: str = "") -> pd.DataFrame:
        """The table with per cent, and its interval, in the place of a share."""
        rates = [self._rate(*pair) for pair in zip(n, of, strict=True)]
        columns = (f"{prefix}{name}" for name in ("share", "low", "high"))
        shown = shown.assign(**dict(zip(columns, zip(*rates, strict=True), strict=True)))
        return shown.rename(columns={f"{prefix}share": f"{prefix}percent"})

    def _rate(self, n: Count, of: Count) -> tuple[str, str, str]:
        """Per cent with the ends of its interval, as texts."""
        rest_hidden = self.rule == "nhs" and self.exact[of] - self.exact[n] <= LARGEST_HIDDEN["nhs"]
        if not self._is_shown(n, of) or rest_hidden:
            return (self._hidden(n, of),) * 3
        if self.shown[of] == 0:
            return "", "", ""
        if group_of(n) in self.without_rates:
            return (WITHHELD,) * 3
        counts = self.exact if self.rule == "nhs" else self.shown
        percent = rounded_percent(counts[n], counts[of])
        if self.rule == "nhs":  # a percentage of rounded counts tells nothing more
            if tells_exactly(percent, self.shown[n], self.shown[of]):
                return (SYMBOLS["nhs"],) * 3
            self.percentages[n, of] = percent
        interval = proportion(self.shown[n], self.shown[of])
        return str(percent), f"{100 * interval.low:.0f}", f"{100 * interval.high:.0f}"

    def _sample(self, shown: pd.DataFrame, table: pd.DataFrame, counts: dict[str, list[Count]]) -> pd.DataFrame:
        """Shares in per cent, means; without the levels of which the number is hidden."""
        rows = zip(table["variable"], table["level"], table["value"], counts["n"], counts["of"], strict=True)
        shown["value"] = [
            self._rate(n, of)[0] if variable in (*DESCRIBED, "step")
            else self._value(value, [n]) if level in ("sd", "min", "max")
            else self._mean(n, value)
            for variable, level, value, n, of in rows]
        is_range = table["level"].isin(["min", "max"]) & (self.rule != "none")
        return shown[~is_range & pd.Series(map(self._is_shown, counts["n"]), table.index)]

    def _comparison(self, shown: pd.DataFrame, table: pd.DataFrame, n: list[Count]) -> None:
        """Means and deviations where their n is shown, letters and p where all of a variable's are."""
        of_variable = defaultdict(list)
        for count in n:
            of_variable[count[:-1]].append(count)
        shown["mean"] = [self._mean(count, mean) for count, mean in zip(n, table["mean"], strict=True)]
        shown["sd"] = [self._value(sd, [count]) for count, sd in zip(n, table["sd"], strict=True)]
        shown["letters"] = [self._value(letters, of_variable[count[:-1]], "{}")
                            for count, letters in zip(n, table["letters"], strict=True)]
        shown["p"] = [self._value(p, of_variable[count[:-1]], "{:.3f}" if not p < 0.001 else "< 0.001")
                      for count, p in zip(n, table["p"], strict=True)]

    def _effects(self, shown: pd.DataFrame, table: pd.DataFrame, counts: dict[str, list[Count]]) -> None:
        """Hedges' g to one decimal, its interval computed from that and the counts as shown."""
        import pingouin  # seconds: most of this module does without

        pairs = list(zip(counts["n"], counts["n_against"], strict=True))
        shown["g"] = [self._value(g, pair) for g, pair in zip(table["g"], pairs, strict=True)]
        limits = [pingouin.compute_esci(stat=float(g), nx=self.shown[n], ny=self.shown[against], eftype="hedges")
                  if self._is_shown(n, against) and g else (g, g)
                  for g, (n, against) in zip(shown["g"], pairs, strict=True)]
        shown["low"], shown["high"] = ([f"{value:.1f}" if isinstance(value, float) else value for value in ends]
                                       for ends in zip(*limits, strict=True))

    def _mean(self, count: Count, mean: float) -> str:
        text = self._value(mean, [count])
        if self._is_shown(count) and text:
            self.means[count] = float(text)
        return text

    def _value(self, value, counts: Iterable[Count], form: str = "{:.1f}") -> str:
        """A value as text where the counts behind it are shown; blank where there is none."""
        if not self._is_shown(*counts):
            return self._hidden(*counts)
        return "" if pd.isna(value) else form.format(value).replace("-0.0", "0.0")
