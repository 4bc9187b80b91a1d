"""Tables under disclosure control as they are read: about ten for a paper, all of them for pages and the workbook.

Nothing is computed here but what is shown already: a count, a rate or a mean that is hidden stays hidden.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from durability_utils.figures import scope
from durability_utils.outcomes.proportions import Proportion
from durability_utils.outcomes.representativeness import DESCRIBED, GROUPS, VARIABLES
from durability_utils.outcomes.response import MODES, STAGES
from durability_utils.runs.answers import KEPT_AT_12M, TIMES, Answers, in_words, span
from durability_utils.runs.report import STEP_NAMES, service_name, strips
from durability_utils.sharing.audit import KNOWN, OUTCOMES
from durability_utils.sharing.disclosure import BASE, FARTHEST, Controlled, Count
from durability_utils.sharing.document import Section
from durability_utils.sharing.workbook import PValue, Share, Sheet
from durability_utils.shown import NOT_APPLICABLE, number
from durability_utils.study.columns import FOLLOW_UPS
from durability_utils.study.holds import Holds
from durability_utils.study.labels import label
from durability_utils.study.study_file import STEPS, Study

WELL = {"improvement": "reliably improved", "recovery": "reliably recovered"}
_STAGES = dict(zip(STAGES, ("Consented to be contacted", "Answered at 6 months", "Answered at 12 months",
                            "Answered at both times", "Answered at least once"), strict=True))
_GROUPS = dict(zip(GROUPS, ("No consent", "Consent, no follow-up", "Consent and follow-up"), strict=True))
_VARIABLES = dict(zip(VARIABLES, ("Age, years", "PHQ-9 at baseline", "PHQ-9 change", "GAD-7 at baseline",
                                  "GAD-7 change", "Sessions"), strict=True))
_DESCRIBED = {"employment_baseline": "Employment at baseline", "employment_end": "Employment at end of treatment"}
_LETTERS = str.maketrans("abc", "\u1d43\u1d47\u1d9c")  # raised
_INDENT = "\u2003"
RATE = "n (%, 95 % interval)"
_OFF = f"; a percentage of theirs may be off by up to {FARTHEST} points, for which its interval allows"
_NUMBERS = {"none": "exact", "nhs": f"rounded to the nearest {BASE}{_OFF}",
            "opensafely": f"rounded to the nearest {BASE}, and totals are sums of those that may be shown{_OFF}"}
_INTERVALS = "Intervals are 95 % intervals by Wilson\u2019s method."

# -- cells -----------------------------------------------------------------------------------------

def cell(text: str) -> str:
    """One cell of a controlled table: thousands with a comma, `<0.001`, a sign where nothing can be said."""
    if text.isdecimal():
        return number(int(text))
    return text.replace("< ", "<") or NOT_APPLICABLE


def rate(n: str, percent: str, low: str = "", high: str = "") -> str:
    """`60 (86 %, 76 to 92)`, or `60 (86 %)` without an interval; the sign alone where it is hidden, or of nobody."""
    if not percent.isdecimal():
        return cell(n) if n == percent else f"{cell(n)} ({percent})" if percent else NOT_APPLICABLE
    interval = f", {low} to {high}" if low else ""
    return f"{cell(n)} ({percent} %{interval})".replace(" ", "\u00a0")


class _Counts:
    """The counts and rates of controlled tables by their names."""

    def __init__(self, controlled: Controlled):
        self.controlled = controlled

    def response(self, service: str, stage: str) -> Count:
        """Of a stage on the way from discharge to the answers."""
        return Count(service, "all", "response", (stage,))

    def n(self, count: Count) -> str:
        return cell(str(self.controlled.shown.get(count, "")))

    def rate(self, n: Count, of: Count, *, interval: bool = True) -> str:
        found = self.controlled.rates.get((n, of))
        if found is None:
            return NOT_APPLICABLE
        return rate(str(self.controlled.shown[n]), *(found if interval else found[:1]))

    def are_shown(self, *counts: Count) -> bool:
        return any(isinstance(self.controlled.shown.get(count), int) for count in counts)


# -- what was found ------------------------------------------------------------------------------------

class Found(NamedTuple):
    """What the tables say of all steps of a service: in sentences, and drawn, by outcome a strip a time."""

    sentences: list[str]
    strips: dict[str, list[dict]]


def what_was_found(study: Study, controlled: Controlled, service: str) -> Found:
    """The rates of those who kept their gains as the tables print them, how far those who did not answer could move
    them, and how many answered; the last one on counts.

    What is hidden is left out, and said to be where nothing is left.
    """
    kept, counts = _kept_rates(controlled, service), _Counts(controlled)
    stages = [counts.response(service, stage) for stage in ("discharged", "consented", "either_follow_up")]
    answered = "How many answered may not be shown."
    if all(map(counts.are_shown, stages)):
        consented, either = (counts.rate(n, of) for of, n in pairwise(stages))
        answered = (f"Of {counts.n(stages[0])} discharged, {consented} consented to be contacted; {either} of these "
                    "answered at least once.")
    carried = " A missing 6-month answer was replaced by the 12-month one." if study.rules.carry_back else ""
    return Found([*(in_words(kept, study.few) or ["How many kept their gains may not be shown."]),
                  *_could_be(controlled, service, kept), answered,
                  f"Numbers of patients are {_NUMBERS[controlled.rule]}.{carried}"],
                 {outcome: strips(kept, outcome, study.few) for outcome in OUTCOMES})


def _could_be(controlled: Controlled, service: str, kept: Answers) -> list[str]:
    """The worst and the best case of all who were well at end, from the counts as shown, a sentence an outcome."""
    table = controlled.tables.get((service, "all", "services_rates"), pd.DataFrame())
    at_end = {row["rate"]: int(row["n"]) for row in table.to_dict("records")
              if (row["service"], row["denominator"]) == (service, "nhs") and row["n"].isdecimal()}
    sentences = []
    for outcome, words in WELL.items():
        everyone = at_end.get(f"reliable_{outcome}", 0)
        said = [f"{span(of.n / everyone, 1 - (of.of - of.n) / everyone)} may still have at {words_of_time}"
                for time, words_of_time in TIMES.items()
                if (of := kept.kept.get((outcome, time))) and of.of < everyone]
        if said:
            sentences.append(f"Of all {number(everyone)} who had {words} at the end of treatment, without any "
                             f"assumption about those who did not answer, {' and '.join(said)}.")
    return sentences


def _kept_rates(controlled: Controlled, service: str) -> Answers:
    kept = {}
    for outcome in OUTCOMES:
        code = f"reliable_{outcome}"
        for time, name, row in (("6m", f"{code}_rates", {"end": code, "follow_up": code}),
                                ("12m", "definitions", {**KEPT_AT_12M, "definition": f"{code}_kept"})):
            table = controlled.tables.get((service, "all", name), pd.DataFrame())
            for here in table.to_dict("records"):
                if row.items() <= here.items() and here["percent"].isdecimal():
                    n, of, *shares = (int(here[column]) for column in ("n", "of", "percent", "low", "high"))
                    kept[outcome, time] = Proportion(n, of, *(share / 100 for share in shares))
    return Answers(kept=kept)


# -- tables of a paper -----------------------------------------------------------------------------

def paper_tables(study: Study, controlled: Controlled) -> list[Section]:
    """The tables that a paper on the study needs, all services together where nothing else is said, cells as texts.

    heading and text: their caption with n; notes: what is missing, and what signs mean but those of the rule. A table
    without any number that may be shown is left out.
    """
    counts, made = _Counts(controlled), []
    carried = ("A missing 6-month answer was replaced by the 12-month one." if study.rules.carry_back
               else "No answer was carried from one time to another.")
    pooled = compared_services(study)
    pooled = pooled[0].upper() + pooled[1:]
    for section in (_flow(counts), _characteristics(counts), _compared(counts, pooled),
                    *(_square(counts, outcome, carried) for outcome in OUTCOMES), _kept(counts, study, carried),
                    _course(counts), _response(counts, study), _modes(counts), _effect_sizes(counts, pooled)):
        cells = "" if section is None else "".join(section.table.iloc[:, 1:].to_numpy().ravel())
        if any(map(str.isdecimal, cells)):
            sign = f" {NOT_APPLICABLE}: not applicable." if NOT_APPLICABLE in cells else ""
            made.append(section._replace(notes=section.notes + sign))
    return made


def compared_services(study: Study) -> str:
    """Whose patients the comparisons of groups for all services hold, as `service A`: those of `table1_services`."""
    some = set(study.table1_services) < set(study.services)
    return ", ".join(map(scope, study.table1_services if some else ["all"]))


def _flow(counts: _Counts) -> Section:
    of = {stage: "consented" for stage in STAGES} | {"consented": "discharged"}
    discharged = counts.response("all", "discharged")
    rows = [("Discharged", counts.n(discharged), NOT_APPLICABLE)]
    rows += [(words, counts.rate(counts.response("all", stage), counts.response("all", of[stage])), of[stage])
             for stage, words in _STAGES.items()]
    rows += [(f"Counted for reliable {outcome} at 6 months", counts.n(Count("all", "all", f"{outcome}_6m", ("total",))),
              NOT_APPLICABLE) for outcome in OUTCOMES]
    return Section(2, "From discharge to the answers", f"N = {counts.n(discharged)} discharged, all services.",
                   pd.DataFrame(rows, columns=["Patients", RATE, "Per cent of"]), notes=
                   "Not counted are patients without consent to the use of their treatment data, without an answer at "
                   "6 months, or with a score missing at end of treatment or follow-up; for recovery also those below "
                   f"caseness at baseline. {_INTERVALS}")


def _characteristics(counts: _Counts) -> Section | None:
    table = counts.controlled.tables.get(("all", "all", "sample_characteristics"))
    if table is None:
        return None
    rows = []
    for variable in (*DESCRIBED, "step"):
        levels = table[table["variable"] == variable]
        if len(levels):
            rows.append((_DESCRIBED.get(variable, label(variable).capitalize()), ""))
            rows += [(_INDENT + STEP_NAMES.get(level, label(level)), rate(n, value))
                     for level, n, value in levels[["level", "n", "value"]].itertuples(index=False)]
    ages = table[table["variable"] == "age"].set_index("level")["value"]
    if "mean" in ages:
        rows.append(("Age in years, mean (SD)", f"{cell(ages['mean'])} ({cell(ages.get('sd', ''))})"))
    sessions = table[table["variable"] == "sessions"]
    if len(sessions):
        rows.append(("Sessions, mean", ""))
        rows += [(_INDENT + STEP_NAMES[level], f"{cell(mean)} (n = {cell(n)})".replace(" ", "\u00a0"))
                 for level, n, mean in sessions[["level", "n", "value"]].itertuples(index=False)]
    n, of = (counts.n(counts.response("all", stage)) for stage in ("either_follow_up", "consented"))
    return Section(2, "Characteristics of the patients who answered at least once",
                   f"n = {n} of the {of} who consented, all services.", pd.DataFrame(
                       rows, columns=["Characteristic", "n (%)"]), notes=
                   "Per cent of all who answered at least once; those without an entry are the level missing. Step: of "
                   "those with a recorded step. A level is left out with its name where its number is hidden.")


def _compared(counts: _Counts, pooled: str) -> Section | None:
    table = counts.controlled.tables.get(("all", "all", "representativeness"))
    if table is None:
        return None
    rows, ns = [], {}
    for variable in VARIABLES:
        groups = table[table["variable"] == variable].set_index("group")
        ns[variable] = [groups.at[group, "n"] for group in GROUPS]
        cells = [f"{cell(groups.at[group, 'mean'])} ({cell(groups.at[group, 'sd'])})"
                 f"{groups.at[group, 'letters'].translate(_LETTERS)}".replace(" ", "\u00a0") for group in GROUPS]
        rows.append([_VARIABLES[variable], *cells, cell(groups["p"].iloc[0])])
    most = [max(column, key=lambda n: int(n) if n.isdecimal() else -1) for column in zip(*ns.values(), strict=True)]
    fewer = "; ".join(f"{_VARIABLES[variable]} {', '.join(map(cell, here))}" for variable, here in ns.items()
                      if here != most)
    heads = [f"{_GROUPS[group]} (n\u00a0=\u00a0{cell(n)})" for group, n in zip(GROUPS, most, strict=True)]
    return Section(2, "Patients by consent and follow-up: mean (SD)",
                   f"n = {', '.join(map(cell, most))} with a value. {pooled}.",
                   pd.DataFrame(rows, columns=["Characteristic", *heads, "p"]), notes=
                   "Change: baseline less end of treatment. Means in a row that share a letter were not shown to "
                   "differ at 5 % (Games-Howell); p by Welch\u2019s analysis of variance, not adjusted for the number "
                   "of rows; both from n, mean and SD as shown. "
                   f"Patients without a value are left out of its row{'; n there: ' + fewer if fewer else ''}.")


def _square(counts: _Counts, outcome: str, carried: str) -> Section:
    codes = OUTCOMES[outcome][::-1]  # the best first
    rows = []
    for step in STEPS:
        table = Count("all", step, f"{outcome}_6m", ())
        cells = {end: [table.below(end, later) for later in codes] for end in codes}
        if not counts.are_shown(*(count for row in cells.values() for count in row)):
            continue
        rows.append([STEP_NAMES[step].capitalize(), *[""] * (len(codes) + 1)])
        for end, row in cells.items():
            of = table.below(end, "total")
            shares = (counts.rate(count, of, interval=False) for count in row)
            rows.append([_INDENT + label(end), *shares, counts.n(of)])
    n = counts.n(Count("all", "all", f"{outcome}_6m", ("total",)))
    of = counts.n(counts.response("all", "either_follow_up"))
    below = "; for recovery also those below caseness at baseline" if outcome == "recovery" else ""
    return Section(2, f"Reliable {outcome}: end of treatment against 6 months",
                   f"n = {n} of the {of} who answered at least once, all services.",
                   pd.DataFrame(rows, columns=["At end of treatment", *(
                       f"{label(code).capitalize()} at 6 months, n (%)" for code in codes), "Total"]), notes=
                   "Per cent of the row. Left out are patients with a score missing at either time or without consent "
                   f"to the use of their treatment data{below}; of steps also those without a recorded step. {carried}")


def _kept(counts: _Counts, study: Study, carried: str) -> Section:
    rows, without = [], 0
    for service, step in [*(("all", step) for step in STEPS), *((service, "all") for service in study.services)]:
        tables = {outcome: Count(service, step, f"{outcome}_6m", (code,)) for outcome, (*_, code) in OUTCOMES.items()}
        if not counts.are_shown(*(table.below("total") for table in tables.values())):
            without += step == "all"
            continue
        row = [service_name(service) if step == "all" else _INDENT + STEP_NAMES[step]]
        for table in tables.values():
            of = table.below("total")
            row += [counts.n(of), counts.rate(table.below(*table.what), of)]
        rows.append(row)
    columns = [column for words in WELL.values() for column in (
        f"{words.capitalize()} at end, N", f"Still {words} at 6 months, {RATE}")]
    left = f"Left out, without any number that may be shown: {without} of the services. " if without else ""
    table = pd.DataFrame(rows, columns=["Patients of", *columns])
    return Section(2, "Gains kept at the 6-month follow-up, by step and service",
                   "N: those with the outcome at end of treatment and all scores at both times.", table, notes=
                   f"Patients who did not answer are in no column, and may differ from those who did. {carried} "
                   f"{left}{_INTERVALS}")


def _course(counts: _Counts) -> Section:
    rows = []
    for outcome, codes in OUTCOMES.items():
        paths = [(later, last, [Count("all", step, f"{outcome}_path", (codes[-1], later, last)) for step in STEPS])
                 for later in codes[::-1] for last in codes[::-1]]
        shown = [(label(later), label(last), *map(counts.n, ns)) for later, last, ns in paths
                 if any(counts.are_shown(n) and counts.controlled.shown[n] for n in ns)]
        if shown:
            rows += [(f"{WELL[outcome].capitalize()} at end of treatment", "", "", "", ""), *shown]
    return Section(2, "Course over both follow-ups of patients with the outcome at end of treatment",
                   "n: patients who answered at both times, with all scores, all services.",
                   pd.DataFrame(rows, columns=["At 6 months", "At 12 months", *(
                       f"{STEP_NAMES[step].capitalize()}, n" for step in STEPS)]), notes=
                   "Courses of nobody, or of which no number may be shown, are left out. Nothing was carried from one "
                   "follow-up to the other.")


def _response(counts: _Counts, study: Study) -> Section:
    stages = [stage for stage in STAGES if stage != "both_follow_ups"]
    rows = []
    for service in ("all", *(study.services if len(study.services) > 1 else ())):
        discharged, consented, *answered = (
            counts.response(service, stage) for stage in ("discharged", *stages))
        if counts.are_shown(discharged):
            rows.append([service_name(service), counts.n(discharged), counts.rate(consented, discharged),
                         *(counts.rate(count, consented) for count in answered)])
    return Section(2, "Response by service", f"N = {counts.n(counts.response('all', 'discharged'))} discharged.",
                   pd.DataFrame(rows, columns=["Patients of", "Discharged, N", *(
                       f"{_STAGES[stage]}, {RATE}" for stage in stages)]), notes=
                   f"Consented: per cent of those discharged; answered: of those who consented. {_INTERVALS}")


def _modes(counts: _Counts) -> Section | None:
    modes = {(time, mode): Count("all", "all", "mode", (time, mode)) for time in FOLLOW_UPS for mode in MODES}
    if not counts.are_shown(*modes.values()):
        return None
    rows = [[mode.capitalize(), *(counts.rate(modes[time, mode], Count("all", "all", "mode", (time, "total")))
                                  for time in FOLLOW_UPS)] for mode in MODES]
    n = [counts.n(Count("all", "all", "mode", (time, "total"))) for time in FOLLOW_UPS]
    return Section(2, "How the follow-ups were answered",
                   f"n = {n[0]} answers at 6 months and {n[1]} at 12 months, all services.",
                   pd.DataFrame(rows, columns=["Answered by", *(f"{label(time)}, {RATE}" for time in FOLLOW_UPS)]),
                   notes=f"Missing: answered, and not recorded how. {_INTERVALS}")


def _effect_sizes(counts: _Counts, pooled: str) -> Section | None:
    table = counts.controlled.tables.get(("all", "all", "representativeness_effects"))
    if table is None:
        return None
    rows = []
    for against in GROUPS[:2]:
        rows.append([f"Against: {_GROUPS[against].lower()}", "", "", ""])
        for row in table[table["against"] == against].itertuples():
            g = f"{row.g} ({row.low} to {row.high})".replace(" ", "\u00a0") if row.g != row.low else cell(row.g)
            rows.append([_INDENT + _VARIABLES[row.variable], cell(row.n), cell(row.n_against), g])
    return Section(2, "Size of the differences of those who consented and answered", f"Hedges\u2019 g. {pooled}.",
                   pd.DataFrame(rows, columns=["Characteristic", "n", "n against", "g (95 % interval)"]), notes=
                   "Positive: those who consented and answered have the higher value. Equal variances are not assumed. "
                   "From n, means and SDs as shown. "
                   "Patients without a value are left out of its row.")


# -- all tables ------------------------------------------------------------------------------------

def for_reader(holds: Holds, table: pd.DataFrame) -> pd.DataFrame:
    """A controlled table as a page shows it: words for codes, a rate with its interval in one cell.

    Rows without any number that may be shown are left out.
    """
    shown = _with_any_number(holds, table)
    rates = {n: [f"{prefix}{end}" for end in ("percent", "low", "high")] for prefix, (n, _) in holds.rates.items()}
    cells = {n: [rate(*row) for row in shown[[n, *columns]].itertuples(index=False)] for n, columns in rates.items()}
    plain = holds.numbers.union(holds.statistics).intersection(shown).difference(rates)
    shown = shown.assign(**{column: shown[column].map(cell) for column in plain}, **cells).drop(
        columns=[column for columns in rates.values() for column in columns])
    if "" in holds.rates:
        n = holds.rates[""][0]
        shown = shown.rename(columns={n: f"{n} (per cent, 95 % interval)"})
    if holds.effects or holds.estimates:
        intervals = [f"{low} to {high}" if low != high else low for low, high in zip(
            shown["low"], shown["high"], strict=True)]
        shown = shown.assign(low=intervals).drop(columns="high").rename(columns={"low": "95 % interval"})
    shown = shown.rename(columns={f"{column}_percent": f"{column}, per cent" for column in holds.estimates})
    words = shown.columns.intersection(holds.labels)
    words = words[[not shown[column].eq("all").all() for column in words]]
    shown = shown.drop(columns=holds.labels.difference(words))  # of a curve of everybody
    return shown.assign(**{column: shown[column].map(label) for column in words}).rename(columns=label)


def _with_any_number(holds: Holds, table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a count; in a table of a model's shares those with one of these, if any has."""
    counted, estimated = (table[columns].map(str.isdecimal).any(axis=1) for columns in (
        list(holds.counts), [f"{column}_percent" for column in holds.estimates]))
    return table[estimated if estimated.any() else counted]


