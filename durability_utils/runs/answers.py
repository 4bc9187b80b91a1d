"""What a run found, read from its tables and said in sentences: for the report's pages and Word files.

Improved and recovered at end of treatment, kept at 6 and at 12 months of those who answered, and how far those who did
not answer could move it. Of fewer patients than the study file's `few` counts are given, and no rate.
"""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from durability_utils.analyses.rates import nearest_year, read_england
from durability_utils.outcomes.proportions import Proportion, proportion
from durability_utils.shown import number, unbroken

OUTCOMES = {"improvement": "reliably improved", "recovery": "reliably recovered"}
TIMES = {"6m": "6 months", "12m": "12 months"}
# besides the definition, the row of definitions.csv by the study's own rule
KEPT_AT_12M = {"measures": "phq9_relevant_anxiety", "time": "12m", "population": "own"}
_NOT_ALL = ("worst_case", "best_case", "returned_to_baseline", "prior")  # no estimates that data speak for


@dataclass(frozen=True)
class Answers:
    """The numbers of one service and step; of a notebook that left no table its part is absent.

    `discharged` everyone; `consented` of these; `answered` at least one follow-up, of everyone. `end`: by outcome and
    denominator (`nhs`, `paired`). `kept`: by outcome and time, of those well at end who answered. `reach`: by outcome
    and time the shares (0 to 1) that could hold of all who were well at end: the worst and the best case, and the least
    and the largest estimate of the methods that allow for those who did not answer (blank where none can).
    `carried`: by outcome of how many the 12-month answer stands in for the one at 6 months.
    """

    discharged: int | None = None
    consented: Proportion | None = None
    answered: Proportion | None = None
    end: dict[tuple[str, str], Proportion] = field(default_factory=dict)
    kept: dict[tuple[str, str], Proportion] = field(default_factory=dict)
    reach: dict[tuple[str, str], tuple[float, float, float | None, float | None]] = field(default_factory=dict)
    carried: dict[str, int] = field(default_factory=dict)

    def are_few(self, few: int) -> bool:
        """Whether fewer than `few` who had improved at end answered at 6 months: counts take the place of rates."""
        return ("improvement", "6m") in self.kept and self.kept["improvement", "6m"].of < few


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV table as text; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_answers(tables: Path) -> Answers:
    """What the tables in a folder say; a table or row that is not there is left out."""
    said = {}
    for row in read_table(tables / "response_rates.csv")[-1:]:  # of several services the sum
        discharged, consented, answered = (int(row[name]) for name in ("discharged", "consented", "either_follow_up"))
        said = {"discharged": discharged, "consented": proportion(consented, discharged),
                "answered": proportion(answered, discharged)}
    return Answers(**said, end=_at_end(tables), kept=_kept(tables), reach=_reach(tables),
                   carried=_carried(tables))


def _at_end(tables: Path) -> dict[tuple[str, str], Proportion]:
    rows = read_table(tables / "services_rates.csv")  # with several services, their rates and those of all together
    last = rows[-1]["service"] if rows else None
    rates = {f"reliable_{outcome}": outcome for outcome in OUTCOMES}
    return {(rates[row["rate"]], row["denominator"]): proportion(int(row["n"]), int(row["of"])) for row in rows
            if row["service"] == last and row["rate"] in rates}


def _kept(tables: Path) -> dict[tuple[str, str], Proportion]:
    kept = {}
    for outcome in OUTCOMES:
        code = f"reliable_{outcome}"
        at_end = {row["follow_up"]: int(row["n"]) for row in read_table(tables / f"{code}_6m.csv")
                  if row["end"] == code}
        if at_end:
            kept[outcome, "6m"] = proportion(at_end[code], sum(at_end.values()))
        for row in read_table(tables / "definitions.csv"):
            if {**KEPT_AT_12M, "definition": f"{code}_kept"}.items() <= row.items():
                kept[outcome, "12m"] = proportion(int(row["n"]), int(row["of"]))
    return kept


