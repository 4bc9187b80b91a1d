"""Who was discharged, consented and answered."""

import pandas as pd

from durability_utils.outcomes.proportions import with_proportions
from durability_utils.study.columns import FOLLOW_UP_DATA, FOLLOW_UPS, completed
from durability_utils.study.expected import expect, expect_bool, expect_columns
from durability_utils.study.holds import Holds

STAGES = ("consented", "first_follow_up", "second_follow_up", "both_follow_ups", "either_follow_up")
MODES = ("post", "online", "phone", "missing")
RESPONSE_FLOW = Holds("From discharge to the tables", {"n": [
    "response/discharged", "response/consented", "response/either_follow_up", "improvement_6m/total",
    "recovery_6m/total"]}, words=("stage",))
RESPONSE_RATES = Holds(
    "Response rates", {stage: f"response/{stage}" for stage in ("discharged", *STAGES)},
    {f"{stage}_": (stage, "discharged" if stage == "consented" else "consented") for stage in STAGES},
    service="service")
ANSWERS_BY_MODE = Holds(
    "How the follow-ups were answered", {"n": "mode/{time}/{mode}", "of": "mode/{time}/total"}, {"": ("n", "of")})


def response_flags(cohort: pd.DataFrame) -> pd.DataFrame:
    """For each patient whether they reached each of STAGES (bool), also where the cohort is `flagged` already.

    Raises InputError, as the functions below, for a cohort without these columns or with what they cannot hold.
    """
    expect_columns(cohort, [])
    if set(STAGES) <= set(cohort):
        for stage in STAGES:
            expect_bool(cohort[stage], f"cohort: {stage}")
        return cohort[list(STAGES)]
    expect(cohort, ["consent_contact"])
    first, second = (completed(cohort, time) for time in FOLLOW_UPS)
    flags = (cohort["consent_contact"] == "yes", first, second, first & second, first | second)
    return pd.DataFrame(dict(zip(STAGES, flags, strict=True)))


def flagged(cohort: pd.DataFrame) -> pd.DataFrame:
    """The cohort with the columns of STAGES in the place of its follow-up data, of which most patients have none."""
    flags = response_flags(cohort)
    return cohort.drop(columns=FOLLOW_UP_DATA, errors="ignore").assign(**{stage: flags[stage] for stage in STAGES})


def who_answered(cohort: pd.DataFrame) -> pd.DataFrame:
    """Those of the cohort with at least one completed follow-up."""
    return cohort[response_flags(cohort)["either_follow_up"]]


def response_rates(cohort: pd.DataFrame) -> pd.DataFrame:
    """Counts and rates of each service (those with nobody too), and in a last row `all` where there are several.

    Columns: `service, discharged`, the counts of STAGES, then for each stage `<stage>_share`, `_low`, `_high`
    (0 to 1, Wilson 95 %): consent of those discharged, the follow-ups of those who consented. NaN of nobody.
    """
    expect_columns(cohort, ["service"])
    flags = response_flags(cohort).assign(discharged=1, service=cohort["service"])
    counts = flags.groupby("service", sort=False, observed=False).sum().reset_index()
    if len(counts) > 1:
        counts = pd.concat([counts, counts.drop(columns="service").sum().to_frame().T.assign(service="all")])
    counts = counts.astype({"service": "str"})[["service", "discharged", *STAGES]].reset_index(drop=True)
    for prefix, (stage, of) in RESPONSE_RATES.rates.items():
        counts = counts.join(with_proportions(counts, stage, of)[["share", "low", "high"]].add_prefix(prefix))
    return counts


def answers_by_mode(cohort: pd.DataFrame) -> pd.DataFrame:
    """Completed follow-ups by how they were answered: `time, mode, n, of, share, low, high`; mode may be `missing`."""
    expect(cohort, [f"followup_{time}_mode" for time in FOLLOW_UPS])
    rows = []
    for time in FOLLOW_UPS:
        answered = cohort[completed(cohort, time)]
        modes = answered[f"followup_{time}_mode"].fillna("missing").value_counts()
        rows += [(time, mode, modes.get(mode, 0), len(answered)) for mode in MODES]
    return with_proportions(pd.DataFrame(rows, columns=["time", "mode", "n", "of"]), "n", "of")
