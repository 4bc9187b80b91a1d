"""Change in the same patients. Oracles: Stuart's (1955) published example; exact binomial sums by hand; pingouin's and
the R package statpsych's printed results, each with its call; and the paper's Table 2."""

import conftest
import numpy as np
import pandas as pd
import pytest
from conftest import PAIR_RULES

from durability_utils.analyses import paired_change as paired
from durability_utils.study.columns import TIMES

# unaided vision of the right and left eye of 7477 women (Stuart 1955)
VISION = pd.DataFrame([[1520, 266, 124, 66], [234, 1512, 432, 78], [117, 362, 1772, 205], [36, 82, 179, 492]])
# Table 2 of the paper: deteriorated, no improvement, improved at end (rows) and follow-up
TABLE2 = pd.DataFrame([[0, 0, 0], [1, 8, 8], [1, 9, 61]])


def well(text: str) -> pd.Series:
    return pd.Series([letter == "1" for letter in text], dtype=bool)


def test_exact_mcnemar_by_hand():
    # one lost it, seven gained it: 2 * (1 + 8) / 2**8
    found = paired.exact_mcnemar(well("1" + "0" * 7 + "1100"), well("0" + "1" * 7 + "1100"))
    assert (found.n, found.changed, found.statistic, found.note) == (12, 8, 1, "computed")
    assert found.p == pytest.approx(18 / 256)
    assert paired.exact_mcnemar(well("10"), well("01")).p == 1  # and never above


def test_stuart_maxwell_as_stuart_published_it():
    # chi2 11.96 with 3 degrees of freedom
    found = paired.stuart_maxwell(VISION)
    assert (found.statistic, found.df) == (pytest.approx(11.96, abs=0.005), 3)
    assert found.p == pytest.approx(0.0075, abs=0.00005)
    assert (found.n, found.changed) == (7477, 7477 - 1520 - 1512 - 1772 - 492)


def test_stuart_maxwell_of_the_papers_table_adds_nothing_to_empty_cells():
    # 72/35 by hand: d = (2, 0) and V = (2 -1; -1 18) over deteriorated and none, so chi2 = 4 * 18 / 35; with a half
    # in each cell it would be 0.39
    found = paired.stuart_maxwell(TABLE2)
    assert (found.statistic, found.df, found.changed) == (pytest.approx(72 / 35), 2, 19)


def test_a_class_that_nobody_entered_or_left_is_left_out():
    # what remains is McNemar's chi2 without correction: (9 - 4)^2 / 13
    found = paired.stuart_maxwell(pd.DataFrame([[5, 0, 0], [0, 8, 9], [0, 4, 61]]))
    assert (found.statistic, found.df) == (pytest.approx(25 / 13), 1)
    assert paired.stuart_maxwell(pd.DataFrame([[8, 9, 0], [4, 61, 0], [0, 0, 5]])).statistic == pytest.approx(25 / 13)
    # classes between which nobody moves are singular
    found = paired.stuart_maxwell(pd.DataFrame([[1, 2, 0, 0], [3, 1, 0, 0], [0, 0, 1, 2], [0, 0, 3, 1]]))
    assert (found.note, found.changed) == ("singular", 10)
    assert np.isnan(found.p)


def test_cochrans_q_as_pingouin_prints_it():
    # pingouin.cochran(pingouin.read_dataset("cochran"), dv="Energetic", within="Time", subject="Subject"):
    # Q 6.705882, 2 degrees of freedom, p 0.034981
    import pingouin

    long = pingouin.read_dataset("cochran")
    found = paired.cochrans_q(long.pivot(index="Subject", columns="Time", values="Energetic") == 1)
    assert (found.statistic, found.df) == (pytest.approx(6.705882, abs=5e-7), 2)
    assert found.p == pytest.approx(0.034981, abs=5e-7)


def test_where_nobody_is_there_or_nobody_changed_it_is_said_and_not_computed():
    same, none = well("1100"), well("")
    square = pd.DataFrame([[3, 0], [0, 4]])
    for found, note in [
        (paired.exact_mcnemar(same, same), "nobody_changed"), (paired.exact_mcnemar(none, none), "no_patients"),
        (paired.stuart_maxwell(square), "nobody_changed"), (paired.stuart_maxwell(square * 0), "no_patients"),
        (paired.cochrans_q(pd.DataFrame({"end": same, "6m": same})), "nobody_changed"),
        (paired.cochrans_q(pd.DataFrame({"end": none, "6m": none})), "no_patients"),
    ]:
        assert (found.note, found.changed) == (note, 0)
        assert np.isnan(found.p) and np.isnan(found.statistic)