def _reach(tables: Path) -> dict[tuple[str, str], tuple[float, float, float | None, float | None]]:
    cases, spread = {}, {}
    rows = read_table(tables / "attrition_estimates.csv")
    for row in filter(lambda row: row["estimate"], rows):
        key = row["outcome"], row.get("time") or "6m"
        if row["method"] in ("worst_case", "best_case"):
            cases[key, row["method"]] = float(row["estimate"])
    for row in filter(lambda row: row["estimate"], rows + read_table(tables / "attrition_curve.csv")):
        if not row["method"].startswith(("complete_cases", *_NOT_ALL)):
            spread.setdefault((row["outcome"], row.get("time") or "6m"), []).append(float(row["estimate"]))
    return {key: (cases[key, "worst_case"], cases[key, "best_case"],
                  *((min(spread[key]), max(spread[key])) if key in spread else (None, None)))
            for key, _ in cases if {(key, "worst_case"), (key, "best_case")} <= cases.keys()}


def _carried(tables: Path) -> dict[str, int]:
    known = {(row["outcome"], row["method"]): int(row["answered"])
             for row in read_table(tables / "attrition_estimates.csv") if row["method"].startswith("complete_cases")
             and row.get("answered") and row.get("time") == "6m"}
    return {outcome: more for outcome in OUTCOMES if (outcome, "complete_cases_carried_back") in known
            and (more := known[outcome, "complete_cases_carried_back"] - known[outcome, "complete_cases"])}


# -- in words --------------------------------------------------------------------------------------

def in_words(answers: Answers, few: int) -> list[str]:
    """The answer in up to three paragraphs; of few patients one, with counts; of no table none."""
    if answers.are_few(few):
        return [_counts_only(answers)]
    paragraphs = [_kept_in_words(answers, outcome, few) for outcome in OUTCOMES]
    return [*filter(None, paragraphs), *filter(None, [_answered(answers, few)])]


def _kept_in_words(answers: Answers, outcome: str, few: int) -> str:
    end, later = _end_in_words(answers, outcome, few), _later(answers, outcome, few)
    whom = f"Of those {OUTCOMES[outcome]}" if end else f"Of those who had {OUTCOMES[outcome]} at the end of treatment"
    whom += " who answered" if end else " and answered"
    return " ".join(filter(None, [end, later and f"{whom}, {later}."]))


def _end_in_words(answers: Answers, outcome: str, few: int) -> str:
    """How many were well at end; at least so many where somebody lacks a score, with the share of those who do not."""
    end, paired = (answers.end.get((outcome, denominator)) for denominator in ("nhs", "paired"))
    if not end:
        return ""
    had = f"who finished treatment had {OUTCOMES[outcome]} at its end"
    if paired and paired.of == end.of:
        return f"{unbroken(end, few)} {had}."
    lack = f" ({end.of - paired.of:,} lack a score" if paired else ""
    if paired and paired.of >= max(few, 1):
        lack += f"; {unbroken(paired).partition('(')[2].rstrip(')')}, of the other {paired.of:,}"
    return f"At least {unbroken(end, end.of + 1)} {had}{lack and lack + ')'}."


def _later(answers: Answers, outcome: str, few: int) -> str:
    """`32 of 38 (84 %, 70 to 93) still were at 6 months and 1 of 2 at 12 months`; blank of no table."""
    kept = _by_time(answers, outcome)
    judged = [f"{unbroken(of, few)}{{}} at {time}" for time, of in kept.items() if of.of]
    said = " and ".join(judged).format(" still were", *[""] * len(judged))
    nobody = " and ".join(time for time, of in kept.items() if not of.of)
    return "; ".join(filter(None, [said, nobody and f"nobody could be judged at {nobody}"]))


def _by_time(answers: Answers, outcome: str) -> dict[str, Proportion]:
    """Those kept by the time in words, with how many answers stand in."""
    carried = answers.carried.get(outcome)
    words = {"6m": f"{TIMES['6m']} (for {carried} the 12-month answer stands in)"} if carried else {}
    return {(TIMES | words)[time]: answers.kept[outcome, time] for time in TIMES if (outcome, time) in answers.kept}


