"""Table 1's comparison and the sample's characteristics."""

import conftest
import numpy as np
import pandas as pd
import pytest
from r_says import ORACLES, r_says
from scipy import stats

from durability_utils.outcomes import representativeness as table1


def cohort(ages: dict[str, list], **more) -> pd.DataFrame:
    """Patients of each group with these ages; other columns missing unless given for all."""
    says = {"no_consent": {"consent_contact": "no"}, "consent_no_participation": {"consent_contact": "yes"},
            "consent_and_participation": {"consent_contact": "yes", "phq9_6m": 5.0}}
    return conftest.cohort(*(says[group] | {"age": age} for group, values in ages.items() for age in values)).assign(
        service="A", **more)


def by_age(ages: dict[str, list], *test: str) -> pd.DataFrame:
    return table1.compare_groups(cohort(ages), *test).query("variable == 'age'")


AGES = {"no_consent": [30, 32, 34, 31, 33], "consent_no_participation": [50, 52, 54, 51, 53],
        "consent_and_participation": [51, 53, 55, 52, 54]}


def test_groups():
    assert table1.participation(cohort(AGES)).value_counts().to_dict() == dict.fromkeys(table1.GROUPS, 5)


def test_means_letters_and_p():
    table = by_age(AGES)
    assert (list(table["mean"]), list(table["n"])) == ([32, 52, 53], [5, 5, 5])
    assert list(table["letters"]) == ["a", "b", "b"]  # 20 years apart with an SD of 1.6; the last two 1 year
    assert table["p"].iloc[0] == pytest.approx(stats.f_oneway(*AGES.values(), equal_var=False).pvalue)
    assert by_age(AGES, "tukey")["p"].iloc[0] == pytest.approx(stats.f_oneway(*AGES.values()).pvalue)


@pytest.fixture(scope="module")
def rs_ages():
    """Made-up ages of groups that differ in size and spread: the input of R."""
    return pd.read_csv(ORACLES / "inputs" / "representativeness.csv").groupby("group")["age"].agg(list).to_dict()


def test_welchs_and_the_papers_analysis_of_variance_are_rs(rs_ages):
    said = r_says("representativeness")
    assert by_age(rs_ages)["p"].iloc[0] == pytest.approx(said["welch_p"], rel=1e-6)
    assert by_age(rs_ages, "tukey")["p"].iloc[0] == pytest.approx(said["anova_p"], rel=1e-6)
    groups = [rs_ages[name] for name in table1.GROUPS]
    assert games_howell(groups, 0, 1) == pytest.approx(said["games_howell, first two"], rel=1e-5)
    assert games_howell(groups, 1, 2) == pytest.approx(said["games_howell, last two"], rel=1e-5)
    assert list(by_age(rs_ages)["letters"]) == ["a", "b", "b"]


def tukey(groups: list, i: int, j: int) -> float:
    return stats.tukey_hsd(*groups).pvalue[i, j]


def games_howell(groups: list, i: int, j: int) -> float:
    """Games & Howell 1976: Welch's t and degrees of freedom for a pair, against the studentised range of three."""
    test = stats.ttest_ind(groups[i], groups[j], equal_var=False)
    return stats.studentized_range.sf(abs(test.statistic) * np.sqrt(2), 3, test.df)


@pytest.mark.parametrize(("test", "p", "seed", "spreads", "sizes"), [
    ("tukey", tukey, 4, (9, 9, 9), (12, 12, 12)), ("games_howell", games_howell, 8, (3, 9, 14), (30, 14, 9))])
def test_groups_share_a_letter_where_their_p_is_not_small(test, p, seed, spreads, sizes):
    rng = np.random.default_rng(seed)
    for _ in range(5):
        ages = {group: rng.normal(centre, spread, size).round() for group, centre, spread, size in
                zip(table1.GROUPS, (40, 47, 52), spreads, sizes, strict=True)}
        letters = [set(cell) for cell in by_age(ages, test)["letters"]]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert bool(letters[i] & letters[j]) == (p(list(ages.values()), i, j) >= 0.05)


