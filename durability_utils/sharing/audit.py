"""Whether a hidden count can be worked out from all that is shown: margins, steps, services, rests, means.

What somebody outside knows is written down as linear equations and inequalities over whole numbers: how a count as
shown bounds it, that parts add up to their total, that who counts for recovery counts for improvement, and so on. Each
count has an interval of protection: a small one could be any number from 1 to the largest that the rule hides, any
other each of the five that its rounded number stands for. Where what is shown leaves out an end of it, the cheapest
numbers whose absence lets it in again are hidden as well, details before headline rates, by an integer program; until
both ends of every interval are possible, or impossible whatever is hidden. Percentages are not among what is known:
they follow from the counts as shown. Source: Fischetti M, Salazar-Gonzalez JJ (2001), Solving the cell suppression
problem on tabular data with linear constraints, Management Science 47: 1008-1027, one attack after the other.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, lil_array, vstack

from durability_utils.outcomes.representativeness import DESCRIBED, GROUPS, VARIABLES
from durability_utils.outcomes.response import MODES, STAGES
from durability_utils.outcomes.rules import IMPROVEMENT, RECOVERY, STEP_GROUPS
from durability_utils.sharing.disclosure import (
    LARGEST_HIDDEN,
    Controlled,
    Count,
    Tables,
    bounds,
    group_of,
    shown_count,
)
from durability_utils.study.columns import FOLLOW_UPS, dictionary
from durability_utils.study.errors import InputError

OUTCOMES = {"improvement": IMPROVEMENT, "recovery": RECOVERY}
_BY_STEP = {f"{outcome}_{time}": [codes] * times for outcome, codes in OUTCOMES.items()
            for time, times in (("6m", 2), ("path", 3))}
AT_END = ("finished", "eligible", "paired", "paired_at_caseness", "reliable_improvement", "no_reliable_change",
          "reliable_deterioration", "recovery", "reliable_recovery")
DEFINITIONS = ("reliable_improvement_kept", "reliable_recovery_kept", "no_return_to_caseness", "no_relapse",
               "noticed_change_kept")
# Definitions with the carried answers, if any, and of those who answered then (`6m_only` where others are carried).
_BY_DEFINITION = [DEFINITIONS, (*FOLLOW_UPS, "6m_only")]
STAGE_OF = dict(zip(_BY_DEFINITION[1], ("either_follow_up", "first_follow_up", "second_follow_up"), strict=True))
_AT_STEPS = {**_BY_STEP, "service": [AT_END]}
# The kinds of counts that are reckoned with below, and what may stand at each place of their names (empty: anything).
KNOWN = {"response": [("discharged", *STAGES)], "mode": [FOLLOW_UPS, MODES], **_AT_STEPS,
         "followed": _BY_DEFINITION, "kept": _BY_DEFINITION, "at_risk": [("all",), ("all",), ()],
         "sample": [(*DESCRIBED, "age", "step", "sessions"), ()], "group": [VARIABLES, GROUPS]}
# What a person would miss: the higher, the later it falls. A mean is worth 1.
WORTH = {"response": 100, "improvement_6m": 20, "recovery_6m": 20, "service": 15, "mode": 8, "followed": 6, "kept": 6,
         "sample": 4, "group": 3, "improvement_path": 2, "recovery_path": 2, "at_risk": 2}
# So far from the truth other numbers are looked for: patients, sums of their values, and of the squares of these.
FAR, FAR_SUMS = 20, {"mean": 2_000, "squares": 100_000}


def is_known(count: Count) -> bool:
    """Whether a count is reckoned with here; a table with any other tells more of the same patients, unnoticed."""
    places, what = KNOWN.get(count.kind), count.what[:-1] if count.is_total else count.what
    if not places or (count.step != "all" and count.kind not in _AT_STEPS) or (
            count.is_total and count.kind in ("response", "service")):  # of which no table has a sum
        return False
    depths = range(len(places)) if count.is_total else [len(places)]
    return len(what) in depths and all(not allowed or name in allowed
                                       for name, allowed in zip(what, places, strict=False))


def control_safely(tables: Tables, rule: str, compared: Sequence[str],
                   show: Callable[[int, int], None] = lambda *_: None) -> Controlled:
    """The tables under a rule, without what would leave a count less than its interval of protection.

    compared: the services that the table of representativeness of `all` pools. show: as `System.protect`.
    """
    controlled = Controlled(tables, rule)
    if rule == "none":
        return controlled
    system = knowledge(controlled, compared)
    return without(controlled, system.protect(intervals(controlled, system), worth(controlled), show))


def without(controlled: Controlled, fallen: Iterable["Count | Mean"]) -> Controlled:
    """The same tables with more of their counts and means hidden."""
    counts = frozenset(name for name in fallen if isinstance(name, Count))
    means = frozenset(name.of for name in fallen if isinstance(name, Mean))
    return Controlled(controlled.given, controlled.rule, controlled.hidden | counts, controlled.without_means | means)


def intervals(controlled: Controlled, system: "System") -> dict[Count, tuple[int, int]]:
    """The least and the most that every count has to be able to be; a sum of shown numbers says nothing itself.

    Nor is anything asked of paths in tables that are left out as a whole: no cell stands for them.
    """
    found, rule = {}, controlled.rule
    left_out = {count for key, table in controlled.given.items() if key not in controlled.tables
                for count in table.every_count if count.kind.endswith("_path")}
    for count in system.counts:
        n = system.exact[count]
        if count not in left_out and not (rule == "opensafely" and count in controlled.parts):
            is_small = n <= LARGEST_HIDDEN[rule]
            found[count] = (1, LARGEST_HIDDEN[rule]) if is_small else bounds(shown_count(n, rule), rule)
    return found


def worth(controlled: Controlled) -> dict["Count | Mean", int]:
    """What may be hidden, with what a person would miss by it: headline rates, for all and by service, fall last."""
    found = {Mean(count): 1 for count in controlled.means}
    for count, shown in controlled.shown.items():
        if isinstance(shown, int):
            kept = count.what[:1] == count.what[1:] or (count.is_total and len(count.what) == 2)
            headline = (kept and count.kind.endswith("_6m") and count.what[0] in (IMPROVEMENT[-1], RECOVERY[-1])) or (
                count.what[-1] == "6m_only")  # what the share of all at 6 months is estimated from
            found[count] = (WORTH[count.kind] * (3 if headline else 1) * (2 if count.service == "all" else 1)
                            / (5 if count.step != "all" else 1))
    return found


# -- unknown whole numbers -------------------------------------------------------------------------

class Mean(NamedTuple):
    """The mean of the values of those who are counted; as an unknown their sum, or that of their squares (power 2)."""

    of: Count
    power: int = 1

    def __str__(self) -> str:
        return f"{'mean' if self.power == 1 else 'squares'} of {self.of}"


class System:
    """Unknown whole numbers, each within bounds (0 and more unless said), and linear inequalities between them.

    exact: the true numbers, of some unknowns. rows: the factors of the unknowns, the ends of their sum, and the shown
    numbers without any of which nobody would know it.
    """

    def __init__(self):
        self.exact: dict[tuple, int] = {}
        self.bounds: dict[tuple, tuple[float, float]] = {}
        self.rows: list[tuple[dict[tuple, float], float, float, tuple]] = []

    @property
    def counts(self) -> list[Count]:
        """The counts of which the true number is there."""
        return [unknown for unknown in self.exact if isinstance(unknown, Count)]

    def between(self, low: float, high: float, plus: Iterable[tuple], minus: Iterable[tuple] = (),
                shown: tuple = ()) -> None:
        """The sum of `plus` less that of `minus` lies between low and high."""
        terms: dict[tuple, float] = {}
        for sign, unknowns in ((1, plus), (-1, minus)):
            for unknown in unknowns:
                terms[unknown] = terms.get(unknown, 0) + sign
        self.weighted(low, high, terms, shown)

    def weighted(self, low: float, high: float, terms: dict[tuple, float], shown: tuple = ()) -> None:
        """The sum of the unknowns times their factors lies between low and high."""
        for unknown in terms:
            self.bounds.setdefault(unknown, (0, np.inf))
        self.rows.append((terms, low, high, shown))

    def protect(self, intervals: dict[tuple, tuple[int, int]], worth: dict[tuple, float],
                show: Callable[[int, int], None] = lambda *_: None) -> set[tuple]:
        """What has to be hidden of the keys of `worth`, so that each unknown could be either end of its interval.

        A count that is hidden without being small may lie anywhere in an interval as wide. An end that no hiding makes
        possible is left out: it is impossible by how the tables are made. show: told of how many ends of how
        many that is settled. Raises InputError where the true numbers are no solution, and where a solver does not come
        to an end in time.
        """
        problem = _Problem(self)
        left = {problem.place[unknown]: {*ends} - {self.exact[unknown]} for unknown, ends in intervals.items()}
        groups = {problem.place[unknown]: _neighbours(unknown) for unknown in intervals}
        random, idle, fallen, of = Random(1), 0, set(), sum(map(len, left.values()))

        def push(*above_all: tuple[int, int]) -> int:
            """Strike off what is possible with one number that is left of each group; how many numbers that was."""
            unseen = [at for at in left if left[at]]
            random.shuffle(unseen)  # who is first differs each time
            wanted = {groups[at]: (at, random.choice(sorted(left[at])), 1000 ** random.random()) for at in unseen}
            problem.push([*wanted.values(), *((at, number, 1e6) for at, number in above_all)])
            seen = problem.seen(left)
            show(of - sum(map(len, left.values())), of)
            return seen

        def slides(unknown: tuple) -> bool:
            """Whether it is hidden, not small, and could be as many numbers in a row as look alike."""
            least, most = intervals[unknown]
            if least <= 1 or (unknown in worth and unknown not in fallen):
                return False
            at = problem.place[unknown]
            for number in (self.exact[unknown] - most + least, self.exact[unknown] + most - least):
                push((at, number))
            return problem.spread[1][at] - problem.spread[0][at] >= most - least

        while any(left.values()) and idle < 3:  # many at a time
            idle = 0 if push() > len(left) / 200 else idle + 1
        for unknown in intervals:
            at = problem.place[unknown]
            while left[at]:  # then each for itself, with what others come along
                number = min(left[at])
                push((at, number))
                for whole in (False, True):  # what is enough for fractions of patients mostly is for patients
                    if number in left[at] and not slides(unknown):
                        names = {name: worth[name] for name in worth if name not in fallen}
                        fallen |= problem.cheapest(unknown, number, names, whole)
                        push((at, number))
                left[at].discard(number)
        return fallen


def _neighbours(unknown: tuple) -> tuple:
    """Unknowns for which this is the same stand in each other's way: a row of a table, in an earlier release too."""
    if isinstance(unknown, Count):
        return group_of(unknown), unknown.what[:1]
    made, name, *more = unknown
    return made, name.rsplit("/", 1)[0], *more


