"""Whether a hidden count can be worked out from all that is shown: margins, steps, services, percentages, means.

What somebody outside knows is written down as linear equations and inequalities over whole numbers: how a count as
shown bounds it, that parts add up to their total, that who counts for recovery counts for improvement, and so on. A
hidden count is safe where another whole number than the true one satisfies all of them. What is not safe is withheld, a
table (or variable) at a time, until everything hidden is safe. Reference: Hundepool A et al. (2012) Statistical
Disclosure Control, chapter 4.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from operator import attrgetter

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from durability_utils.outcomes.representativeness import DESCRIBED, GROUPS, VARIABLES
from durability_utils.outcomes.response import MODES, STAGES
from durability_utils.outcomes.rules import IMPROVEMENT, RECOVERY, STEP_GROUPS
from durability_utils.sharing.disclosure import LARGEST_HIDDEN, WITHHELD, Controlled, Count, Tables, bounds, group_of
from durability_utils.study.columns import FOLLOW_UPS, dictionary
from durability_utils.study.errors import InputError

OUTCOMES = {"improvement": IMPROVEMENT, "recovery": RECOVERY}
_BY_STEP = {f"{outcome}_{time}": [codes] * times for outcome, codes in OUTCOMES.items()
            for time, times in (("6m", 2), ("path", 3))}
# The kinds of counts that are reckoned with below, and what may stand at each place of their names (empty: anything).
KNOWN = {"response": [("discharged", *STAGES)], "mode": [FOLLOW_UPS, MODES], **_BY_STEP,
         "sample": [(*DESCRIBED, "age", "step", "sessions"), ()], "group": [VARIABLES, GROUPS]}


def is_known(count: Count) -> bool:
    """Whether a count is reckoned with here; a table with any other tells more of the same patients, unnoticed."""
    places, what = KNOWN.get(count.kind), count.what[:-1] if count.is_total else count.what
    if not places or (count.step != "all" and count.kind not in _BY_STEP):
        return False
    depths = range(len(places)) if count.is_total and count.kind != "response" else [len(places)]
    return len(what) in depths and all(not allowed or name in allowed
                                       for name, allowed in zip(what, places, strict=False))


def control_safely(tables: Tables, rule: str, compared: Sequence[str]) -> Controlled:
    """The tables under a rule, without the groups of counts from which a hidden count could be worked out.

    compared: the services that the table of representativeness of `all` pools.
    """
    controlled = Controlled(tables, rule)
    without_rates, withheld, safe = frozenset(), frozenset(), set()
    while rule != "none":
        asked = [count for count in hidden_counts(controlled) if count not in safe]
        pinned, not_pinned = knowledge(controlled, compared).pinned(asked, group_of)
        found = frozenset(map(group_of, pinned))
        if not found:
            break
        safe.update(not_pinned)  # and so they stay: from now on less is shown
        if found <= without_rates:
            # what is withheld already and known all the same is known by its neighbours
            withheld |= found - withheld or _neighbours(found, controlled)
        without_rates |= found
        controlled = Controlled(tables, rule, withheld, without_rates)
    return controlled


def hidden_counts(controlled: Controlled) -> list[Count]:
    """The counts that are not shown, except paths without any number: nothing says more of those than their margins."""
    absent = _absent_paths(controlled)
    return [count for count, shown in controlled.shown.items() if not isinstance(shown, int) and count not in absent]


def _absent_paths(controlled: Controlled) -> set[Count]:
    """The counts of paths of which no table is shown."""
    return {count for key, table in controlled.given.items() if key not in controlled.tables
            for count in table.every_count if count.kind.endswith("_path")}


def _neighbours(groups: Iterable[Count], controlled: Controlled) -> frozenset[Count]:
    """The same table of other steps, else of other services, else whatever else is shown of the service, or at all."""
    others = {group_of(count) for count, shown in controlled.shown.items() if shown != WITHHELD}
    for place in (attrgetter("service", "kind", "what"), attrgetter("kind", "what"), attrgetter("service"), bool):
        places = set(map(place, groups))
        if found := frozenset(other for other in others if place(other) in places):
            return found
    raise AssertionError("a count is known although nothing is shown")


# -- unknown whole numbers -------------------------------------------------------------------------

class System:
    """Unknown whole numbers, each within bounds (0 and more unless said), and linear inequalities between them.

    exact: the true numbers, of some unknowns.
    """

    def __init__(self):
        self.exact: dict[tuple, int] = {}
        self.bounds: dict[tuple, tuple[float, float]] = {}
        self.rows: list[tuple[dict[tuple, float], float, float]] = []

    def between(self, low: float, high: float, plus: Iterable[tuple], minus: Iterable[tuple] = ()) -> None:
        """The sum of `plus` less that of `minus` lies between low and high."""
        terms: dict[tuple, float] = {}
        for sign, unknowns in ((1, plus), (-1, minus)):
            for unknown in unknowns:
                terms[unknown] = terms.get(unknown, 0) + sign
        self.weighted(low, high, terms)

    def weighted(self, low: float, high: float, terms: dict[tuple, float]) -> None:
        for unknown in terms:
            self.bounds.setdefault(unknown, (0, np.inf))
        self.rows.append((terms, low, high))

    def pinned(self, asked: Sequence[tuple], group: Callable[[tuple], tuple]) -> tuple[list[tuple], set[tuple]]:
        """Of the unknowns asked about those that only their true number fits, one a group, and those that others fit.

        The rest of the group of a pinned one is left open: a proof takes long, and what is done about one is done about
        all of them. The true numbers must be a solution.
        """
        place = {unknown: position for position, unknown in enumerate(self.bounds)}
        low, high = np.array(list(self.bounds.values()), float).T
        matrix = csr_array(
            ([factor for terms, *_ in self.rows for factor in terms.values()],
             ([row for row, (terms, *_) in enumerate(self.rows) for _ in terms],
              [place[unknown] for terms, *_ in self.rows for unknown in terms])), (len(self.rows), len(place)))
        row_low, row_high = np.array([limits for _, *limits in self.rows], float).T

        known = {place[unknown]: n for unknown, n in self.exact.items()}
        at, true = np.array(list(known)), np.array(list(known.values()))
        fixed_low, fixed_high = low.copy(), high.copy()
        fixed_low[at], fixed_high[at] = np.maximum(low[at], true), np.minimum(high[at], true)
        start = _solution(np.zeros(len(place)), matrix, row_low, row_high, fixed_low, fixed_high)
        if start is None:
            raise InputError("nothing was shared: the tables contradict what is taken for granted of them, as that "
                             "parts add up to their total")

        # solved for the distance from the truth, so that a solver always has a solution to begin with: none. A few
        # whole numbers away are far enough, and keep it from going on for ever.
        shift = matrix @ start
        left = np.array([place[unknown] for unknown in asked], int)
        down, up = low - start, high - start
        down[left], up[left] = np.maximum(down[left], -9), np.minimum(up[left], 9)
        problem = (matrix, row_low - shift, row_high - shift, down, up)
        random = np.random.default_rng(1)
        moved = True
        while moved:  # as many as possible at a time, then one by one
            direction = np.where(down[left] == 0, 1, np.where(up[left] == 0, -1, random.choice([-1, 1], len(left))))
            aim = np.zeros(len(place))
            aim[left] = -direction * random.uniform(0.1, 1, len(left))
            found = _solution(aim, *problem)
            moved = found is not None and found[left].any()
            left = left[found[left] == 0] if moved else left
        names, pinned, open_groups = {place[unknown]: unknown for unknown in asked}, [], set()
        while len(left):
            one = left[0]
            for least, most in ((1, up[one]), (down[one], -1)):  # whole numbers: at least one away, on either side
                if least <= most:
                    lowest, highest = down.copy(), up.copy()
                    lowest[one], highest[one] = least, most
                    found = _solution(np.zeros(len(place)), *problem[:3], lowest, highest)
                    if found is not None:
                        left = left[found[left] == 0]
                        break
            else:  # where no solution is found in time, too
                pinned.append(names[one])
                in_group = np.array([group(names[at]) == group(pinned[-1]) for at in left])
                open_groups.update(names[at] for at in left[in_group])
                left = left[~in_group]
        return pinned, set(asked) - open_groups


def _solution(aim, matrix, row_low, row_high, low, high) -> np.ndarray | None:
    """Whole numbers that satisfy everything and make `aim` small; None where none were found in time."""
    found = milp(aim, constraints=LinearConstraint(matrix, row_low, row_high), bounds=Bounds(low, high),
                 integrality=np.ones(len(aim)), options={"mip_rel_gap": 0.5, "time_limit": 20})
    return None if found.x is None else np.round(found.x)


# -- what is known ---------------------------------------------------------------------------------

def knowledge(controlled: Controlled, compared: Sequence[str]) -> System:
    """Everything that somebody outside knows of the counts, the true numbers included only to look for others."""
    system, absent = System(), _absent_paths(controlled)
    system.exact = {count: n for count, n in controlled.exact.items() if count not in absent}
    for count in system.exact:
        system.bounds[count] = _bounds(controlled.shown[count], controlled.rule, count in controlled.parts)
    for total, parts in controlled.parts.items():
        system.between(0, 0, [total], parts)
    for (n, of), percent in controlled.percentages.items():  # half a per cent is rounded up
        system.weighted(0, np.inf, {n: 200, of: 1 - 2 * percent})
        system.weighted(-np.inf, -1, {n: 200, of: -1 - 2 * percent})
    for n, true_sum in controlled.sums.items():
        total, (least, most) = n.below("sum"), _range_of(n.what[0])
        system.exact[total] = true_sum
        system.bounds[total] = -np.inf, np.inf  # changes may be for the worse
        system.weighted(0, np.inf, {total: 1, n: -least})
        system.weighted(-np.inf, 0, {total: 1, n: -most})
        if (mean := controlled.means.get(n)) is not None:
            system.weighted(0, np.inf, {total: 20, n: 1 - 20 * mean})
            system.weighted(-np.inf, 0, {total: 20, n: -1 - 20 * mean})
    services = tuple(dict.fromkeys(count.service for count in controlled.exact))
    for service in services:
        _response(system, service)
        _sample(system, service, controlled)
        _groups(system, service)
        for step in ("all", *STEP_GROUPS):
            for time in ("6m", "path"):
                _outcomes(system, service, step, time)
        _steps(system, service)
    if "all" in services:
        _services(system, [service for service in services if service != "all"], compared, controlled)
    return system


def _range_of(variable: str) -> tuple[float, float]:
    """The smallest and largest value of a variable of which means are shown, as everybody knows it."""
    ranges = dictionary()[["minimum", "maximum"]]
    if variable in ranges.index:
        return tuple(ranges.loc[variable])
    most = ranges.loc[variable.replace("change", "baseline"), "maximum"]
    return -most, most


def _bounds(shown: int | str, rule: str, is_total: bool) -> tuple[float, float]:
    if shown == WITHHELD or (rule == "opensafely" and is_total):
        return 0, np.inf
    if isinstance(shown, str):
        return 0, LARGEST_HIDDEN[rule]
    return bounds(shown, rule)


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
    for stage in (discharged, consented, first, second, both, either):
        if (pooled := stage.below("total")) in system.exact:
            system.between(0, 0, [pooled], [stage])


def _sample(system: System, service: str, controlled: Controlled) -> None:
    """Levels add up to those who answered; the levels that are left out are one unknown number together."""
    either = _of(service, "response", "either_follow_up")
    for variable in DESCRIBED:
        group = _of(service, "sample", variable)
        levels = [count for count in controlled.exact if group_of(count) == group]
        if levels:
            shown = [count for count in levels if isinstance(controlled.shown[count], int)]
            system.between(0, 0, [either], [*shown, group.below("rest")])
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
    answered, same = _of(service, "group", "age", GROUPS[2]), _of(service, "sample", "age", "n")
    if service != "all" and {answered, same} <= set(system.exact):
        system.between(0, 0, [answered], [same])


def _outcomes(system: System, service: str, step: str, time: str) -> None:
    """Improvement and recovery of the same patients: whoever recovered had improved, some are left out of recovery."""
    improvement, recovery = ([count for count in (Count(service, step, f"{outcome}_{time}", codes) for codes in
                              product(OUTCOMES[outcome], repeat=2 if time == "6m" else 3)) if count in system.exact]
                             for outcome in OUTCOMES)
    # a path of improvement may be left out where that of recovery, with fewer and larger cells, is shown
    joint = {count: [] for count in [*improvement, *recovery]} if improvement else {}
    for count in improvement:
        possible = [RECOVERY if code == IMPROVEMENT[-1] else RECOVERY[:1] for code in count.what]
        for codes in ["left_out", *product(*possible)]:
            unknown = (*count, codes)
            joint[count].append(unknown)
            recovered = Count(service, step, f"recovery_{time}", codes)
            if recovered in joint:
                joint[recovered].append(unknown)
    for count, unknowns in joint.items():
        system.between(0, 0, [count], unknowns)
    if improvement:
        answered = _of(service, "response", "either_follow_up" if time == "6m" else "both_follow_ups")
        if step == "all" or time == "path":
            system.between(0, np.inf, [answered], improvement)
        if step != "all" and (in_step := _of(service, "sample", "step", step)) in system.exact:
            system.between(0, np.inf, [in_step], improvement)
    if time == "path":  # those who completed both follow-ups are among those of the six-month table
        for outcome, codes in OUTCOMES.items():
            for pair in product(codes, repeat=2):
                table, path = (Count(service, step, f"{outcome}_{name}", pair) for name in ("6m", "path"))
                followed = [path.below(code) for code in codes if path.below(code) in system.exact]
                if table in system.exact and followed:
                    system.between(0, np.inf, [table], followed)


def _steps(system: System, service: str) -> None:
    """Both steps together are at most everybody; what is missing has no recorded step, as in the sample."""
    tables = {}
    for count in system.exact:
        if (count.service, count.step) == (service, "all") and not count.is_total:
            by_step = [count._replace(step=step) for step in STEP_GROUPS]
            if all(part in system.exact for part in by_step):
                system.between(0, np.inf, [count], by_step)
                of_all, of_steps = tables.setdefault(count.kind, ([], []))
                of_all.append(count)
                of_steps.extend(by_step)
    either, with_step = _of(service, "response", "either_follow_up"), _of(service, "sample", "step", "total")
    if with_step in system.exact:
        for of_all, of_steps in tables.values():
            system.between(0, np.inf, [either, *of_steps], [with_step, *of_all])


def _services(system: System, services: list[str], compared: Sequence[str], controlled: Controlled) -> None:
    """What is counted of all is the sum over the services, of a comparison over those compared."""
    hidden = (0, LARGEST_HIDDEN[controlled.rule])
    counted = dict.fromkeys(count._replace(service="all") for count in system.exact
                            if not count.is_total and count.service != "all")
    for count in counted:
        members = [service for service in services if count.kind != "group" or service in compared]
        if count not in system.exact or not members:
            continue
        parts = [count._replace(service=service) for service in members]
        if count.what[-1] == "sum" and not all(part in system.exact for part in parts):
            continue
        for part in parts:
            if part not in system.exact:  # a level that a service does not have: nobody outside knows
                system.exact[part] = 0
                system.bounds.setdefault(part, hidden)
        if sum(system.exact[part] for part in parts) == system.exact[count]:
            system.between(0, 0, [count], parts)
