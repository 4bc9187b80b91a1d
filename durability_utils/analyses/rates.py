"""Outcome rates of services at end of treatment by the NHS's denominators and by paired scores, and England's rates."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from durability_utils.outcomes.proportions import rounded_percent, with_proportions
from durability_utils.outcomes.rules import expect_classified
from durability_utils.study.expected import expect, expect_columns, expect_same_rows
from durability_utils.study.holds import Holds
from durability_utils.study.parameters import PROJECT, FileModel, Number, Text, read_checked

ENGLAND = PROJECT / "parameters" / "published" / "england.yaml"
# The columns that the counts are made from: at end of treatment of everyone, later of those who answered.
END_DATA = ["consent_upflow", "step", "discharge_date", "adsm",
            *(f"{name}_{time}" for time in ("baseline", "end") for name in ("phq9", "gad7", "adsm"))]
# What each rate is a share of, by denominator.
DENOMINATORS = {
    "nhs": {"reliable_improvement": "finished", "no_reliable_change": "finished", "reliable_deterioration": "finished",
            "recovery": "eligible", "reliable_recovery": "eligible"},
    "paired": {"reliable_improvement": "paired", "no_reliable_change": "paired", "reliable_deterioration": "paired",
               "recovery": "paired_at_caseness", "reliable_recovery": "paired_at_caseness"},
    "followed_up": {"improvement_kept": "improved_and_followed_up", "recovery_kept": "recovered_and_followed_up"},
}
# The rates by which services are compared.
COMPARED = [("reliable_improvement", "nhs"), ("reliable_improvement", "paired"), ("improvement_kept", "followed_up"),
            ("reliable_recovery", "nhs"), ("reliable_recovery", "paired"), ("recovery_kept", "followed_up")]
# By the NHS denominator who lacks scores counts as without them: few may have them because many are not known.
NO_GAINS = ("no_reliable_change", "reliable_deterioration")
# Of fewer patients no service is ranked or adjusted: already of 10 of 20 the 95 % interval goes from 30 to 70 per cent.
LEAST_PATIENTS = 20
RATES = Holds("Rates of services at end of treatment and later",
              {"n": "service_rate/{rate}/{denominator}/n", "of": "service_rate/{rate}/{denominator}/of"},
              {"": ("n", "of")}, service="service")
# What is counted elsewhere, too, by its name there (see `Holds`).
_COUNTED = {"discharged": "response/discharged"} | {
    name: f"{outcome}_6m/{well}/{later}" for outcome, well, words in (
        ("improvement", "reliable_improvement", "improved"), ("recovery", "reliable_recovery", "recovered"))
    for name, later in ((f"{words}_and_followed_up", "total"), (f"{outcome}_kept", well))}


class _Year(FileModel):
    counts: dict[str, int]
    percent: dict[str, Number]


class England(FileModel):
    """What is published of England by year (index `year`, as in `2017-18`): `counts` with columns as in `end_counts`,
    `percent` as printed by rate; `source` and `licence`, to be shown wherever a number of it is."""

    source: Text
    licence: Text
    years: dict[str, _Year]

    counts = property(lambda self: self._by_year("counts"))
    percent = property(lambda self: self._by_year("percent"))

    def _by_year(self, what: str) -> pd.DataFrame:
        rows = [getattr(year, what) for year in self.years.values()]
        return pd.DataFrame(rows, pd.Index(list(self.years), name="year"))


def end_counts(cohort: pd.DataFrame, end: pd.DataFrame) -> pd.DataFrame:
    """Patients by their outcome at end of treatment: one row a service, in the order of its categories.

    `end`: what `classify` gives for the cohort at end. Index `service`, columns (patients): `discharged`; `withheld`
    (explicitly no consent to up-flow, so that nothing is known of the treatment); `finished` a course, which is
    everyone else, since the study's minimum of sessions holds for the cohort; `at_caseness` and `not_at_caseness` at
    baseline, the rest of `finished` lacking a score; `paired`: PHQ-9 and the relevant anxiety measure at baseline and
    end; `paired_at_caseness`; then of `paired`: `reliable_improvement`, `no_reliable_change`, `mixed` and
    `reliable_deterioration`, which add up to it; `recovery` (at caseness at baseline, not at end), `reliable_recovery`.

    Names and order of the NHS's counts: NHS Digital, Psychological Therapies: a guide to IAPT data and publications.
    Misuse: the NHS counts referrals with two treatment contacts or more, the assessment not among them; a study with
    a lower minimum of sessions counts more as finished.
    """
    expect(cohort, ["consent_upflow"])
    expect_columns(cohort, ["service"])
    expect_classified(end=end)
    expect_same_rows(cohort=cohort, end=end)
    withheld = (cohort["consent_upflow"] == "no").fillna(False).astype(bool)
    case, paired = end["case_baseline"], end["improvement"].notna()
    flags = pd.DataFrame({
        "discharged": True,
        "withheld": withheld,
        "finished": ~withheld,
        "at_caseness": ~withheld & case,
        "not_at_caseness": ~withheld & ~case & end["scored_baseline"],
        "paired": paired,
        "paired_at_caseness": paired & case,
        "reliable_improvement": end["improvement"] == "reliable_improvement",
        "no_reliable_change": (end["improvement"] == "no_reliable_improvement") & ~end["mixed"],
        "mixed": paired & end["mixed"],
        "reliable_deterioration": end["improvement"] == "reliable_deterioration",
        "recovery": paired & case & ~end["case_later"],
        "reliable_recovery": end["recovery"] == "reliable_recovery",
    })
    return _by_service(flags, cohort["service"])


def kept_counts(answered: pd.DataFrame, end: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Gains kept to the 6-month follow-up of those who answered: one row a service, in the order of its categories.

    Index `service`, columns (patients): `improved_and_followed_up` (reliable improvement at end, and all scores at
    follow-up), `improvement_kept` of them; `recovered_and_followed_up`, `recovery_kept`: the last rows of the tables of
    notebooks 03 and 04. `end`, `later`: what `classify` gives at end and 6m, after carry back where the study has it.
    """
    expect_columns(answered, ["service"], "answered")
    expect_classified(end=end, later=later)
    expect_same_rows(answered=answered, end=end, later=later)
    flags = {}
    for outcome, words in (("improvement", "improved"), ("recovery", "recovered")):
        well = f"reliable_{outcome}"
        flags[f"{words}_and_followed_up"] = (end[outcome] == well) & later[outcome].notna()
        flags[f"{outcome}_kept"] = (end[outcome] == well) & (later[outcome] == well)
    return _by_service(pd.DataFrame(flags), answered["service"])