class _Problem:
    """A system as arrays, solved for the distance from the truth: then a solver always has a solution to begin with."""

    def __init__(self, system: System):
        self.place = {unknown: position for position, unknown in enumerate(system.bounds)}
        low, high = np.array(list(system.bounds.values()), float).T
        self.matrix = csr_array(
            ([factor for terms, *_ in system.rows for factor in terms.values()],
             ([row for row, (terms, *_) in enumerate(system.rows) for _ in terms],
              [self.place[unknown] for terms, *_ in system.rows for unknown in terms])),
            (len(system.rows), len(self.place)))
        self.row_low, self.row_high = np.array([row[1:3] for row in system.rows], float).T
        self.shown = [row[3] for row in system.rows]
        at = [self.place[unknown] for unknown in system.exact]
        exact = np.array(list(system.exact.values()))
        fixed_low, fixed_high = low.copy(), high.copy()
        fixed_low[at], fixed_high[at] = np.maximum(low[at], exact), np.minimum(high[at], exact)
        self.truth, _ = _solution(np.zeros(len(low)), self.matrix, self.row_low, self.row_high, fixed_low, fixed_high,
                                  gap=0.5)
        if self.truth is None:
            raise InputError("nothing was shared: the tables contradict what is taken for granted of them, as that "
                             "parts add up to their total")
        names = [str(name if isinstance(name, Count | Mean) else name[1]) for name in self.place]
        far = np.array([FAR_SUMS.get(name.split()[0], FAR) for name in names])
        self.down, self.up = np.maximum(low - self.truth, -far), np.minimum(high - self.truth, far)
        shift = self.matrix @ self.truth
        self.row_low, self.row_high = self.row_low - shift, self.row_high - shift
        plus, minus = self.matrix.maximum(0), self.matrix.minimum(0)
        self.least, self.most = plus @ self.down + minus @ self.up, plus @ self.up + minus @ self.down
        self.found = np.zeros(len(low))
        self.spread = np.zeros((2, len(low)))  # the least and the most that was seen, as distances from the truth

    def push(self, wanted: Iterable[tuple[int, int, float]]) -> None:
        """Look for a solution in which many unknowns have the number that is wanted of them, the more by its weight."""
        down, up, aim = self.down.copy(), self.up.copy(), np.zeros(len(self.truth))
        for at, number, weight in wanted:
            step = number - self.truth[at]
            (up if step > 0 else down)[at] = step
            aim[at] = -np.sign(step) * weight
        found, _ = _solution(aim, self.matrix, self.row_low, self.row_high, down, up, gap=0.1)
        if found is not None:
            self.found = found
            self.spread = np.array([np.minimum(self.spread[0], found), np.maximum(self.spread[1], found)])

    def seen(self, left: dict[int, set[int]]) -> int:
        """Strike off the numbers that the last solution has; how many there were."""
        before = sum(map(len, left.values()))
        for at, numbers in left.items():
            numbers.discard(self.truth[at] + self.found[at])
        return before - sum(map(len, left.values()))

    def cheapest(self, unknown: tuple, number: int, worth: dict[tuple, float], whole: bool) -> set[tuple]:
        """The names of least worth without which an unknown could be this number, or its own name where that is less.

        None where it could not be this number anyway. From then on they count as hidden. whole: all unknowns are whole
        numbers, which takes longer.
        """
        names, n = {name: position for position, name in enumerate(worth)}, len(self.down)
        found, ended = _solution(
            np.concatenate([np.zeros(n), list(worth.values())]), *self.asked(unknown, number, names),
            np.concatenate([self.down, np.zeros(len(names))]), np.concatenate([self.up, np.ones(len(names))]), gap=0.02,
            whole=np.append(np.full(n, whole), np.ones(len(names))))
        if found is None:
            if ended:
                return set()
            raise InputError("nothing was shared: it could not be proved in time that nothing hidden can be worked out")
        fallen = {name for name, position in names.items() if found[n + position] > 0.5}
        for row, shown in enumerate(self.shown):
            if fallen.intersection(shown):
                self.row_low[row], self.row_high[row] = -np.inf, np.inf
        return fallen

    def asked(self, unknown: tuple, number: int, names: dict[tuple, int]) -> tuple[csr_array, np.ndarray, np.ndarray]:
        """Rows and their ends for all unknowns, then one for each name, which is 1 where it is hidden.

        They say what is known of the rest, and that the unknown is this number, or is hidden itself.
        """
        depends = [(row, names[name]) for row, shown in enumerate(self.shown) for name in shown if name in names]
        rows, of = np.array(depends, int).reshape(-1, 2).T
        fixed = np.setdiff1d(np.arange(len(self.shown)), rows)
        loose = [csr_array((by[rows], (rows, of)), (len(self.shown), len(names)))  # by as much as a row can go wrong
                 for by in (np.maximum(self.row_low - self.least, 0), np.minimum(self.row_high - self.most, 0))]
        rows = np.unique(rows)
        step, last = number - self.truth[self.place[unknown]], lil_array((1, len(self.down) + len(names)))
        last[0, self.place[unknown]] = 1
        if unknown in names:
            last[0, len(self.down) + names[unknown]] = step
        infinite = np.full(len(rows), np.inf)
        return (vstack([hstack([self.matrix[rows], loose[0][rows]]), hstack([self.matrix[rows], loose[1][rows]]),
                        hstack([self.matrix[fixed], loose[0][fixed]]), last]).tocsr(),
                np.concatenate([self.row_low[rows], -infinite, self.row_low[fixed], [step]]),
                np.concatenate([infinite, self.row_high[rows], self.row_high[fixed], [step]]))


