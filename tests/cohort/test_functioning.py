"""The WSAS, the first measure that decides nothing. Oracle: Mundt et al. 2002, and sums by hand.

It has five items of 0 to 8 and a total of 0 to 40; work may be not applicable.
"""

import pandas as pd
import pytest
from conftest import canonical_rows, write_csv

from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.rules import classify
from durability_utils.study.columns import LATER_TIMES
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study


def items(time: str, *answers) -> dict:
    return {f"wsas_{time}_item{number}": str(answer) for number, answer in enumerate(answers, start=1)}


@pytest.mark.parametrize(("row", "total", "reason"), [
    (items("baseline", 8, 7, 6, 5, 4), 30, None),                                            # no total in the export
    (items("end", 8, 8, 8, 8, 8) | {"wsas_end": "40"}, 40, None),
    (items("6m", 1, 1, 1, 1, 1) | {"wsas_6m": "7", "followup_6m_date": "2016-12-20"}, 5, "contradicts_items"),
    (items("baseline", 9, 7, 6, 5, 4), None, None),                                          # work: not applicable
    (items("baseline", 9, 7, 6, 5, 4) | {"wsas_baseline": "22"}, None, "incomplete_items"),  # no sum of four
    ({"wsas_baseline": "40"}, 40, None),
    ({"wsas_baseline": "41"}, None, "out_of_range"),
    (items("baseline", 8, 9, 6, 5, 4), None, "out_of_range"),                                # 9 is for work only
])
def test_totals_and_items(clean, row, total, reason):
    cleaned = clean([row], measures="nhs_talking_therapies")
    (time,) = {name.split("_")[1] for name in row if name.startswith("wsas")}
    value = cleaned.cohort[f"wsas_{time}"].iloc[0]
    assert pd.isna(value) if total is None else value == total
    assert list(cleaned.rejected["reason"]) == ([reason] if reason else [])
    if row.get(f"wsas_{time}_item1") == "9":
        assert pd.isna(cleaned.cohort[f"wsas_{time}_item1"].iloc[0])


def test_it_decides_nothing(tmp_path, make_study):
    """Oracle: the same cohort without it, patient by patient, at all times."""
    study = make_study(measures="nhs_talking_therapies")
    rows = canonical_rows([{"phq9_6m": "12", "gad7_6m": "9", "followup_6m_date": "2016-12-20"} for _ in range(3)])
    extreme = [{"wsas_baseline": "40", "wsas_end": "0", "wsas_6m": "40"}, {"wsas_baseline": "0", "wsas_end": "40"}, {}]
    found = []
    for told in (extreme, [{}] * 3):
        write_csv(tmp_path / "a.csv", [row | more for row, more in zip(rows, told, strict=True)])
        cohort = clean_service(study, "A").cohort
        found.append(pd.concat([classify(cohort, time, study.rules) for time in LATER_TIMES]))
    pd.testing.assert_frame_equal(*found)
    assert "WSAS" not in study.rules.deciding and "WSAS" in study.rules.measures


def test_the_synthetic_monthly_study_has_it():
    """Oracle: its own description: at four times, correlated with the PHQ-9, a few missing, within its range."""
    cohort = clean_service(read_study(PROJECT / "parameters" / "monthly_2017.yaml"), "M").cohort
    for time in ("baseline", "end", "6m", "12m"):
        both = cohort[[f"phq9_{time}", f"wsas_{time}"]].dropna().astype(float)
        assert 0.5 < both.corr().iloc[0, 1] < 0.95 and both[f"wsas_{time}"].between(0, 40).all()
        assert 0.6 < len(both) / cohort[f"phq9_{time}"].notna().sum() < 0.95