def workbook_sheets(study: Study, controlled: Controlled) -> list[Sheet]:
    """A sheet for each table with a title, all services and steps below each other, numbers as numbers.

    Rows without any number that may be shown are left out.
    """
    sheets = []
    kinds = {name: list(KNOWN).index(controlled.given[service, step, name].first[0].kind)
             for service, step, name in controlled.tables}
    for name in sorted(kinds, key=kinds.get):
        places = sorted(((service, step) for service, step, at in controlled.tables if at == name),
                        key=lambda place: (place[0] != "all", place[0], STEPS.index(place[1])))
        holds = controlled.given[(*places[0], name)].holds
        if not holds.title:  # another table holds the same counts
            continue
        if holds.service:  # that of all has each service's rows
            places = [(service, step) for service, step in places if service == "all" or ("all", step) not in places]
        given = [controlled.given[service, step, name] for service, step in places]
        everybody = service_name("all")
        if name.startswith("representativeness") and (some := compared_services(study)) != scope("all"):
            everybody += f" ({some} alone)"
        named = {service: everybody if service == "all" else service_name(service) for service, _ in places}
        parts = [_with_numbers(table, _with_any_number(table.holds, controlled.tables[(*place, name)]))
                 for place, table in zip(places, given, strict=True)]
        for part, (service, step) in zip(parts, places, strict=True):
            part.insert(0, "Patients of", named[service])
            part.insert(1, "Steps", STEP_NAMES[step])
        services = list(dict.fromkeys(service for service, _ in places))
        steps = [step for step in STEPS if any(step == at for _, at in places)]
        whom = named[services[0]]
        if len(services) > 1:
            whom = f"{everybody[0].lower()}{everybody[1:]}, and {len(services) - 1} of them"
        whom += f"; {', '.join(STEP_NAMES[step] for step in steps)}"
        sheets.append(Sheet(label(name).capitalize(), holds.title, whom, pd.concat(parts, ignore_index=True)))
    return sheets