@pytest.mark.parametrize("ages", [
    {}, {"no_consent": [30]},  # nobody; one patient
    {"no_consent": [30, 31], "consent_no_participation": [40]},  # one group that could be tested
    {"no_consent": [30, 30], "consent_no_participation": [40, 40]}])  # no spread at all
def test_groups_too_small_have_neither_letters_nor_p(ages):
    table = table1.compare_groups(cohort(AGES).iloc[:0] if not ages else cohort(ages))
    assert len(table) == len(table1.VARIABLES) * 3
    assert (table["letters"] == "").all() and table["p"].isna().all()


def test_a_group_too_small_is_left_out_of_the_letters_alone():
    assert list(by_age(AGES | {"consent_and_participation": [52]})["letters"]) == ["a", "b", ""]
    assert table1.first_is_a(pd.Series(["b", "a ", "ba"])) == ["a", "b", "ab"]  # they begin with a in the first group


def test_a_group_without_spread_stays_in_the_analysis_of_variance():
    ages = {"no_consent": [2] * 8, "consent_no_participation": [10, 12, 14, 11],
            "consent_and_participation": [11, 13, 15, 12]}
    assert list(by_age(ages, "tukey")["letters"]) == ["a", "b", "b"]
    assert by_age(ages, "tukey")["p"].iloc[0] == pytest.approx(stats.f_oneway(*ages.values()).pvalue)
    # Welch's analysis weights each group by its own variance, so it cannot take this one
    assert list(by_age(ages)["letters"]) == ["", "a", "a"]


def test_change_is_baseline_minus_end():
    people = cohort(AGES, phq9_baseline=20, phq9_end=5)
    assert (table1.compared_variables(people)["phq9_change"] == 15).all()


def test_hedges_g_and_its_unrounded_limits_are_metafors(rs_ages):
    said = r_says("representativeness")
    effects = table1.effect_sizes(cohort(rs_ages)).query("variable == 'age'").set_index("against")
    for name, ours in (("no consent", "no_consent"), ("consent", "consent_no_participation")):
        assert effects.loc[ours, ["g", "low", "high"]].tolist() == pytest.approx(
            [said[f"{what}, {name}"] for what in ("g", "low", "high")], rel=1e-10)
    assert effects["sd_against"].tolist() == pytest.approx([np.std(rs_ages[name], ddof=1) for name in effects.index])


def test_fewer_than_few_with_a_value_are_not_compared():
    ages = AGES | {"no_consent": [30, 32, 34]}  # three, and two groups of five
    table, effects = table1.compare_groups(cohort(ages), few=4), table1.effect_sizes(cohort(ages), 4)
    table, effects = (found.query("variable == 'age'") for found in (table, effects))
    assert list(table["letters"]) == ["", "a", "a"]  # 52 and 53 years with an SD of 1.6
    assert table["p"].iloc[0] == pytest.approx(  # Welch's t of the two that are left
        stats.ttest_ind(*list(ages.values())[1:], equal_var=False).pvalue)
    assert list(table["n"]) == [3, 5, 5] and table["mean"].iloc[0] == 32
    assert effects["g"].isna().tolist() == effects["low"].isna().tolist() == [True, False]
    assert list(by_age(ages)["letters"]) == ["a", "b", "b"]  # of three, unless the study file says otherwise


