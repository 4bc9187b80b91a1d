"""Rates as the NHS counts them, and the same rates among those with both scores only.

A rate is a count and a denominator. The national reports divide by everybody who finished a course of treatment, or by
those of them not known to be below caseness at its start; a follow-up study by those whose scores are there at both
times. Source: NHS England, Psychological Therapies: Annual report on the use of IAPT services, and its metadata.
"""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd

from durability_utils.columns import PROJECT
from durability_utils.measures import Measure
from durability_utils.outcomes import carry_back, classify, relevant_anxiety
from durability_utils.proportions import with_proportions

ENGLAND = PROJECT / "parameters" / "published" / "england.yaml"
# rate: the outcome counted; whether patients not at caseness at baseline are taken from those who finished
NATIONAL = {"improvement": False, "deterioration": False, "no_reliable_change": False, "recovery": True,
            "reliable_recovery": True}
RATES = ("reliable_improvement", "reliable_deterioration", "no_reliable_change", "recovery", "reliable_recovery",
         "improvement_kept", "recovery_kept")
DENOMINATORS = ("nhs", "paired")


def national_rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Per cent to one decimal from published counts: a column for each of NATIONAL, NaN where nobody is in it.

    counts: columns `finished`, `not_at_caseness` (at the start of treatment) and one for each of NATIONAL. Improvement,
    deterioration and no reliable change are of those who finished a course of treatment, recovery and reliable recovery
    of those who finished less those not at caseness; halves are rounded up. Not the same as dividing by those *at*
    caseness: of a few it is not known, and they stay in the denominator.
    """
    return pd.DataFrame({
        rate: [_one_decimal(n, of) for n, of in zip(
            counts[rate], counts["finished"] - counts["not_at_caseness"] * at_caseness, strict=True)]
        for rate, at_caseness in NATIONAL.items()
    }, index=counts.index)


def _one_decimal(n: int, of: int) -> float:
    if of == 0:
        return np.nan
    return float((100 * Decimal(int(n)) / Decimal(int(of))).quantize(Decimal("0.1"), ROUND_HALF_UP))


def service_rates(cohort: pd.DataFrame, measures: dict[str, Measure], rule: str, carried_back: bool) -> pd.DataFrame:
    """The rates of every service with both denominators: `service, rate, denominator, n, of, share, low, high`.

    One row for each of RATES and DENOMINATORS, and a row `all` last where there are several services; Wilson 95 %.

    `paired`: of those whose scores are there at both times, for the recoveries of those of them at caseness at
    baseline. `nhs`: of everybody in the cohort, for the recoveries without those known to be below caseness at
    baseline. So whoever lacks a score counts as not improved and not recovered: with many of them the rate tells more
    of the records than of the patients. `recovery` is from caseness to below both cut-offs, however small the change.
    `improvement_kept` and `recovery_kept`: of those who had reliably improved (recovered) at end, still so at 6 months;
    `paired` of those who answered, `nhs` of all of them, so that silence counts as a loss.
    """
    end = classify(cohort, "end", measures, rule)
    later = classify(carry_back(cohort) if carried_back else cohort, "6m", measures, rule)
    paired, case = end["improvement"].notna(), end["case_baseline"]
    possibly_case = case | ~_baseline_known(cohort, measures, rule)
    improved, recovered = (end[name] == code for name, code in _BEST.items())
    still = {name: later[name] == code for name, code in _BEST.items()}
    everybody = pd.Series(True, cohort.index)
    events = {  # who counts, and of whom: nhs, paired
        "reliable_improvement": (improved, everybody, paired),
        "reliable_deterioration": (end["improvement"] == "reliable_deterioration", everybody, paired),
        "no_reliable_change": (end["improvement"] == "no_reliable_improvement", everybody, paired),
        "recovery": (paired & case & ~end["case_later"], possibly_case, paired & case),
        "reliable_recovery": (recovered, possibly_case, paired & case),
        "improvement_kept": (improved & still["improvement"], improved, improved & later["improvement"].notna()),
        "recovery_kept": (recovered & still["recovery"], recovered, recovered & later["recovery"].notna()),
    }
    parts = [pd.DataFrame({"service": cohort["service"], "rate": rate, "denominator": denominator,
                           "n": (who & of).astype(int), "of": of.astype(int)})
             for rate, (who, *denominators) in events.items()
             for denominator, of in zip(DENOMINATORS, denominators, strict=True)]
    keys = ["service", "rate", "denominator"]
    counts = pd.concat(parts).groupby(keys, sort=False, observed=False)[["n", "of"]].sum().reset_index()
    counts["service"] = counts["service"].astype("str")
    if len(set(counts["service"])) > 1:
        pooled = counts.groupby(keys[1:], sort=False)[["n", "of"]].sum().reset_index().assign(service="all")
        counts = pd.concat([counts, pooled[counts.columns]], ignore_index=True)
    return with_proportions(counts, "n", "of")


_BEST = {"improvement": "reliable_improvement", "recovery": "reliable_recovery"}


def _baseline_known(cohort: pd.DataFrame, measures: dict[str, Measure], rule: str) -> pd.Series:
    """True where both scores at baseline are there: only then can a patient be known to be below caseness."""
    anxiety = relevant_anxiety(cohort, "end", measures, rule)["baseline"]
    return cohort["phq9_baseline"].notna() & anxiety.notna()


# -- national figures ------------------------------------------------------------------------------

def nearest_year(years, day: pd.Timestamp) -> str:
    """Of reporting years such as 2017-18 (April to March), the one that holds the day, else the nearest one."""
    middles = {year: pd.Timestamp(int(year[:4]), 10, 1) for year in years}
    return min(middles, key=lambda year: abs(middles[year] - day))
