"""The synthetic service with monthly scores.

Oracle: `parameters/published/ali_2017.yaml`, typed from the paper's abstract: 439 in remission, 53 % relapsed within a
year, 79 % of these within six months, hazard ratio 1.90 for a PHQ-9 of 5 to 9 at end; and the committed files.
"""

import pytest

from durability_utils.analyses import relapse
from durability_utils.cohort.cleaning import clean_service
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.monthly import NO_CONSENT, OTHERS, planned_counts, write_export

STUDY = read_study(PROJECT / "parameters" / "monthly_2017.yaml")
RESIDUAL = ["residual_phq9", "residual_gad7"]


@pytest.fixture(scope="module")
def cleaned():
    return clean_service(STUDY, "M")


@pytest.fixture(scope="module")
def cohort(cleaned):
    return cleaned.cohort.assign(service="M")


@pytest.fixture(scope="module")
def followed(cleaned, cohort):
    remitted = cohort[relapse.status_at_end(cohort, STUDY.rules) == "in_remission"]
    after = cleaned.after_discharge.assign(service="M")
    scores = relapse.scores_after_discharge(cohort, after, STUDY.rules, STUDY.follow_up_windows)
    assert relapse.asked_monthly(scores)
    return relapse.time_to_relapse(remitted, scores, STUDY.rules)


def test_the_published_figures_come_out_of_the_export(followed):
    assert len(followed) == 439
    months = followed.loc[followed["relapsed"], "month"]
    assert (len(months), (months <= 6).sum()) == (233, 184)  # 53 % of 439 = 232.7; 79 % of 233 = 184.1
    ratios = relapse.hazard_ratios(followed, RESIDUAL).set_index("variable")
    assert round(ratios.at["residual_phq9", "hazard_ratio"], 2) == 1.90
    assert ratios.at["residual_phq9", "p"] < 0.001
    assert ratios.at["residual_gad7", "low"] < 1 < ratios.at["residual_gad7", "high"]  # no predictor


def test_every_patient_ends_as_planned(followed):
    found = followed.groupby([*RESIDUAL, "relapsed", "month"]).size()
    plan = planned_counts()["n"]
    assert found.to_dict() == plan[plan > 0].to_dict()


def test_the_estimate_lies_a_little_above_the_crude_share_and_agrees_with_kaplan_and_meier(followed):
    # 17 stop answering without a relapse; had they gone on, some of them would have relapsed
    assert ((~followed["relapsed"]) & (followed["month"] < 12)).sum() == 17
    curve = relapse.turnbull(followed)
    assert 233 / 439 < relapse.summary(curve)["share_12m"] < 0.55
    # survfit(Surv(month_before, month, type = "interval2") ~ 1) of R's survival 3.5.3 says .4255 by month 6
    assert (curve["share"] - relapse.kaplan_meier(curve)).abs().max() < 0.01
    assert curve.set_index("month").at[6, "share"] == pytest.approx(0.4255, abs=1e-4)


def test_months_are_missing_as_in_life(followed):
    assert 0.05 < followed["left_out"].sum() / (followed["left_out"] + followed["observed"]).sum() < 0.10


def test_the_others_were_not_asked(cleaned, cohort):
    status = relapse.status_at_end(cohort, STUDY.rules)
    assert status.value_counts().to_dict() == {
        "in_remission": 439 + OTHERS["in_remission"], "case_at_end": OTHERS["case_at_end"],
        "below_caseness": OTHERS["below_caseness"], "scores_missing": 0}
    assert (cohort["consent_contact"] == "no").sum() == NO_CONSENT
    assert cleaned.after_discharge["patient_id"].nunique() == 439
    assert cohort["step"].eq("step2").all()
    assert cleaned.rejected.empty


def test_regenerating_gives_the_committed_bytes(tmp_path):
    for path in write_export(tmp_path):
        assert path.read_bytes() == (PROJECT / "data" / "raw" / path.name).read_bytes(), path.name


def test_another_seed_gives_another_cohort(tmp_path):
    for path in write_export(tmp_path, seed=1):
        assert path.read_bytes() != (PROJECT / "data" / "raw" / path.name).read_bytes(), path.name