def test_what_is_not_shown_to_differ_may_still_be_half_a_standard_deviation():
    names = ["age", "phq9_baseline", "sessions", "gad7_change"]
    effects = pd.DataFrame({"variable": names, "against": "no_consent", "g": [-0.80, -0.46, 0.05, 0.30],
                            "low": [-1.3, -1.0, -0.4, -0.2], "high": [-0.3, 0.1, 0.45, 0.8]})
    letters = {"age": ("a", "b"), "phq9_baseline": ("ab", "b"), "sessions": ("a", "a"), "gad7_change": ("", "a")}
    groups = ("no_consent", "consent_and_participation")
    table = pd.DataFrame([(name, group, its) for name, both in letters.items()
                          for group, its in zip(groups, both, strict=True)], columns=["variable", "group", "letters"])
    # the ends of 0.05 lie within half a standard deviation, those of -0.46 do not
    silent = "could not be compared with those who consented and did not answer"
    assert table1.differences_in_words(table, effects) == (
        f"they were younger (g -0.80, -1.30 to -0.30) than those who did not consent, and {silent}; where no "
        "difference was shown, half a standard deviation is excluded in 1 of 2 comparisons; too few have a value to "
        "compare GAD-7 change")
    assert table1.differences_in_words(table, effects.iloc[1:2]) == (
        f"they were not shown to differ from those who did not consent, and {silent}; where no difference was "
        "shown, half a standard deviation is excluded in none of 1 comparison")
    assert table1.differences_in_words(table, effects.iloc[3:]) == ""
    # more than one difference, and in both directions; the paper's groups have letters everywhere
    apart = effects.iloc[[0, 2]].assign(g=[0.8, -0.9], low=[0.3, -1.4], high=[1.3, -0.4])
    table["letters"] = ["a", "b"] * 4
    assert table1.differences_in_words(table, apart).startswith(
        "they were older (g 0.80, 0.30 to 1.30) and had fewer sessions (g -0.90, -1.40 to -0.40) than those who did "
        f"not consent, and {silent}")


def test_g_by_the_average_variance_where_spreads_differ():
    # the paper's sessions, SDs of 8.07 and 4: 1.32, where the pooled SD, which is nearly the larger group's, gives 1.59
    said = r_says("representativeness")
    assert table1.hedges_g(14.95 - 6.48, (22, 67), (8.07, 4))[0] == pytest.approx(said["sessions, average variance"])
    assert said["sessions, average variance"] < 1.33 < 1.58 < said["sessions, pooled SD"]


@pytest.mark.parametrize(("n", "sds"), [((1, 9), (np.nan, 2)), ((9, 0), (2, np.nan)), ((5, 5), (0, 0))])
def test_too_few_or_no_spread_have_no_g(n, sds):
    assert np.isnan(table1.hedges_g(3, n, sds)).all()


def test_sample_characteristics_by_hand():
    people = cohort({"consent_and_participation": [20, 40, 60], "no_consent": [90]}).assign(
        gender=["female", "female", None, "male"], step=["step2", "step2+3", None, "step2"],
        primary_problem=["Mixed anxiety and depression", *["PTSD"] * 3], sessions=pd.array([4, 11, 30, 99], "Int64"))
    table = table1.sample_characteristics(people).set_index(["variable", "level"])
    # the one without an answer counts in `of`
    assert table.loc["gender"].loc[["female", "missing"], ["n", "of"]].to_numpy().tolist() == [[2, 3], [1, 3]]
    assert table.loc[("primary_problem", "mixed_anxiety_and_depression"), "value"] == 1 / 3
    assert [table.loc[("age", name), "value"] for name in ("mean", "sd", "min", "max")] == [40, 20, 20, 60]
    assert table.loc[("step", "step3"), ["n", "of"]].tolist() == [1, 2]  # of those with a recorded step
    assert table.loc[("sessions", "step2"), ["n", "of", "value"]].tolist() == [1, 1, 4]
    nobody = table1.sample_characteristics(cohort({"no_consent": [40]}))
    assert nobody["value"].isna().all() and (nobody["n"] == 0).all()


def test_a_note_in_the_place_of_a_problem_is_no_level():
    people = cohort({"consent_and_participation": [20, 40]})
    people["primary_problem"] = ["PTSD", "seen twice by the duty team, asked to be called at work, see letter of May"]
    levels = table1.sample_characteristics(people).query("variable == 'primary_problem'")["level"]
    assert set(levels) == {"ptsd", "other"}
    assert table1.snake_case(" Mixed anxiety/depression ") == "mixed_anxiety_depression"