def _by_service(flags: pd.DataFrame, service: pd.Series) -> pd.DataFrame:
    counts = flags.groupby(service, observed=False).sum().astype(int)
    return counts.set_axis(counts.index.astype("str"), axis="index").rename_axis("service")


def with_all(counts: pd.DataFrame) -> pd.DataFrame:
    """The counts with a last row `all` where there are several services."""
    total = counts.sum().to_frame("all").T.rename_axis("service")
    return pd.concat([counts, total]) if len(counts) > 1 else counts


def counts_holds(counts: pd.DataFrame) -> Holds:
    """What a table of `with_all` holds."""
    return Holds("Patients of services by outcome", {name: _counted(name) for name in counts}, service="service")


def rates_holds(rates: pd.DataFrame) -> Holds:
    """What a table of `rates_from_counts` holds."""
    shares = rates[["rate", "denominator"]].itertuples(index=False)
    of = [_counted(DENOMINATORS[denominator][rate]) for rate, denominator in shares]
    return replace(RATES, counts={"n": [*map(_counted, rates["rate"])], "of": of}, words=("rate", "denominator"))


def _counted(name: str) -> str:
    return _COUNTED.get(name, f"service/{name}")


def rates_from_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Every rate that the counts give, one row each: the index of `counts`, then `rate, denominator, n, of, share, low,
    high` (0 to 1, Wilson 95 %; NaN of nobody). A rate of which a count is absent or blank (suppressed) is left out.

    Denominator `nhs`, as in the annual reports (formulas: NHS Digital, Psychological Therapies: reports on the use of
    IAPT services, England, June 2020 final, page Outcomes):
    reliable improvement, no reliable change and reliable deterioration = count / finished;
    recovery and reliable recovery = count / (finished - not at caseness).
    Who lacks scores at baseline or end stays in it, and counts as not improved and not recovered.
    Denominator `paired`: the same counts among those with all scores; who lacks one is in neither part.
    Denominator `followed_up`, of what is `_kept`: those improved (recovered) at end with all scores at follow-up.

    Misuse: to compare one service's `nhs` rate with another's `paired` rate; or two `nhs` rates where the services
    lack scores of different shares of their patients: then it is the completeness that is compared.
    """
    expect_columns(counts, ["finished", "not_at_caseness"], "counts")
    counts = counts.assign(eligible=counts["finished"] - counts["not_at_caseness"])
    index = list(counts.index.names)
    parts = [counts[[rate, of]].set_axis(["n", "of"], axis="columns").assign(rate=rate, denominator=denominator)
             for denominator, rates in DENOMINATORS.items() for rate, of in rates.items() if {rate, of} <= set(counts)]
    table = pd.concat(parts).dropna(subset=["n", "of"]).reset_index().astype({"n": int, "of": int})
    return with_proportions(table, "n", "of")[[*index, "rate", "denominator", "n", "of", "share", "low", "high"]]


def targets(rates: pd.DataFrame) -> pd.DataFrame:
    """Rows of `rates_from_counts` as what services are held against: `rate, denominator, target` (a share, 0 to 1)."""
    expect_columns(rates, ["rate", "denominator", "of", "share"], "rates")
    return rates.loc[rates["of"] > 0, ["rate", "denominator", "share"]].rename(columns={"share": "target"})


def of_compared(rates: pd.DataFrame) -> pd.DataFrame:
    """The rows of those rates by which services are compared, in the order of COMPARED."""
    order = pd.DataFrame(COMPARED, columns=["rate", "denominator"])
    return order.merge(rates, on=["rate", "denominator"])[list(rates)]


def lacking_in_words(counts: pd.DataFrame) -> str:
    """How many who finished lack scores, least and most in one service: `45 % ... (2 % of A's, 69 % of C's)`.

    `counts`: of `end_counts`, a row a service.
    """
    share = (1 - counts["paired"] / counts["finished"]).dropna()
    all_of = f"{100 * (1 - counts['paired'].sum() / counts['finished'].sum()):.0f} % of those who finished lack scores"
    if len(share) < 2:
        return all_of
    ends = ", ".join(f"{100 * share[name]:.0f} % of {name}'s" for name in (share.idxmin(), share.idxmax()))
    return f"{all_of} ({ends})"


def completeness_in_words(counts: pd.DataFrame, rates: pd.DataFrame) -> str:
    """Why services have no ranks by the NHS denominator: a sentence on how complete their scores are.

    `counts`: of `end_counts`, a row a service; `rates`: their `rates_from_counts`. The order of the services is called
    that of completeness (`paired` of `finished`) only where it is, by each gain by which services are compared.
    """
    complete = (counts["paired"] / counts["finished"]).dropna()
    ends = " to ".join(dict.fromkeys(f"{100 * end:.0f}" for end in (complete.min(), complete.max())))
    gains = [rate for rate, denominator in COMPARED if denominator == "nhs"]
    nhs = rates[(rates["denominator"] == "nhs") & rates["rate"].isin(gains)].dropna(subset="share")
    same = [list(part.sort_values("share")["service"]) == list(complete[part["service"]].sort_values().index)
            for _, part in nhs.groupby("rate")]
    order = "the order of services is that of" if same and all(same) else "a service's rates depend on"
    return f"By the NHS denominator {order} the completeness of scores ({ends} %), so no ranks are given."


def bound_in_words(counts: pd.Series) -> str:
    """What a comparison with England is worth where `counts`, a row of `end_counts`, lacks scores: ends a sentence."""
    lacking, of = int(counts["finished"] - counts["paired"]), int(counts["finished"])
    most = rounded_percent(int(counts["reliable_improvement"]) + lacking, of) if lacking else 0
    bound = (", so every rate by the NHS denominator is a lower bound (of reliable improvement up to "
             f"{most} % is possible)") if lacking else ""
    return (f"{bound}; England's rates lack scores, too, and are not adjusted for who the patients are: no distance "
            "from them is a finding")


def known_in_words(known: int, of: int, at_6_months: int) -> str:
    """Of how many a 6-month answer is known: `71 of 1,092 (55 answered at 6 months; for 16 the 12-month answer ...)`.

    known: with the 12-month answer carried back, at_6_months: without.
    """
    carried = (f" ({at_6_months:,} answered at 6 months; for {known - at_6_months:,} the 12-month answer stands in)"
               if known > at_6_months else "")
    return f"{known:,} of {of:,}{carried}"


def read_england(path: Path = ENGLAND) -> England:
    """England's published counts and rates; InputError where the file is absent or does not hold them."""
    return read_checked(England, path)


def nearest_year(years: list[str], day: pd.Timestamp | None) -> str:
    """The published year (1 April to 31 March, as in 2017-18) nearest to a day of discharge; without one the latest."""
    if day is None or pd.isna(day):
        return max(years)
    begun = day.year - (day.month < 4)
    return min(sorted(years), key=lambda year: abs(int(year[:4]) - begun))