def _solution(aim, matrix, row_low, row_high, low, high, gap: float, whole=None,
              presolve: bool = True) -> tuple[np.ndarray | None, bool]:
    """Numbers that satisfy everything and make `aim` small, None where none were found; and whether there are none.

    whole: which of them are whole numbers, unless all are. HiGHS is not believed that there are none before it has said
    so without its presolve, too, which was seen to lose solutions (1.12, with sums of whole numbers that have no ends).
    """
    whole = np.ones(len(aim)) if whole is None else whole
    with _no_words():
        found = milp(aim, constraints=LinearConstraint(matrix, row_low, row_high), bounds=Bounds(low, high),
                     integrality=whole, options={"mip_rel_gap": gap, "time_limit": 20, "presolve": presolve})
    numbers = None if found.x is None else np.where(whole, np.round(found.x), found.x)
    if numbers is not None:
        rows = matrix @ numbers
        if (rows >= row_low - 1e-6).all() and (rows <= row_high + 1e-6).all():
            return numbers, True
    if presolve:
        return _solution(aim, matrix, row_low, row_high, low, high, gap, whole, presolve=False)
    return None, numbers is None and found.status == 2


@contextmanager
def _no_words() -> Iterator[None]:
    """HiGHS 1.12 now and then writes the name of one of its functions to standard output, whatever it was asked."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


# -- what is known ---------------------------------------------------------------------------------

def knowledge(controlled: Controlled, compared: Sequence[str]) -> System:
    """Everything that somebody outside knows of the counts, the true numbers included only to look for others."""
    system = System()
    absent = _absent_paths(controlled)
    system.exact = {count: n for count, n in controlled.exact.items() if count not in absent}
    services = tuple(dict.fromkeys(count.service for count in controlled.exact))
    levels = {count.what for count in controlled.exact if count.kind == "sample" and count.what[0] in DESCRIBED}
    for service, what in product(services, sorted(levels)):  # nobody is at a level that a service does not have
        if _of(service, "response", "either_follow_up") in system.exact:
            system.exact.setdefault(_of(service, "sample", *what), 0)
    for count in system.exact:
        system.bounds[count] = 0, np.inf
        if not (controlled.rule == "opensafely" and count in controlled.parts):
            low, high = controlled.bounds(count) if count in controlled.exact else (0, LARGEST_HIDDEN[controlled.rule])
            system.between(low, high, [count], shown=(count,))
    for total, parts in controlled.parts.items():
        system.between(0, 0, [total], parts)
    for n in controlled.sums:
        _means(system, n, controlled)
    for service in services:
        _response(system, service)
        _sample(system, service, controlled)
        _groups(system, service)
        for step in ("all", *STEP_GROUPS):
            for time in ("6m", "path"):
                _outcomes(system, service, step, time)
            _at_end(system, service, step)
            _definitions(system, service, step)
        _steps(system, service)
        _curve(system, service, controlled)
    if "all" in services:
        _services(system, [service for service in services if service != "all"], compared, controlled)
    return system


def _means(system: System, n: Count, controlled: Controlled) -> None:
    """The sum of whole numbers behind a mean, and of their squares behind its SD, each number within its range."""
    total, (least, most) = Mean(n), _range_of(n.what[0])
    system.exact[total] = controlled.sums[n]
    system.bounds[total] = -np.inf, np.inf  # changes may be for the worse
    system.weighted(0, np.inf, {total: 1, n: -least})
    system.weighted(-np.inf, 0, {total: 1, n: -most})
    if (mean := controlled.means.get(n)) is not None:
        twenty = round(20 * mean)
        system.weighted(0, np.inf, {total: 20, n: 1 - twenty}, (total, n))
        system.weighted(-np.inf, 0, {total: 20, n: -1 - twenty}, (total, n))
    if n not in controlled.squares:
        return
    squares = Mean(n, 2)
    system.exact[squares] = controlled.squares[n]
    # of whole numbers x from least to most (x - least)(most - x) is never below 0, nor is (x - k)(x - k - 1)
    system.weighted(-np.inf, 0, {squares: 1, total: -(least + most), n: least * most})
    for k in {min(max(controlled.sums[n] // of, least), most) for of in {1, 2, 3, 4, max(controlled.exact[n], 1)}}:
        system.weighted(0, np.inf, {squares: 1, total: -(2 * k + 1), n: k * (k + 1)})
    if (sd := controlled.spreads.get(n)) is not None and mean is not None:  # (n - 1) SD^2 + n mean^2
        near, far = sorted((abs(mean - 0.05), abs(mean + 0.05)))
        low, high = (sd - 0.05) ** 2, (sd + 0.05) ** 2
        system.weighted(-low, np.inf, {squares: 1, n: -low - (near**2 if abs(mean) > 0.05 else 0)}, (total, n))
        system.weighted(-np.inf, -high, {squares: 1, n: -high - far**2}, (total, n))


def _absent_paths(controlled: Controlled) -> set[Count]:
    """Paths of services of which no path is shown, unless they are among all: nothing else says anything of them."""
    told = {count.service for key in controlled.tables for count in controlled.given[key].every_count
            if count.kind.endswith("_path")}
    return {count for count in controlled.exact if count.kind.endswith("_path") and count.service not in told
            and not isinstance(controlled.shown.get(count._replace(service="all")), int)}


def _range_of(variable: str) -> tuple[float, float]:
    """The smallest and largest value of a variable of which means are shown, as everybody knows it."""
    ranges = dictionary()[["minimum", "maximum"]]
    if variable in ranges.index:
        return tuple(ranges.loc[variable])
    most = ranges.loc[variable.replace("change", "baseline"), "maximum"]
    return -most, most


def _of(service: str, kind: str, *what: str) -> Count:
    """A count of patients of all steps."""
    return Count(service, "all", kind, what)


def _response(system: System, service: str) -> None:
    discharged, consented, first, second, both, either = (
        _of(service, "response", stage) for stage in ("discharged", *STAGES))
    system.between(0, 0, [both, either], [first, second])
    for more, fewer in ((discharged, consented), (consented, either), (first, both), (second, both)):
        system.between(0, np.inf, [more], [fewer])
    for time, answered in (("6m", first), ("12m", second)):
        if (total := _of(service, "mode", time, "total")) in system.exact:
            system.between(0, 0, [total], [answered])


def _sample(system: System, service: str, controlled: Controlled) -> None:
    """Levels add up to those who answered; all that are left out, also those that nobody knows of, are the rest."""
    either = _of(service, "response", "either_follow_up")
    for variable in DESCRIBED:
        levels = [count for count in system.counts
                  if (count.service, count.kind, count.what[0]) == (service, "sample", variable)]
        if levels:
            rest, left_out = _of(service, "sample", variable, "rest"), [
                count for count in levels if not isinstance(controlled.shown.get(count), int)]
            system.exact[rest] = sum(map(system.exact.get, left_out))
            system.between(0, 0, [either], [*(count for count in levels if count not in left_out), rest])
            system.between(0, np.inf, [rest], left_out)
    for of, n in ((either, _of(service, "sample", "step", "total")), (either, _of(service, "sample", "age", "n")),
                  *((_of(service, "sample", "step", step), _of(service, "sample", "sessions", step))
                    for step in STEP_GROUPS)):
        if n in system.exact:
            system.between(0, np.inf, [of], [n])


def _groups(system: System, service: str) -> None:
    """Those compared are at most those discharged, less those who consented, less those who answered."""
    discharged, consented, either = (_of(service, "response", stage)
                                     for stage in ("discharged", "consented", "either_follow_up"))
    sizes = dict(zip(GROUPS, (([discharged], [consented]), ([consented], [either]), ([either], [])), strict=True))
    for variable, (group, (of, without)) in product(VARIABLES, sizes.items()):
        if (count := _of(service, "group", variable, group)) in system.exact:
            system.between(0, np.inf, of, [*without, count])
    for name, group in product(("phq9", "gad7"), GROUPS):  # a change needs a baseline
        _at_most(system, *([_of(service, "group", f"{name}_{what}", group)] for what in ("change", "baseline")))
    if service == "all":  # it need not compare all services
        return
    for name in ("phq9", "gad7"):  # of the GAD-7 only where no other measure of anxiety stood in for it
        changes = [_of(service, "group", f"{name}_change", group) for group in GROUPS]
        _at_most(system, [_of(service, "service", "paired")], changes)
        _at_most(system, [_of(service, "improvement_6m", *pair) for pair in product(IMPROVEMENT, repeat=2)],
                 changes[2:])
    of_all, of_steps = (_of(service, "group", "sessions", GROUPS[2]),
                        [_of(service, "sample", "sessions", step) for step in STEP_GROUPS])
    _at_most(system, of_steps, [of_all])
    _at_most(system, [of_all, _of(service, "sample", "step", "total")], [*of_steps, either])
    if system.exact.keys() >= {Mean(of_all), *map(Mean, of_steps)}:  # of those without a step the rest
        most = _range_of("sessions")[1]
        system.between(0, np.inf, [Mean(of_all)], map(Mean, of_steps))
        system.weighted(-np.inf, 0, {Mean(of_all): 1, of_all: -most} | {
            name: factor for of in of_steps for name, factor in ((Mean(of), -1), (of, most))})
    answered, same = _of(service, "group", "age", GROUPS[2]), _of(service, "sample", "age", "n")
    for one, other in ((answered, same), *((Mean(answered, power), Mean(same, power)) for power in (1, 2))):
        if {one, other} <= set(system.exact):
            system.between(0, 0, [one], [other])


@cache
def _within(times: int) -> list[tuple[list[tuple], frozenset[tuple]]]:
    """Paths of recovery, and all those of improvement that patients on them can be on: whoever recovered had improved.

    That the former are no more than the latter, in each of these pairs, is all that the two tables say of each other
    (Hall's theorem).
    """
    possible = {path: frozenset(codes for codes in product(IMPROVEMENT, repeat=times)
                                if all(code == IMPROVEMENT[-1] or recovered != RECOVERY[-1]
                                       for code, recovered in zip(codes, path, strict=True)))
                for path in product(RECOVERY, repeat=times)}
    unions = {frozenset()}
    for codes in possible.values():
        unions |= {union | codes for union in unions}
    return [([path for path, codes in possible.items() if codes <= union], union) for union in unions if union]


def _outcomes(system: System, service: str, step: str, time: str) -> None:
    """Improvement and recovery of the same patients, some of whom are left out of recovery, or of both."""
    def counts(outcome: str, paths: Iterable[tuple]) -> list[Count]:
        return [Count(service, step, f"{outcome}_{time}", path) for path in paths]

    times = 2 if time == "6m" else 3
    tables = [table for outcome, codes in OUTCOMES.items()
              if (table := counts(outcome, product(codes, repeat=times)))[0] in system.exact]
    if len(tables) == 2:
        for fewer, more in _within(times):
            _at_most(system, counts("recovery", fewer), counts("improvement", more))
    answered = _of(service, "response", "either_follow_up" if time == "6m" else "both_follow_ups")
    for table in tables:
        if step == "all" or time == "path":
            system.between(0, np.inf, [answered], table)
        if step != "all" and (in_step := _of(service, "sample", "step", step)) in system.exact:
            system.between(0, np.inf, [in_step], table)
    if time == "path":  # those who completed both follow-ups are among those of the six-month table
        for outcome, codes in OUTCOMES.items():
            for pair in product(codes, repeat=2):
                table, path = (Count(service, step, f"{outcome}_{name}", pair) for name in ("6m", "path"))
                followed = [path.below(code) for code in codes if path.below(code) in system.exact]
                _at_most(system, followed, [table])
        for fewer, more in _within(2):  # nor can those who completed one only have recovered without improving
            early, both = ({outcome: [Count(service, step, f"{outcome}_{name}", (*pair, *end)) for pair in pairs
                                      for end in product(*[OUTCOMES[outcome]] * times)]
                            for outcome, pairs in (("improvement", more), ("recovery", fewer))}
                           for name, times in (("6m", 0), ("path", 1)))
            _at_most(system, [*early["recovery"], *both["improvement"]], [*early["improvement"], *both["recovery"]])


def _at_most(system: System, fewer: list[Count], more: list[Count]) -> None:
    """The sum of `fewer` is no more than that of `more`, if it is and all of them are in a table.

    So it is for those without a recorded step, too: who is in neither table of a step.
    """
    def by_step(counts: list[Count]) -> list[Count]:
        return [count._replace(step=step) for count in counts for step in STEP_GROUPS]

    rest = [*fewer, *by_step(more)], [*more, *by_step(fewer)]
    for few, many in ((fewer, more), *([rest] if {count.step for count in (*fewer, *more)} == {"all"} else [])):
        if few and system.exact.keys() >= {*few, *many} and (
                sum(map(system.exact.get, few)) <= sum(map(system.exact.get, many))):
            system.between(0, np.inf, many, few)


def _at_end(system: System, service: str, step: str) -> None:
    """Outcomes at end of treatment of all who finished, and who of them is in the six-month tables."""
    finished, eligible, paired, paired_case, better, same, worse, recovered, cured = (
        Count(service, step, "service", (name,)) for name in AT_END)
    improvement, recovery = (Count(service, step, f"{outcome}_6m", ()) for outcome in OUTCOMES)
    worse_later, same_later, better_later = (improvement.below(code, "total") for code in IMPROVEMENT)
    not_cured_later, cured_later = (recovery.below(code, "total") for code in RECOVERY)
    for fewer, more in (
            ([finished], [Count(service, step, "response", ("discharged",))]), ([eligible], [finished]),
            ([paired], [finished]), ([paired_case], [paired]), ([paired_case], [eligible]),
            ([eligible, paired], [finished, paired_case]),  # not at caseness, with and without all scores
            ([better, same, worse], [paired]), ([recovered], [paired_case]), ([cured], [recovered]),
            ([cured], [better]), ([better_later], [better]), ([worse_later], [worse]), ([cured_later], [cured]),
            ([same_later, better, worse], [paired]), ([not_cured_later, cured], [paired_case]),
            ([better_later, cured], [better, cured_later])):  # improved and not recovered
        _at_most(system, fewer, more)


def _definitions(system: System, service: str, step: str) -> None:
    """Who counts for a definition of durability and kept it: stricter ones within others, times within tables."""
    def table(kind: str) -> Count:
        return Count(service, step, kind, ())

    def counts(definition: str, time: str) -> tuple[Count, Count]:
        if time == "6m" and definition in headlines:
            outcome, code = headlines[definition]
            return table(f"{outcome}_6m").below(code, "total"), table(f"{outcome}_6m").below(code, code)
        return table("followed").below(definition, time), table("kept").below(definition, time)

    headlines = {f"{codes[-1]}_kept": (outcome, codes[-1]) for outcome, codes in OUTCOMES.items()}
    either, first, second = (_of(service, "response", stage) for stage in STAGE_OF.values())
    below_at_end, cured = table("service").below("recovery"), table("service").below(RECOVERY[-1])
    at = {(definition, time): counts(definition, time) for definition, time in product(*_BY_DEFINITION)}
    for (_, time), (followed, kept) in at.items():
        _at_most(system, [kept], [followed])
        _at_most(system, [followed], [_of(service, "response", STAGE_OF[time])])
        _at_most(system, [followed], [_of(service, "sample", "step", step)])
    for time in _BY_DEFINITION[1]:
        (improved, still_improved), (recovered, still_recovered), (remitted, still_below), (
            on_pair, without_relapse), _ = (at[definition, time] for definition in DEFINITIONS)
        for fewer, more in (
                ([recovered], [improved]), ([still_recovered], [still_improved]),
                ([recovered], [remitted]), ([still_recovered], [still_below]),
                ([remitted, cured], [recovered, below_at_end])):  # below the cut-offs, and not reliably recovered
            _at_most(system, fewer, more)
        if on_pair in system.exact and system.exact[on_pair] == system.exact.get(remitted):
            system.between(0, 0, [on_pair], [remitted])
            _at_most(system, [still_below], [without_relapse])  # a relapse is a return to caseness
        _at_most(system, [on_pair], [_of(service, "at_risk", "all", "all", "0")])
    _at_most(system, [at["no_return_to_caseness", "6m"][0]],
             [table("recovery_6m").below(*pair) for pair in product(RECOVERY, repeat=2)])
    for definition, (outcome, well) in headlines.items():
        (all_early, kept_early), (late, kept_late), (early, kept) = (at[definition, time] for time in _BY_DEFINITION[1])
        paths = [count for count in system.exact if count[:3] == (service, step, f"{outcome}_path")
                 and count.what[0] == well]
        # whoever had not got well at end is somebody else
        others, twice_others = ([table(f"{outcome}_{name}").below(*codes) for codes in product(
            OUTCOMES[outcome], repeat=times) if codes[0] != well] for name, times in (("6m", 2), ("path", 3)))
        kept_twice, lost_late = ([path for path in paths if (path.what[2] == well) == is_kept]
                                 for is_kept in (True, False))
        either_time = [  # twice at both
            ([early, late], [*paths, either]),
            ([kept, kept_late], [*(path for path in paths if path.what == (well,) * 3), either])] if paths else []
        for fewer, more in (
                *either_time, ([kept], [kept_early]), ([early, kept_early], [all_early, kept]),  # others are carried,
                ([all_early, first], [early, either]),  # who answered at 12 months only
                ([late, *others], [either]), ([early, *twice_others], [first]), ([late, *twice_others], [second]),
                ([kept_early, *kept_twice], [kept, kept_late]),
                ([all_early, kept, *lost_late, kept_late], [kept_early, early, late]),
                (kept_twice, [kept_late]), ([*lost_late, kept_late], [late]),
                ([path for path in paths if path.what[1] == well], [kept]),
                ([*(path for path in paths if path.what[1] != well), kept], [early])):
            _at_most(system, fewer, more)


def _curve(system: System, service: str, controlled: Controlled) -> None:
    """At risk are at most those of the month before, and at most those whom the curve leaves without a relapse."""
    months = sorted((count for count in system.counts if (count.service, count.kind) == (service, "at_risk")),
                    key=lambda count: int(count.what[-1]))
    for before, count in pairwise(months):
        system.between(0, np.inf, [before], [count])
        if (relapsed := controlled.relapsed.get(before)) is not None:
            whole = controlled.shown[months[0]]
            left = {months[0]: whole - bounds(relapsed, controlled.rule)[0] + 0.5, count: -whole}
            if sum(system.exact[month] * factor for month, factor in left.items()) >= 0:
                system.weighted(0, np.inf, left, (before, months[0]))


def _steps(system: System, service: str) -> None:
    """Both steps together are at most everybody; what is missing has no recorded step, as in the sample."""
    tables = {}
    for count in system.counts:
        if (count.service, count.step) == (service, "all") and not count.is_total:
            by_step = [part for step in STEP_GROUPS if (part := count._replace(step=step)) in system.exact]
            if by_step:
                system.between(0, np.inf, [count], by_step)
            if len(by_step) == len(STEP_GROUPS) and count.kind in _BY_STEP:  # only of those who answered
                of_all, of_steps = tables.setdefault(count.kind, ([], []))
                of_all.append(count)
                of_steps.extend(by_step)
    either, with_step = _of(service, "response", "either_follow_up"), _of(service, "sample", "step", "total")
    if with_step in system.exact:
        for of_all, of_steps in tables.values():
            system.between(0, np.inf, [either, *of_steps], [with_step, *of_all])


def _services(system: System, services: list[str], compared: Sequence[str], controlled: Controlled) -> None:
    """What is counted of all is the sum over the services, of a comparison over those compared."""
    for count in [*system.exact]:
        of = count.of if isinstance(count, Mean) else count
        members = [service for service in services if of.kind != "group" or service in compared]
        parts = [of._replace(service=service) for service in members]
        if of.kind == "at_risk":  # nobody is, beyond the end of a service's table
            parts = [part for part in parts if part in system.exact]
        if isinstance(count, Mean):
            parts = [count._replace(of=part) for part in parts]
        there = [part for part in parts if part in system.exact]
        if of.service != "all" or of.is_total or not there:
            continue
        if there == parts and sum(map(system.exact.get, parts)) == system.exact[count]:
            system.between(0, 0, [count], parts)
        elif isinstance(count, Count):
            _at_most(system, there, [count])
