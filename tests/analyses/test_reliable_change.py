"""Methods of reliable change and cut-offs. Oracles: Jacobson & Truax (1991); R, with its call in
`oracles/reliable_change.csv` (lme4 for the hierarchical method); what the R package clinicalsignificance prints for the
trial of Claus et al. (2020); and seven patients worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from r_says import ORACLES, r_says

from durability_utils.analyses import reliable_change as rc
from durability_utils.outcomes.rules import IMPROVEMENT
from durability_utils.study.measures import read_measures
from durability_utils.study.parameters import PROJECT

CLAUS = PROJECT.parent / "shared" / "real" / "claus_2020.csv"
BAD, NONE, GOOD = IMPROVEMENT
# six patients: mean 14 before (squares about it: 64) and 10 later; the seventh has no later score
BEFORE = pd.Series([9, 12, 13, 14, 17, 19, 27], dtype=float)
LATER = pd.Series([9, 6, 7, 15, 16, 7, np.nan])


def counts(codes: pd.Series) -> tuple[int, ...]:
    """Improved, unchanged, deteriorated, as the R package prints them."""
    return tuple(int((codes == code).sum()) for code in (GOOD, NONE, BAD))


def test_jacobson_and_truaxs_own_example():
    # Jacobson & Truax (1991): from 32.5 to 47.5, SD 10, reliability .80: S_E 4.47, S_diff 6.32, RC 2.37
    assert rc.standard_error(10, 0.8) == pytest.approx(4.47, abs=0.005)
    assert math.sqrt(2) * rc.standard_error(10, 0.8) == pytest.approx(6.32, abs=0.005)
    assert 15 / (math.sqrt(2) * rc.standard_error(10, 0.8)) == pytest.approx(2.37, abs=0.005)
    assert rc.own_criterion(10, 0.8) == pytest.approx(1.96 * 6.3246, abs=0.001)


def test_each_index_by_hand():
    # the first patient, 9 before and later; SEM = SD / 2; expected 14 + .75 * (9 - 14) = 10.25
    sd, r, expected = math.sqrt(64 / 5), 0.75, 10.25
    by_hand = {
        "jacobson_truax": 0.0,
        "gulliksen_lord_novick": (expected - 9) / (sd * math.sqrt(1 - 0.5625)),
        "hsu_linn_nord": (r * (9 - 14) - (9 - 10)) / (sd * math.sqrt(1 - 0.5625)),
        "edwards_nunnally": (expected - 9) / (sd / 2),
        "nunnally_kotsch": (expected - 9) / (sd * math.sqrt(0.5625 * 0.25 + 0.25)),
    }
    # changes 0 6 6 -1 1 12: mean 4, squares 16 + 4 + 4 + 25 + 9 + 64 = 122, variance 24.4; 2 SEM^2 = 6.4
    own = (24.4 - 6.4) / 24.4
    by_hand["hageman_arrindell"] = (0 * own + 4 * (1 - own)) / (math.sqrt(own) * math.sqrt(6.4))
    found = {name: method(BEFORE, LATER, r).iloc[0] for name, method in rc.METHODS.items()}
    assert found == pytest.approx(by_hand)
    later = rc.nunnally_kotsch(BEFORE, LATER, r, 0.5).iloc[0]  # another later reliability: the same numerator
    assert later == pytest.approx(1.25 / (sd * math.sqrt(0.5625 * 0.25 + 0.5)))


def test_a_missing_score_is_in_no_class_and_moves_nobody():
    for method in rc.METHODS.values():
        index = method(BEFORE, LATER, 0.75)
        assert index.isna().tolist() == [False] * 6 + [True]
        assert rc.classes(index, 1.96).isna().tolist() == [False] * 6 + [True]
        assert index.iloc[:6].equals(method(BEFORE.iloc[:6], LATER.iloc[:6], 0.75))


def test_reliable_only_beyond_the_critical_value():
    index = pd.Series([1.97, 1.96, 0, -1.96, -1.97])
    assert rc.classes(index, 1.96).tolist() == [GOOD, NONE, NONE, NONE, BAD]


def test_percentage_change_at_below_and_above_the_share():
    before = pd.Series([10, 10, 10, 10, 10, 0, np.nan], dtype=float)
    later = pd.Series([5, 6, 14, 15, 4, 3, 3], dtype=float)
    codes = rc.percentage_change(before, later, 0.5)
    assert codes.astype("str").fillna("").tolist() == [GOOD, NONE, NONE, BAD, GOOD, "", ""]


def test_cut_offs_by_hand():
    # patients 20 (SD 5), general population 5 (SD 2.5)
    # (2.5 * 20 + 5 * 5) / 7.5: two SDs from either
    assert rc.cut_off_a(20, 5) == rc.cut_off_b(5, 2.5) == rc.cut_off_c(20, 5, 5, 2.5) == 10


@pytest.fixture(scope="module")
def scores():
    """Made-up PHQ-9 at four times: the input of R."""
    return pd.read_csv(ORACLES / "inputs" / "reliable_change.csv").pivot(index="id", columns="time", values="phq9")


def test_each_index_and_hageman_and_arrindells_cut_off_are_rs(scores):
    said = r_says("reliable_change")
    before, later, r = scores[0], scores[3], 0.89
    second = scores.dropna(subset=[0, 3]).index[1]
    assert (before[second], later[second]) == (said["before"], said["later"])
    found = {name: method(before, later, r)[second] for name, method in rc.METHODS.items()}
    found["hageman_arrindell, own errors"] = rc.hageman_arrindell(before, later, r, 0.8)[second]
    found["true_cut_off_c"] = rc.true_cut_off_c(before, later, r, 2.91, 3.52)
    found["below_cut_off"] = rc.below_cut_off(before, later, r, found["true_cut_off_c"])[second]
    assert found == pytest.approx({name: said[name] for name in found}, rel=1e-9)


def test_the_hierarchical_index_is_lme4s(scores):
    said = r_says("reliable_change")
    index = rc.hierarchical(scores)
    # two optimisers of one likelihood: R stops at a gradient of about 1e-3
    assert (index[1], index[7]) == pytest.approx(
        (said["hierarchical, all four scores"], said["hierarchical, one missing"]), abs=2e-4)
    assert index.count() == said["hierarchical, patients"]
    codes = rc.classes(index, rc.TWO_SIDED)
    assert counts(codes)[::2] == (said["hierarchical, improved"], said["hierarchical, deteriorated"])


def test_a_hierarchical_fit_at_its_edge_is_lme4s_too(scores):
    said = r_says("reliable_change")
    index = rc.hierarchical(scores.loc[scores.index <= 12, [1, 2, 3]])
    assert said["singular, twelve patients"] == 1
    assert index.dropna().iloc[0] == pytest.approx(said["hierarchical, singular, first patient"], abs=2e-4)
    assert counts(rc.classes(index, rc.TWO_SIDED))[0] == said["hierarchical, singular, improved"]


@pytest.mark.parametrize("scores", [[], [12.0], [12.0, 17.0], [12.0, 12.0, 12.0]])
def test_without_a_spread_or_three_patients_nobody_is_classed(scores):
    scores = pd.Series(scores, dtype=float)
    for method in rc.METHODS.values():
        assert method(scores, scores - 5, 0.8).isna().all()
    assert rc.below_cut_off(scores, scores - 5, 0.8, 10).isna().all()
    assert np.isnan(rc.true_cut_off_c(scores, scores - 5, 0.8, 3, 4))
    assert rc.hierarchical(pd.DataFrame({0: scores, 1: scores, 2: scores})).isna().all()


def test_where_error_is_nothing_or_everything_no_index_is_infinite():
    for method in rc.METHODS.values():
        assert method(BEFORE, LATER, 1.0).isna().all()  # a reliability of 1: any change would be without error
    assert rc.below_cut_off(BEFORE, LATER, 1.0, 10).isna().all()
    # nor can Hageman & Arrindell tell where all change by 5 or 6 points: a variance of 0.3, below 2 SEM^2
    narrow = BEFORE - [5, 6, 5, 6, 5, 6, 5]
    assert rc.hageman_arrindell(BEFORE, narrow, 0.5).isna().all()
    assert np.isnan(rc.true_cut_off_c(BEFORE, LATER, 0.5, 3, 1))  # a general population with an SD below the error's


def test_the_hierarchical_method_needs_three_scores_of_a_patient_and_some_difference():
    three = pd.DataFrame({0: [20.0, 18, 25, 14], 1: [15, 12, 20, np.nan], 2: [5, 11, 19, 3]})
    assert rc.hierarchical(three).isna().tolist()[3]
    assert rc.hierarchical(three.iloc[:, :2]).isna().all()
    assert rc.hierarchical(three * 0 + 7).isna().all()


def test_class_counts_of_every_method():
    scores = pd.DataFrame({"baseline": BEFORE, "end": [8, 9, 9, 15, 16, 12, 11], "6m": LATER})
    table = rc.class_counts(scores, read_measures("study_2016")["PHQ-9"])
    assert list(table.columns) == ["method", "class", "n", "of"]
    assert table["method"].nunique() == 9 and (table.groupby("method")["n"].sum() <= 6).all()
    found = table.pivot(index="method", columns="class", values="n")[[BAD, NONE, GOOD]]
    assert found.loc["fixed_threshold"].to_list() == [0, 3, 3]  # changes 0 6 6 -1 1 12; the threshold is 6
    assert found.loc["half_of_baseline"].to_list() == [0, 4, 2]  # 12 to 6 and 19 to 7; 13 to 7 is less than half


def test_the_fixed_thresholds_belong_to_the_stated_reliabilities():
    # the manual's indices, 5.20 and 3.53, with SDs of 5.66 and 4.50: parameters/measures.yaml says so
    measures = read_measures("nhs_talking_therapies")
    assert rc.own_criterion(5.66, measures["PHQ-9"].reliability) == pytest.approx(5.20, abs=0.005)
    assert rc.own_criterion(4.50, measures["GAD-7"].reliability) == pytest.approx(3.53, abs=0.005)


@pytest.fixture(scope="module")
def claus():
    """The published trial, one row a patient: what `pre = 1, post = 4` takes."""
    if not CLAUS.is_file():
        pytest.skip("the trial data of Claus et al. (2020) are not part of this project (osf.io/rc754)")
    trial = pd.read_csv(CLAUS)
    return {name: trial.pivot(index="id", columns="time", values=name) for name in ("bdi", "hamd")}


@pytest.mark.parametrize(("method", "arguments", "printed"), [
    # clinicalsignificance 2.1.0, its own snapshots: cs_distribution(claus_2020, id, time, hamd, pre = 1, post = 4,
    # reliability = 0.8, rci_method = "JT") and so on; NK with reliability_post = 0.5
    ("jacobson_truax", (0.8,), (29, 10, 1)), ("edwards_nunnally", (0.8,), (32, 5, 3)),
    ("hsu_linn_nord", (0.8,), (12, 16, 12)), ("gulliksen_lord_novick", (0.8,), (29, 10, 1)),
    ("nunnally_kotsch", (0.8, 0.5), (28, 11, 1)), ("hageman_arrindell", (0.8,), (32, 7, 1))])
def test_the_classes_that_r_prints(claus, method, arguments, printed):
    index = rc.METHODS[method](claus["hamd"][1], claus["hamd"][4], *arguments)
    assert counts(rc.classes(index, rc.CRITICAL[method])) == printed


def test_the_hierarchical_classes_that_r_prints(claus):
    # cs_distribution(claus_2020, id, time, hamd, rci_method = "HLM"): 11 improved, 20 unchanged, 9 deteriorated
    assert counts(rc.classes(rc.hierarchical(claus["hamd"]), rc.TWO_SIDED)) == (11, 20, 9)


def test_the_percentage_change_and_the_cut_off_that_r_prints(claus):
    # cs_percentage(claus_2020, id, time, hamd, pre = 1, post = 4, pct_improvement = 0.5)
    assert counts(rc.percentage_change(claus["hamd"][1], claus["hamd"][4], 0.5)) == (16, 24, 0)
    # cs_get_cutoff(cs_statistical(claus_2020, id, time, bdi, pre = 1, post = 4, m_functional = 8, sd_functional = 8,
    # cutoff_type = "c"), with_descriptives = TRUE): 35.5 8.16 8 8 c 21.6
    before = claus["bdi"].dropna(subset=[1, 4])[1]
    assert (before.mean(), before.std()) == (pytest.approx(35.5, abs=0.05), pytest.approx(8.16, abs=0.005))
    assert rc.cut_off_c(before.mean(), before.std(), 8, 8) == pytest.approx(21.6, abs=0.05)
