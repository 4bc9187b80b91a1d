"""The canonical columns and what they mean, as the data dictionary (`data/dictionary.csv`) declares it.

A score's column is named after its measure (`columns` in `parameters/measures.yaml`), its time, and for an answer to
one question the item: `phq9_end`, `phq9_6m_item3`. When it is measured and what consent it needs say `time`, `consent`.
"""

from functools import cache

import numpy as np
import pandas as pd

from durability_utils.study.dictionary import dictionary
from durability_utils.study.expected import expect, expect_one_of

TIMES = ("baseline", "end", "6m", "12m")
LATER_TIMES, FOLLOW_UPS = TIMES[1:], TIMES[2:]
KEYS = ["patient_id", "referral_id"]  # whose a row is


@cache
def columns_with(**meaning: str) -> list[str]:
    """The columns of which the dictionary says all of this, as in `columns_with(time="6m", unit="points")`."""
    table = dictionary()
    return list(table.index[np.logical_and.reduce([table[key] == value for key, value in meaning.items()])])


@cache
def totals(time: str) -> list[str]:
    """The columns that hold a measure's whole score at a time, its items aside."""
    return [name for name in columns_with(time=time, unit="points") if "_item" not in name]


@cache
def items_of(total: str) -> list[str]:
    """The columns of a total's items, in their order; none where the dictionary has none."""
    return [name for name in dictionary().index if name.startswith(f"{total}_item")]


@cache
def from_contacts() -> frozenset[str]:
    """What a long export's contacts give, so that its patients' columns may not give it as well."""
    days = [name for time in FOLLOW_UPS for name in columns_with(time=time, type="date")]
    return frozenset([*columns_with(unit="points"), *days])


@cache
def evidence(time: str) -> list[str]:
    """The columns of which any one shows that the questionnaire of `time` came back: its date and its scores."""
    kinds = dictionary()["type"]
    return [name for name in columns_with(time=time) if kinds[name] in ("date", "whole_number", "score")]


def completed(cohort: pd.DataFrame, time: str) -> pd.Series:
    """True where the questionnaire of `time` (6m or 12m) came back: its date or any of its scores is there.

    Raises InputError for another time, and for a cohort without these columns or with what they cannot hold.
    """
    expect_one_of(time, FOLLOW_UPS, "time")
    expect(cohort, evidence(time))
    return pd.Series(np.logical_or.reduce([cohort[name].notna() for name in evidence(time)]), cohort.index)


# What needs which consent: to the up-flow of treatment data, and to be contacted.
TREATMENT_DATA, FOLLOW_UP_DATA = columns_with(consent="upflow"), columns_with(consent="contact")
# whatever response and outcomes are computed from
OUTCOME_DATA = ["consent_contact", "consent_upflow", "adsm", *TREATMENT_DATA, *FOLLOW_UP_DATA]