def with_moments(m1, m2, sd1, sd2, r, n):
    """Two columns of scores with exactly these means, SDs and correlation."""
    generator = np.random.default_rng(1)
    raw = generator.normal(size=(n, 2))
    raw -= raw.mean(axis=0)
    scores = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T @ np.array([[1, r], [0, np.sqrt(1 - r**2)]])
    return pd.Series(m1 + sd1 * scores[:, 0]), pd.Series(m2 + sd2 * scores[:, 1])


def test_effect_size_as_statpsych_prints_it():
    # ci.stdmean.ps(.05, 110.4, 102.1, 15.3, 14.6, .75, 25), unweighted standardizer:
    # 0.5550319 0.5433457 0.1609934 0.2394905 0.8705732
    found = paired.effect_size(*with_moments(110.4, 102.1, 15.3, 14.6, 0.75, 25))
    assert (found.d, found.g) == (pytest.approx(0.5550319, abs=5e-8), pytest.approx(0.5433457, abs=5e-8))
    assert (found.low, found.high) == (pytest.approx(0.2394905, abs=5e-8), pytest.approx(0.8705732, abs=5e-8))


def test_effect_size_is_that_of_pingouin():
    # d_avg of pingouin.compute_effsize(x, y, paired=True, eftype="cohen")
    import pingouin

    before, later = pd.Series([12.0, 15, 18, 9, 20, 14]), pd.Series([5.0, 12, 9, 10, 8, 7])
    assert paired.effect_size(before, later).d == pytest.approx(
        pingouin.compute_effsize(before, later, paired=True, eftype="cohen"))


@pytest.mark.parametrize(("before", "later", "n"), [
    ([10.0, 12], [5.0, 6], 2), ([10.0, 10, 10], [5.0, 6, 7], 3), ([], [], 0), ([10.0, 12, 14, np.nan], [5.0] * 4, 3)])
def test_too_few_patients_or_no_spread_give_no_effect_size(before, later, n):
    found = paired.effect_size(pd.Series(before, dtype=float), pd.Series(later, dtype=float))
    assert found.n == n
    assert np.isnan([found.d, found.g, found.low, found.high]).all()


@pytest.fixture
def cohort():
    """PHQ-9 at baseline, end, 6 and 12 months, and step; GAD-7 stays at 5."""
    people = [(20, 5, 5, 5, "step2"), (20, 5, 20, 5, "step2"), (20, 5, 20, 20, "step2"), (20, 20, 20, 20, "step3"),
              (20, 5, None, 5, "step3"), (9, 2, 2, None, "step2+3"), (18, 5, 8, None, None)]
    columns = [*(f"phq9_{time}" for time in TIMES), "step"]
    cohort = conftest.cohort(*(dict(zip(columns, person, strict=True)) for person in people))
    return cohort.assign(**{f"gad7_{time}": cohort[f"phq9_{time}"].clip(5, 5) for time in TIMES})


def test_every_test_on_the_patients_who_count_for_it(cohort):
    carried = cohort.assign(phq9_6m=cohort["phq9_6m"].fillna(cohort["phq9_12m"]),
                            gad7_6m=cohort["gad7_6m"].fillna(cohort["gad7_12m"]))
    tests = paired.paired_tests(cohort, carried, PAIR_RULES).set_index(["outcome", "times", "test"])
    found = {key[:2]: (row["n"], row["changed"]) for key, row in tests.iterrows() if key[2] != "stuart_maxwell"}
    # the sixth patient, who is below caseness at baseline, did not answer at 12 months
    both = {"end_12m": (5, 1), "6m_12m": (4, 1), "end_6m_12m": (4, 2)}
    counted = {"improvement": both | {"end_6m": (7, 2)}, "recovery": both | {"end_6m": (6, 2)}}
    assert found == {(outcome, times): n for outcome, numbers in counted.items() for times, n in numbers.items()}
    assert tests.loc[("improvement", "end_6m", "exact_mcnemar"), "p"] == 0.5  # two lost it, nobody gained it


def test_effect_sizes_by_step_for_all_and_of_one_step_else(cohort):
    everyone = paired.effect_sizes(cohort, "all", PAIR_RULES).set_index(["measure", "times", "step"]).sort_index()
    assert everyone.loc[("PHQ-9", "end_6m")]["n"].to_dict() == {"all": 6, "step2": 3, "step3": 2}
    assert everyone.loc[("PHQ-9", "end_6m", "step2"), "mean_change"] == -10  # 0, -15, -15
    assert len(everyone) == 18
    assert set(paired.effect_sizes(cohort, "step3", PAIR_RULES)["step"]) == {"step3"}
