"""What a run found, read from its tables and said in sentences: for the report's pages and Word files.

Improved and recovered at end of treatment, kept at 6 and at 12 months of those who answered, and how far those who did
not answer could move it. Of fewer patients than the study file's `few` counts are given, and no rate.
"""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from durability_utils.analyses.rates import nearest_year, read_england
from durability_utils.outcomes.proportions import Proportion, proportion
from durability_utils.shown import number, unbroken

OUTCOMES = {"improvement": "reliably improved", "recovery": "reliably recovered"}
TIMES = {"6m": "6 months", "12m": "12 months"}
# besides the definition, the row of definitions.csv by the study's own rule
KEPT_AT_12M = {"measures": "phq9_relevant_anxiety", "time": "12m", "population": "own"}
_NEVER = 10**9  # no rate is of so many
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
    """The answer in up to three sentences; of few patients one, with counts; of no table none."""
    if answers.are_few(few):
        return [_counts_only(answers)]
    sentences = [_kept_in_words(answers, outcome, few) for outcome in OUTCOMES]
    return [*filter(None, sentences), *filter(None, [_answered(answers, few)])]


def _kept_in_words(answers: Answers, outcome: str, few: int) -> str:
    end, later = answers.end.get((outcome, "nhs")), _later(answers, outcome, few)
    if end:
        begun = f"{unbroken(end, few)} had {OUTCOMES[outcome]} at the end of treatment"
        return f"{begun}; of those of them who answered, {later}." if later else f"{begun}."
    return f"Of those who had {OUTCOMES[outcome]} at the end of treatment and answered, {later}." if later else ""


def _later(answers: Answers, outcome: str, few: int) -> str:
    """`32 of 38 (84 %, 70 to 93) still had at 6 months and 1 of 2 at 12 months`; blank of no table."""
    carried = answers.carried.get(outcome)
    words = {"6m": f"{TIMES['6m']} (for {carried} the 12-month answer stands in)"} if carried else {}
    kept = [((TIMES | words)[time], answers.kept[outcome, time]) for time in TIMES if (outcome, time) in answers.kept]
    judged = [f"{unbroken(of, few)}{{}} at {time}" for time, of in kept if of.of]
    said = " and ".join(judged).format(" still had", *[""] * len(judged))
    return said or ("nobody could be judged" if kept else "")


def _answered(answers: Answers, few: int) -> str:
    if not answers.answered:
        return ""
    said = []
    for time in (time for time in TIMES if ("improvement", time) in answers.reach):
        worst, best, least, most = answers.reach["improvement", time]
        methods = "" if least is None else f" ({span(least, most)} by methods that allow for who answers)"
        said.append(f"{span(worst, best)} may still have at {TIMES[time]}{methods}")
    reach = f" Of all who had improved, without any assumption about the others, {', and '.join(said)}." if said else ""
    return f"{unbroken(answers.answered, few)} of those discharged answered.{reach}"


def _counts_only(answers: Answers) -> str:
    parts = [f"{answers.answered.n:,} of {answers.discharged:,} discharged answered"] if answers.answered else []
    parts += [f"of those who had {words} at the end of treatment, {later}" for outcome, words in OUTCOMES.items()
              if (later := _later(answers, outcome, _NEVER))]
    return f"Too few for rates: {'; '.join(parts)}."


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
    national = counts.loc[year]
    of = {"improvement": national["finished"], "recovery": national["finished"] - national["not_at_caseness"]}
    shares = {outcome: number(national[f"reliable_{outcome}"] / of[outcome], "share")
              for outcome in OUTCOMES if (outcome, "nhs") in answers.end}
    if not shares:
        return ""
    theirs = " and ".join(f"{share} had {OUTCOMES[outcome]}" for outcome, share in shares.items())
    ours = " and ".join(unbroken(answers.end[outcome, "nhs"], few) for outcome in shares)
    return (f"Of those who finished treatment in all services of England in {year}, {theirs} at its end; here, by the "
            f"same denominators, {ours}. Whoever lacks a score at end counts as not improved. {source}")


@cache
def _england():
    found = read_england()
    return found.counts, f"{found.source}. {found.licence}."