_KINDS = {"share": lambda text: Share(int(text) / 100), **dict.fromkeys(("mean", "sd", "range"), float),
          "effective": int, "p": PValue}


def _with_numbers(given, table: pd.DataFrame) -> pd.DataFrame:
    """A controlled table with words for codes, and numbers of their kinds where they are shown."""
    holds: Holds = given.holds
    kinds = dict.fromkeys(holds.counts, int) | dict.fromkeys((*holds.effects, "sd", "sd_against"), float)
    for prefix in holds.rates:
        kinds |= {f"{prefix}{end}": _KINDS["share"] for end in ("percent", "low", "high")}
    if holds.effects:
        kinds |= {"low": float, "high": float}
    if holds.estimates:
        kinds |= dict.fromkeys((*(f"{column}_percent" for column in holds.estimates), "low", "high"), _KINDS["share"])
    words = [column for column in table if column in holds.labels]
    kinds["month"] = int  # a label, and a number
    columns = {}
    for column, texts in table.items():
        if column in holds.statistics:  # of a kind that may differ from row to row
            rows, kept = (cells[words].itertuples(index=False, name=None) for cells in (given.cells, table))
            of_row = dict(zip(rows, given.statistics[column], strict=True))
            made = [_number(text, _KINDS.get(of_row[row])) for text, row in zip(texts, kept, strict=True)]
        elif column in kinds:
            made = [_number(text, kinds[column]) for text in texts]
        else:
            made = [label(text) for text in texts] if column in words else list(texts)
        columns[_header(column)] = pd.Series(made, dtype="object")
    return pd.DataFrame(columns)


def _number(text: str, kind: Callable | None):
    if kind is not None:
        with suppress(ValueError):
            return kind(text)
    return text.replace("< ", "<")


def _header(column: str) -> str:
    words = {"percent": "per cent", "low": "95 % from", "high": "95 % to", "follow up": "follow-up",
             "follow ups": "follow-ups"}
    text = re.sub(r"\b(percent|low|high|follow ups?)\b", lambda found: words[found[0]], label(column))
    return text[:1].upper() + text[1:] if len(text.split()[0]) > 1 else text  # n, p and g stay
