"""An attack on tables under disclosure control: what can somebody work out who has nothing but the tables?

Written apart from the package's own audit, from the tables' definitions in docs/reference.md: every cell of every table
is an unknown whole number, bounded by how it is printed; equations and inequalities join the cells of all tables, steps
and services. The attacker is even told which of the hidden cells are small. All cells are asked together: what is the
least and the most that each could be?
"""

import copy
import itertools
import math
import re

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

LARGEST_HIDDEN = {"nhs": 4, "opensafely": 7, "none": -1}
BETTER, CURED = "reliable_improvement", "reliable_recovery"
STAGES = ("consented", "first_follow_up", "second_follow_up", "both_follow_ups", "either_follow_up")
SHARES = ("gender", "ethnicity", "primary_problem", "employment_baseline", "employment_end")
RANGES = {"age": (0, 120), "sessions": (0, 500), "phq9_baseline": (0, 27), "phq9_change": (-27, 27),
          "gad7_baseline": (0, 21), "gad7_change": (-21, 21)}
GROUPS = ("no_consent", "consent_no_participation", "consent_and_participation")


class Attack:
    def __init__(self, tables, rule, compared, truth=None, blank=False, carried=True):
        """tables: texts by service, step and name, as in the CSV files of a bundle.

        truth: every cell by its name, as `exact` of the attack on tables by the rule `none`; the attacker uses of it
        which hidden cells are small. blank: the attacker does not see the numbers, only which are small. carried: as
        the tables say, whether 12-month answers stand in for missing 6-month ones.
        """
        self.carried = carried
        self.tables, self.rule, self.compared, self.truth, self.blank = tables, rule, compared, truth or {}, blank
        self.most = LARGEST_HIDDEN[rule]
        self.at, self.low, self.high, self.rows = {}, [], [], []
        self.hidden, self.shown, self.totals, self.exact = set(), set(), set(), {}
        self.elsewhere = {}  # of sums, what another bundle promises that shows them as counts
        rates = self.rows_of("all", "all", "response_rates")  # it names also those of which nothing else is shown
        every = sorted({service for service, *_ in tables}.union(row["service"] for row in rates))
        self.services = [service for service in every if service != "all"]
        for service in every:
            self.one_service(service)
        if ("all", "all", "response_rates") in tables:
            self.pooled()
        for name, n in self.truth.items():
            # a total by `opensafely` is hidden with its parts, however large it is: that it is small, nothing says
            if name in self.at and n <= self.most and name not in self.shown | self.totals:
                self.high[self.at[name]] = self.most
                self.hidden.add(name)

    # -- unknowns ---------------------------------------------------------------------------------

    def cell(self, *name, text=None, total=False):
        """The unknown of this name; what is printed of it bounds it. A total of rounded cells says nothing new."""
        if name not in self.at:
            self.at[name] = len(self.low)
            self.low.append(0)
            self.high.append(10_000)
        here = self.at[name]
        if total and self.rule == "opensafely":
            self.totals.add(name)
        if text in ("*", "[REDACTED]"):
            self.hidden.add(name)
        elif text is not None and self.rule == "none":
            self.exact[name] = int(text)
        elif text is not None and name not in self.totals:
            self.shown.add(name)
            if not self.blank:
                self.low[here] = max(self.low[here], int(text) - 2, self.most + 1)
                self.high[here] = min(self.high[here], int(text) + 2)
        return here

    def relation(self, low, high, *terms):
        self.rows.append((low, high, terms))

    def sum_is(self, whole, parts):
        self.relation(0, 0, (whole, 1), *((part, -1) for part in parts))

    def at_most(self, fewer, more):
        """The sum of `fewer` is no more than the sum of `more`."""
        self.relation(0, np.inf, *((part, -1) for part in fewer), *((part, 1) for part in more))

    def percentage(self, n, of, text):
        """What is printed has to follow from the counts beside it, and so says nothing."""
        if re.fullmatch(r"\d+", text) and self.rule != "none":
            assert n.isdecimal() and of.isdecimal() and abs(100 * int(n) / int(of) - int(text)) <= 0.5, (n, of, text)

    def mean(self, name, n, text, spread="*"):
        """The sum of whole numbers behind a mean, and of their squares behind an SD; each number is in its range."""
        total, squares = self.cell("sum", *name), self.cell("squares", *name)
        least, most = RANGES[name[2]]
        self.low[total], self.high[total] = -np.inf, np.inf
        self.high[squares] = np.inf
        self.relation(0, np.inf, (total, 1), (n, -least))
        self.relation(-np.inf, 0, (total, 1), (n, -most))
        # a parabola lies below its chord from least to most, and above each chord between two whole numbers
        self.relation(-np.inf, 0, (squares, 1), (total, -least - most), (n, least * most))
        known = re.fullmatch(r"-?\d+\.\d", text) and not self.blank and self.rule != "none"
        near = [math.floor(float(text))] if known else []
        for at in {*np.linspace(least, most - 1, 8).astype(int).tolist(), *near}:
            self.relation(0, np.inf, (squares, 1), (total, -2 * at - 1), (n, at * (at + 1)))
        if known:
            twenty = round(20 * float(text))
            self.relation(0, np.inf, (total, 20), (n, 1 - twenty))
            self.relation(-np.inf, 0, (total, 20), (n, -1 - twenty))
            if re.fullmatch(r"\d+\.\d", spread):  # squares are n mean^2 and n - 1 times SD^2
                sizes = [abs(float(text)) + by for by in (-0.05, 0.05)]
                sds = [float(spread) + by for by in (-0.05, 0.05)]
                for sign, size, sd in zip((1, -1), (max(sizes[0], 0), sizes[1]), sds, strict=True):
                    self.relation(-np.inf, sign * sd**2, (squares, -sign), (n, sign * (sd**2 + size**2)))

    # -- the tables of one service ----------------------------------------------------------------

    def one_service(self, service):
        rates = self.rows_of(service, "all", "response_rates")
        for row in rates:
            for stage in ("discharged", *STAGES):
                self.cell(row["service"], stage, text=row[stage])
            for stage in STAGES:
                of = "discharged" if stage == "consented" else "consented"
                self.percentage(row[stage], row[of], row[f"{stage}_percent"])
        discharged, consented, first, second, both, either = (
            self.cell(service, stage) for stage in ("discharged", *STAGES))
        self.relation(0, 0, (both, 1), (either, 1), (first, -1), (second, -1))
        for fewer, more in ((consented, discharged), (either, consented), (both, first), (both, second)):
            self.at_most([fewer], [more])
        self.modes(service, first, second)
        for relate, numbers in ((self.outcomes, (both, either)), (self.at_end, (discharged,))):
            rows = []
            for step in ("all", "step2", "step3"):
                before = len(self.rows)
                relate(service, step, *numbers)
                rows.append(self.rows[before:])
            self.without_step(*rows)
        if flow := self.rows_of(service, "all", "response_flow"):
            names = [(service, "discharged"), (service, "consented"), (service, "either_follow_up"),
                     *((service, "all", f"reliable_{outcome}_6m", "total") for outcome in ("improvement", "recovery"))]
            for name, row in zip(names, flow, strict=True):
                self.cell(*name, text=row["n"], total=name[-1] == "total")
        self.sample(service, either)
        self.groups(service, discharged, consented, either)
        for outcome in ("improvement", "recovery"):
            self.steps(service, f"reliable_{outcome}_6m", either)
        self.durable(service, first, second, either)
        self.curve(service)

    def without_step(self, *rows):
        """What holds of all, and of those in each step, holds of those in none of them, where it is of nobody else."""
        if len({*map(len, rows)}) == 1:
            for several in zip(*rows, strict=True):
                (low, high, of_all), *others = several
                cells = [cell for *_, terms in several for cell, _ in terms]
                factors = {tuple(factor for _, factor in terms) for *_, terms in several}
                if (low, high) == (0, np.inf) and len(cells) == len({*cells}) and len(factors) == 1:
                    self.relation(0, np.inf, *of_all,
                                  *((cell, -factor) for *_, terms in others for cell, factor in terms))

    def modes(self, service, first, second):
        for time, answered in (("6m", first), ("12m", second)):
            rows = [row for row in self.rows_of(service, "all", "response_by_mode") if row["time"] == time]
            cells = [self.cell(service, "mode", time, row["mode"], text=row["n"]) for row in rows]
            for row in rows:
                whole = self.cell(service, "mode", time, text=row["of"], total=True)
                self.percentage(row["n"], row["of"], row["percent"])
            if cells:
                self.sum_is(whole, cells)
                self.sum_is(answered, cells)

    def outcomes(self, service, step, both, either):
        codes = {"improvement": ("reliable_deterioration", "no_reliable_improvement", BETTER),
                 "recovery": ("no_reliable_recovery", CURED)}
        cells, twice = {}, {}  # of those in the six-month tables; of them who completed both follow-ups
        for outcome, known in codes.items():
            name = f"reliable_{outcome}_6m"
            shown = self.rows_of(service, step, name)
            for end, later in itertools.product(known, repeat=2):
                cells[outcome, end, later] = self.cell(service, step, name, end, later)
            for row in shown:
                self.cell(service, step, name, row["end"], row["follow_up"], text=row["n"])
            for row in self.rows_of(service, step, f"reliable_{outcome}_rates"):
                self.cell(service, step, name, row["end"], row["follow_up"], text=row["n"])
                self.cell(service, step, name, row["end"], text=row["of"], total=True)
                self.percentage(row["n"], row["of"], row["percent"])
            for end in known:
                self.sum_is(self.cell(service, step, name, end, total=True),
                            [cells[outcome, end, later] for later in known])
            whole = self.cell(service, step, name, "total", total=True)
            self.sum_is(whole, [cell for key, cell in cells.items() if key[0] == outcome])
            paths = self.rows_of(service, step, f"reliable_{outcome}_path")
            for row in paths:
                self.cell(service, step, f"{outcome}_path", row["end"], row["at_6m"], row["at_12m"], text=row["n"])
            if paths:
                for end, later in itertools.product(known, repeat=2):
                    twice[outcome, end, later] = [
                        self.cell(service, step, f"{outcome}_path", end, later, last) for last in known]
                    self.at_most(twice[outcome, end, later], [cells[outcome, end, later]])
                self.at_most([self.cell(service, step, f"{outcome}_path", *path)
                              for path in itertools.product(known, repeat=3)], [both])
            self.at_most([whole], [either])
        # whoever recovered had improved; whoever counts for recovery counts for improvement
        for ends, laters in itertools.product((codes["recovery"], [CURED]), repeat=2):
            cured, better = (
                [(outcome, *pair) for pair in itertools.product(*(
                    codes[outcome] if len(those) > 1 else [code] for those in (ends, laters)))]
                for outcome, code in (("recovery", CURED), ("improvement", BETTER)))
            self.at_most([cells[key] for key in cured], [cells[key] for key in better])
            if len({outcome for outcome, *_ in twice}) == 2:  # nor of those who completed one follow-up only
                self.at_most([*(cells[key] for key in cured), *itertools.chain(*(twice[key] for key in better))],
                             [*(cells[key] for key in better), *itertools.chain(*(twice[key] for key in cured))])

    def kept(self, service, step, outcome, n, of):
        """Of those with the outcome at end and a 6-month answer, who still has it: the last row of the square table."""
        name = service, step, f"reliable_{outcome}_6m", CURED if outcome == "recovery" else BETTER
        return self.cell(*name, name[-1], text=n), self.cell(*name, text=of, total=True)

    def at_end(self, service, step, discharged):
        rows = self.rows_of(service, step, "services_rates")
        for row in rows:
            name, rate = (row["service"], step, "end"), row["rate"]
            if row["denominator"] == "followed_up":
                self.kept(*name[:2], rate.removesuffix("_kept"), row["n"], row["of"])
            else:
                recovers = rate in ("recovery", CURED)
                of = {"nhs": ("finished", "eligible"), "paired": ("paired", "paired_cases")}[row["denominator"]]
                self.cell(*name, rate, text=row["n"])
                self.cell(*name, of[recovers], text=row["of"])
            self.percentage(row["n"], row["of"], row["percent"])
        if not rows:
            return
        finished, eligible, paired, cases, better, same, worse, recovered, cured = (
            self.cell(service, step, "end", name) for name in (
                "finished", "eligible", "paired", "paired_cases", BETTER, "no_reliable_change",
                "reliable_deterioration", "recovery", CURED))
        self.at_most([finished], [discharged])
        self.at_most([eligible], [finished])  # without those below caseness at baseline
        self.at_most([cases], [eligible])
        self.at_most([paired, eligible], [finished, cases])
        self.at_most([cases], [paired])
        self.at_most([better, same, worse], [paired])  # the rest is mixed
        self.at_most([recovered], [cases])
        self.at_most([cured], [recovered])
        self.at_most([cured], [better])
        table = {name: self.cell(service, step, f"reliable_{outcome}_6m", name) for outcome, names in (
            ("improvement", ("reliable_deterioration", "no_reliable_improvement", BETTER)),
            ("recovery", ("no_reliable_recovery", CURED))) for name in names}
        self.at_most([table[BETTER]], [better])
        self.at_most([table["reliable_deterioration"]], [worse])
        self.at_most([table["no_reliable_improvement"], better, worse], [paired])
        self.at_most([table[CURED]], [cured])
        self.at_most([table["no_reliable_recovery"], cured], [cases])
        self.at_most([table[BETTER], cured], [better, table[CURED]])
        if step != "all":
            return
        for key in [key for key in self.at if key[:3] == (service, "all", "end")]:
            self.at_most([self.cell(service, part, *key[2:]) for part in ("step2", "step3")], [self.at[key]])

    def durable(self, service, first, second, either):
        """Definitions of durability, and the answers from which the share of all is estimated, carried back or not."""
        counted = {}
        for row in self.rows_of(service, "all", "definitions"):
            definition, time = row["definition"], row["time"]
            outcome = {f"{BETTER}_kept": "improvement", f"{CURED}_kept": "recovery"}.get(definition)
            counted[definition, time] = self.kept(service, "all", outcome, row["n"], row["of"]) if (
                outcome and time == "6m") else (self.cell(service, "kept", definition, time, text=row["n"]),
                                                self.cell(service, "followed", definition, time, text=row["of"]))
            self.percentage(row["n"], row["of"], row["percent"])
        for row in self.rows_of(service, "all", "attrition_estimates"):
            well = {"improvement": BETTER, "recovery": CURED}[row["outcome"]]
            time = "alone" if row["time"] == "6m" and self.carried else row["time"]
            self.cell(service, "all", "end", well, text=row["of"])
            counted[f"{well}_kept", time] = self.kept(
                service, "all", row["outcome"], row["kept"], row["answered"]) if time == "6m" else (
                self.cell(service, "kept", f"{well}_kept", time, text=row["kept"]),
                self.cell(service, "followed", f"{well}_kept", time, text=row["answered"]))
        for (definition, time), (kept, followed) in counted.items():
            self.at_most([kept], [followed])
            self.at_most([followed], [{"6m": either, "alone": first, "12m": second}[time]])
            for looser in {f"{CURED}_kept": (f"{BETTER}_kept", "no_return_to_caseness")}.get(definition, ()):
                if (looser, time) in counted:
                    for strict, loose in zip((kept, followed), counted[looser, time], strict=True):
                        self.at_most([strict], [loose])
        if ("no_return_to_caseness", "6m") in counted:
            self.at_most([counted["no_return_to_caseness", "6m"][1]],
                         [self.cell(service, "all", "reliable_recovery_6m", "total")])
        end = [self.at.get((service, "all", "end", name)) for name in ("recovery", CURED)]
        for time in ("6m", "alone", "12m"):  # below the cut-offs at end, and not reliably recovered
            both = [counted.get((name, time)) for name in ("no_return_to_caseness", f"{CURED}_kept")]
            if all(both) and None not in end:
                self.at_most([both[0][1], end[1]], [both[1][1], end[0]])
        for outcome, well in (("improvement", BETTER), ("recovery", CURED)):
            table = self.kept(service, "all", outcome, None, None)
            others = [self.at[key] for key in self.at if key[:3] == (service, "all", f"reliable_{outcome}_6m")
                      and len(key) == 5 and key[3] != well]
            twice_others = [self.at[key] for key in self.at if key[:3] == (service, "all", f"{outcome}_path")
                            and key[3] != well]
            early, late = (counted.get((f"{well}_kept", time)) for time in ("alone", "12m"))
            paths = [key for key in self.at if key[:4] == (service, "all", f"{outcome}_path", well)]
            twice = {is_kept: [self.at[key] for key in paths if (key[5] == well) == is_kept]
                     for is_kept in (True, False)}
            if early:  # who answered at 6 months is counted as that, the others by the 12-month answer
                self.at_most([early[0]], [table[0]])
                self.at_most([early[1], table[0]], [table[1], early[0]])
                self.at_most([table[1], first], [early[1], either])
                self.at_most([early[1], *twice_others], [first])
                self.at_most([self.at[key] for key in paths if key[4] == well], [early[0]])
                self.at_most([early[0], *(self.at[key] for key in paths if key[4] != well)], [early[1]])
            if late:
                self.at_most(twice[True], [late[0]])
                self.at_most([late[0], *twice[False]], [late[1]])
                self.at_most([late[1], *others], [either])
                self.at_most([late[1], *twice_others], [second])
            if early and late and paths:  # who kept it at either time, less who did at both
                self.at_most([early[1], late[1]], [either, *(self.at[key] for key in paths)])
                self.at_most([early[0], late[0]], [either, *(self.at[key] for key in paths if {*key[3:]} == {well})])
            if early and late:
                self.at_most([table[0], *twice[True]], [early[0], late[0]])
                self.at_most([table[1], early[0], late[0], *twice[False]], [table[0], early[1], late[1]])

    def curve(self, service):
        """At risk fewer each month; those without relapse by the curve were at risk at most in the month after."""
        rows = self.rows_of(service, "all", "relapse_by_month")
        cells = [self.cell(service, "at_risk", str(row["month"]), text=row["at_risk"]) for row in rows]
        for row, later, before, after in zip(rows, rows[1:], cells, cells[1:], strict=False):
            self.at_most([after], [before])
            if row["share_percent"].isdecimal() and self.rule != "none" and not self.blank:
                whole = int(rows[0]["at_risk"])  # a small number is not told, so the least is not its half
                left = whole - max(5 * round(int(row["share_percent"]) * whole / 500) - 2.5, self.most + 0.5)
                begun, then = (self.truth[service, "at_risk", month] for month in ("0", str(later["month"])))
                if then * whole <= begun * left:  # by Turnbull's estimate a few more can be
                    self.relation(0, np.inf, (cells[0], left), (after, -whole))

    def rows_of(self, *key):
        table = self.tables.get(key)
        return [] if table is None else table.to_dict("records")

    def steps(self, service, name, either):
        """Steps 2 and 3 are parts of all; who is in neither has no recorded step, of whom there are so many."""
        cells = [key for key in self.at if key[:3] == (service, "all", name) and len(key) == 5]
        parts = {key: [self.cell(service, step, *key[2:]) for step in ("step2", "step3")] for key in cells}
        for key, found in parts.items():
            self.at_most(found, [self.at[key]])
        with_step = self.at.get((service, "sample", "step"))
        if with_step is not None:
            self.at_most([with_step, *(self.at[key] for key in cells)], [either, *itertools.chain(*parts.values())])

    def sample(self, service, either):
        with_step = self.cell(service, "sample", "step", total=True)
        self.at_most([with_step], [either])
        self.sum_is(with_step, [self.cell(service, "sample", "step", step) for step in ("step2", "step3")])
        levels, rows = {}, self.rows_of(service, "all", "sample_characteristics")
        spread = next((row["value"] for row in rows if (row["variable"], row["level"]) == ("age", "sd")), "*")
        for row in rows:
            variable, level = row["variable"], row["level"]
            if variable in SHARES:
                cell = self.cell(service, "sample", variable, level, text=row["n"])
                levels.setdefault(variable, []).append(cell)
                self.percentage(row["n"], row["of"], row["value"])
            elif variable == "step":
                self.cell(service, "sample", "step", level, text=row["n"])
                self.cell(service, "sample", "step", text=row["of"], total=True)
                self.percentage(row["n"], row["of"], row["value"])
            else:
                of = either if variable == "age" else self.cell(service, "sample", "step", level)
                cell = self.cell(service, "sample", variable, *([level] * (variable == "sessions")), text=row["n"])
                self.at_most([cell], [of])
                if level not in ("sd", "min", "max"):
                    self.mean((service, "sample", variable, level), cell, row["value"],
                              spread if variable == "age" else "*")
        for variable, cells in levels.items():  # the rest, named or not, is a number of patients too
            self.sum_is(either, [*cells, self.cell(service, "sample", variable, "rest")])
            self.hidden.add((service, "sample", variable, "rest"))

    def groups(self, service, discharged, consented, either):
        for row in self.rows_of(service, "all", "representativeness"):
            cell = self.cell(service, "group", row["variable"], row["group"], text=row["n"])
            size = {GROUPS[0]: ([discharged], [consented]), GROUPS[1]: ([consented], [either]),
                    GROUPS[2]: ([either], [])}[row["group"]]
            self.at_most([cell, *size[1]], size[0])
            self.mean((service, "group", row["variable"], row["group"]), cell, row["mean"], row["sd"])
        if not self.rows_of(service, "all", "representativeness"):
            return
        n = {key[2:]: at for key, at in self.at.items() if key[:2] == (service, "group")}
        for name, group in itertools.product(("phq9", "gad7"), GROUPS):
            self.at_most([n[f"{name}_change", group]], [n[f"{name}_baseline", group]])
        if service == "all":
            return
        for name in ("phq9", "gad7"):  # with a disorder-specific measure the GAD-7 need not be there
            for fewer, more in (((service, "all", "end", "paired"), GROUPS),
                                ((service, "all", "reliable_improvement_6m", "total"), GROUPS[2:])):
                changes = [(service, "group", f"{name}_change", group) for group in more]
                if fewer in self.at and (name == "phq9" or (fewer in self.truth and self.truth[fewer] <= sum(
                        map(self.truth.get, changes)))):
                    self.at_most([self.at[fewer]], [self.at[change] for change in changes])
        if not self.rows_of(service, "all", "sample_characteristics"):
            return
        # the same patients with and without a step, and with an age
        answered = service, "group", "sessions", GROUPS[2]
        sessions = [(service, "sample", "sessions", step) for step in ("step2", "step3")]
        for name in sessions:  # also where its row is left out
            if ("sum", *name) not in self.at:
                self.mean(name, self.cell(*name), "*")
        total, parts = self.at["sum", *answered], [self.at["sum", *name] for name in sessions]
        of_all, of_parts = self.at[answered], [self.at[name] for name in sessions]
        self.at_most(of_parts, [of_all])
        self.at_most([of_all, self.cell(service, "sample", "step")], [*of_parts, either])
        self.at_most(parts, [total])
        self.relation(0, np.inf, (total, -1), (of_all, RANGES["sessions"][1]), *((part, 1) for part in parts),
                      *((part, -RANGES["sessions"][1]) for part in of_parts))
        if (service, "sample", "age") not in self.at:
            return
        for kind, told in (((), ()), (("sum",), ("mean",)), (("squares",), ("mean",))):
            self.relation(0, 0, (self.at[*kind, service, "sample", "age", *told], 1),
                          (self.at[*kind, service, "group", "age", GROUPS[2]], -1))

    def pooled(self):
        """What is counted of all is the sum over the services; a level that a service does not print is small there."""
        rests = {}
        for key in [key for key in self.at if key[0] == "all" or key[:2] in (("sum", "all"), ("squares", "all"))]:
            is_sum = key[0] != "all"
            tail = key[2:] if is_sum else key[1:]
            members = self.compared if "group" in tail else self.services
            names = [(key[0], service, *tail) if is_sum else (service, *tail) for service in members]
            if tail[0] == "at_risk" and all((service, "at_risk", "0") in self.at for service in members):
                names = [name for name in names if name in self.at]  # nobody is, beyond the end of a table
            is_level = not is_sum and tail[:1] == ("sample",) and tail[1] in SHARES
            if not is_level and not all(name in self.at for name in names):
                continue
            if tail[-1] == "rest":
                continue
            self.sum_is(self.at[key], [self.cell(*name) for name in names])
            for name in names:
                if is_level and name not in self.shown:
                    rests.setdefault((*name[:3], "rest"), []).append(self.at[name])
        for rest, cells in rests.items():  # levels that a service does not print are parts of its rest
            if rest in self.at:
                self.at_most(cells, [self.at[rest]])

    # -- solutions --------------------------------------------------------------------------------

    def matrix(self):
        return coo_array(([factor for *_, terms in self.rows for _, factor in terms],
                          ([row for row, (*_, terms) in enumerate(self.rows) for _ in terms],
                           [cell for *_, terms in self.rows for cell, _ in terms])),
                         (len(self.rows), len(self.low))).tocsr()

    def solution(self, aim, gap=0.1, high=(), presolve=True):
        """The whole numbers with the largest `aim`, or something so near it; and whether that is proved.

        high: an unknown, and what it is at most here. Without presolve it takes longer, but with it HiGHS 1.12 called
        209 the most where 216 was possible, and a system without any solution that had many.
        """
        most = np.array(self.high)
        most[list(high[:1])] = high[1:]
        found = milp(-aim, constraints=LinearConstraint(self.matrix(), [row[0] for row in self.rows],
                                                        [row[1] for row in self.rows]),
                     bounds=Bounds(self.low, most), integrality=np.ones(len(aim)),
                     options={"mip_rel_gap": gap, "time_limit": 60, "presolve": presolve})
        if found.x is None and presolve:  # the truth is one
            return self.solution(aim, gap, high, presolve=False)
        assert found.x is not None, f"no solution: {found.message}; the true counts should be one"
        return np.round(found.x), found.status == 0

    def ranges(self, names, presolve=True):
        """The least and the most that each cell could be, so far as is needed: to the ends of its interval.

        Undecided in time is as far as was seen; which those are.
        """
        names = [name for name in names if name in self.at]
        at, random = np.array([self.at[name] for name in names], int), np.random.default_rng(7)
        ends = np.array([self.interval(name) for name in names]).reshape(-1, 2)
        low = high = self.solution(np.zeros(len(self.low)))[0][at] if len(at) else np.zeros(0)
        idle, undecided = 0, set()

        def learn(*how):
            nonlocal low, high
            found, proved = self.solution(*how)
            left = np.count_nonzero(low > ends[:, 0]) + np.count_nonzero(high < ends[:, 1])
            low, high = np.minimum(low, found[at]), np.maximum(high, found[at])
            return proved, left - np.count_nonzero(low > ends[:, 0]) - np.count_nonzero(high < ends[:, 1])

        while idle < 3 and len(at):
            aim = np.zeros(len(self.low))
            aim[at] = np.where(random.random(len(at)) < 0.5, -1.0 * (low > ends[:, 0]), high < ends[:, 1])
            aim[at] *= random.random(len(at)) < 0.2
            idle = 0 if learn(aim)[1] > len(at) / 200 else idle + 1
        for position, sign in itertools.product(range(len(at)), (-1, 1)):
            if (low[position] > ends[position, 0]) if sign < 0 else (high[position] < ends[position, 1]):
                aim = np.zeros(len(self.low))
                aim[at[position]] = sign
                here = () if sign < 0 else (at[position], max(ends[position, 1], high[position]))
                if not learn(aim, 0, here, presolve)[0]:
                    undecided.add(names[position])
        return {name: (int(least), int(most)) for name, least, most in zip(names, low, high, strict=True)}, undecided

    def number(self, name):
        """The true number; of a rest that of all levels that are left out."""
        if name[-1] != "rest":
            return self.truth.get(name, 0)
        return sum(n for level, n in self.truth.items() if level[:-1] == name[:-1] and level not in self.shown)

    def slides(self, name):
        """A sum of rounded numbers, or hidden without being small: it could be five numbers in a row."""
        is_large = name[0] != "difference" and name not in self.shown and self.number(name) > self.most
        return name not in self.elsewhere and (name in self.totals or is_large)

    def width(self, name):
        """From the least to the most that would be rounded like it; no rounded number is the sum of some."""
        rounded = 5 * round(self.number(name) / 5)
        return 4 if name in self.totals else rounded + 2 - max(rounded - 2, self.most + 1)

    def interval(self, name):
        """The protection that is promised: from 1 to the largest hidden number, or all that look the same rounded.

        Of what slides, how far the five may lie from the truth.
        """
        n = self.number(name)
        if name[0] == "difference":  # nobody may know that those who came are in it, nor that they are not
            return self.low[self.at[name]], self.high[self.at[name]]
        if name in self.elsewhere:
            return self.elsewhere[name]
        if self.slides(name):
            return max(n - 4, 0), n + 4
        if n <= self.most:
            return 1, self.most
        rounded = 5 * round(n / 5)
        return max(rounded - 2, self.most + 1), rounded + 2

    def beside(self, other, moved):
        """This attack with all that another one knows, of an earlier or a later bundle.

        moved: of each service in both the least and the most by which a count here differs from the count there.
        """
        both = copy.deepcopy(self)
        both.elsewhere = {name: other.interval(name) for name in self.totals & (other.shown - other.totals)}
        there = {name: at + len(self.low) for name, at in other.at.items()}
        both.low, both.high = [*self.low, *other.low], [*self.high, *other.high]
        both.rows += [(low, high, tuple((cell + len(self.low), factor) for cell, factor in terms))
                      for low, high, terms in other.rows]
        for name, at in there.items():
            is_sum = name[0] in ("sum", "squares")
            ends = moved.get(name[is_sum])
            if name not in self.at or ends is None or name[-1] == "rest" or (is_sum and any(ends)):
                continue
            both.relation(*ends, (self.at[name], 1), (at, -1))
            if any(ends):
                difference = both.cell("difference", *name)
                both.low[difference], both.high[difference] = ends
                both.relation(0, 0, (difference, 1), (self.at[name], -1), (at, 1))
                both.hidden.add(("difference", *name))
        return both

    def found_out(self, blank=None):
        """The cells that could not be all that is promised, with what they could be, however little were published.

        blank: the attack of somebody who sees none of the numbers of this bundle.
        """
        names = sorted(self.hidden | self.shown, key=str)
        if not names:
            return {}
        def short(found):
            return {name: (least, most) for name, (least, most) in found.items()
                    if (most - least < self.width(name) if self.slides(name) else
                        least > self.interval(name)[0] or most < self.interval(name)[1])}

        suspected = short(self.ranges(names)[0])
        found, undecided = self.ranges(suspected, presolve=False)
        blank = blank or Attack(self.tables, self.rule, self.compared, self.truth, blank=True,
                                carried=self.carried)
        anyway, unsure = blank.ranges(short(found), presolve=False)
        return {name: (least, most) for name, (least, most) in short(found).items()
                if name in undecided | unsure or least > max(self.interval(name)[0], anyway[name][0])
                or most < min(self.interval(name)[1], anyway[name][1])}