def _answered(answers: Answers, few: int) -> str:
    if not answers.answered:
        return ""
    said, carried, kept = [], answers.carried.get("improvement"), answers.kept.get(("improvement", "6m"))
    for time in (time for time in TIMES if ("improvement", time) in answers.reach):
        worst, best, least, most = answers.reach["improvement", time]
        # the rate counts answers carried back as well, of whom the bounds and methods assume nothing
        whom = ([f"from the {kept.of - carried} who answered at 6 months themselves"]
                if kept and carried and time == "6m" else [])
        by = "these methods" if "by methods" in "".join(said) else "methods that allow for who answers"
        methods = [] if least is None else [f"{span(least, most)} by {by}"]
        aside = f" ({'; '.join(whom + methods)})" if whom + methods else ""
        said.append(f"{span(worst, best)} may still be so at {TIMES[time]}{aside}")
    reach = f" Of all known to have improved, without any assumption about the others, {', and '.join(said)}."
    return f"{unbroken(answers.answered, few)} of those discharged answered.{reach if said else ''}"


def _counts_only(answers: Answers) -> str:
    answered = f"{answers.answered.n:,} of {answers.discharged:,} discharged answered." if answers.answered else ""
    counts = [too_few(answers, outcome) for outcome in OUTCOMES]
    lacking = _lacking(answers)
    rest = f"How the others fared is not known{f'; {lacking} who finished lack a score' if lacking else ''}."
    return " ".join(filter(None, ["Too few for rates.", answered, *counts, rest]))


def too_few(answers: Answers, outcome: str) -> str:
    """How many of those well at end could be judged, and how many of these still were, in counts; blank of no table."""
    end, kept = answers.end.get((outcome, "nhs")), _by_time(answers, outcome)
    judged = [f"{of.of or 'nobody'}{{}} at {time}{_of_these(of.n) if of.of else ''}" for time, of in kept.items()]
    if not judged:
        return ""
    return (f"Of {f'{end.n:,}' if end else 'those'} known to have {OUTCOMES[outcome]} at the end of treatment "
            f"{'; '.join(judged).format(' could be judged', *[''] * len(judged))}.")


def _of_these(n: int) -> str:
    return f", and {n or 'none'} still {'was' if n == 1 else 'were'}"


def _lacking(answers: Answers) -> str:
    """How many of those who finished lack a score at baseline or end; blank where none does, or nobody knows."""
    end, paired = (answers.end.get(("improvement", denominator)) for denominator in ("nhs", "paired"))
    return f"{end.of - paired.of:,} of {end.of:,}" if end and paired and end.of > paired.of else ""


def span(low: float, high: float) -> str:
    """Two shares as `6 to 98 %`, or one where they are the same."""
    ends = [number(share, "share").removesuffix("\u00a0%") for share in (low, high)]
    return f"{' to '.join(dict.fromkeys(ends))} %".replace(" ", "\u00a0")


def england(answers: Answers, day, few: int) -> str:
    """What England's services reached by the same denominator in the year nearest to `day`, beside what this one did.

    `day`: of discharge, None where no day is known; then it is the latest year. Blank without rates at end.
    """
    counts, source = _england()
    year = nearest_year(list(counts.index), day)
    own = f"{year[:4]}-04-01" <= str(day)[:10] < f"{int(year[:4]) + 1}-04-01"
    which = "," if own else f", the {'latest' if pd.isna(day) else 'nearest'} year published,"
    national = counts.loc[year]
    of = {"improvement": national["finished"], "recovery": national["finished"] - national["not_at_caseness"]}
    shares = {outcome: number(national[f"reliable_{outcome}"] / of[outcome], "share")
              for outcome in OUTCOMES if (outcome, "nhs") in answers.end}
    if not shares:
        return ""
    theirs = " and ".join(f"{share} had {OUTCOMES[outcome]}" for outcome, share in shares.items())
    ours = " and ".join(unbroken(answers.end[outcome, "nhs"], few) for outcome in shares)
    lacking = _lacking(answers)
    missing = f": here {lacking} lack one, so that no distance from England's, on either side, is a finding"
    return (f"Of those who finished treatment in all services of England in {year}{which} {theirs} at its end; here, "
            f"by the same denominators, {ours}. Whoever lacks a score at baseline or end counts as not improved, in "
            f"England, too{missing if lacking else ''}. England's rates are of other patients, and not adjusted for "
            f"who they are. {source}")


@cache
def _england():
    found = read_england()
    return found.counts, f"{found.source}. {found.licence}."
