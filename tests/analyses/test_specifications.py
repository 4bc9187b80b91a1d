"""All estimates side by side. Oracles: the functions that make each of them, counts and formulas by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import RULES
from missing_answers import oracle_patients
from test_attrition import SCORES, many, two_groups

from durability_utils.analyses import attrition, imputation, specifications, weighting


def estimates(patients, outcome):
    return specifications.estimates(patients, specifications.normal_draws(patients), outcome, RULES)


@pytest.fixture(scope="module")
def recovered():
    return oracle_patients("recovery")


@pytest.fixture(scope="module")
def printed(recovered):
    return estimates(recovered, "recovery")


def test_each_method_has_its_row_as_its_own_function_says(recovered, printed):
    found = printed.set_index("method")
    assert list(found.index) == ["complete_cases", "weighting", "doubly_robust", "normal", "pmm", "worst_case",
                                 "best_case"]
    assert (found[["of", "answered", "kept"]] == [519, 36, 29]).all(axis=None)
    shares = found[["estimate", "low", "high"]]
    assert tuple(shares.loc["complete_cases"]) == attrition.complete_cases(recovered["kept"])
    assert tuple(found.loc["weighting", ["estimate", "low", "high", "effective"]]) == weighting.weighted(recovered)
    drawn = imputation.draw_scores(recovered, "pmm")
    assert tuple(shares.loc["pmm"]) == imputation.imputed(recovered, drawn, "recovery", RULES)
    # without carrying back 29 of 519 are known to have kept it, and 7 not to
    assert shares.at["worst_case", "estimate"] == 29 / 519 and shares.at["best_case", "estimate"] == 512 / 519


def test_where_no_model_is_fitted_the_note_says_why_and_the_bounds_stand():
    patients = two_groups({2.0: (6, 4, 60)})
    table = estimates(patients, "improvement").set_index("method")
    assert table["note"].to_dict() == dict.fromkeys(table.index, "") | dict.fromkeys(
        ("weighting", "doubly_robust", "normal", "pmm"), "too few: 10 answered, fewer than 30")
    assert table["estimate"].notna().to_dict() == {method: not note for method, note in table["note"].items()}
    assert list(specifications.curve(patients, table.reset_index(), "improvement", RULES)["method"]) == [
        "complete_cases"]
    nobody = estimates(patients[:0], "improvement")
    assert nobody["estimate"].isna().all() and (nobody["of"] == 0).all()


def test_the_curve_has_every_specification_once_and_begins_with_those_printed(recovered, printed):
    table = specifications.curve(recovered, printed, "recovery", RULES)
    assert not table.duplicated(["method", "stages", "variables"]).any()
    # three sets of variables in the model of consenting, one (36 answers) in those of answering and of scores
    assert table["method"].value_counts().to_dict() == {"weighting": 4, "doubly_robust": 4, "g_formula": 4,
                                                        "normal": 1, "pmm": 1, "complete_cases": 1}
    first = table[table["printed"]].set_index("method")["estimate"]
    assert len(first) == 5
    assert first.to_dict() == printed.set_index("method").loc[first.index, "estimate"].to_dict()
    as_one = table[(table["stages"] == "answered") & (table["method"] == "weighting")].iloc[0]
    assert as_one["variables"] == ", ".join(SCORES)
    assert as_one["estimate"] == weighting.weighted(recovered, attrition.stages(recovered, apart=False)).share


def test_a_shift_of_nought_is_the_imputed_share_and_rows_and_columns_are_those_of_each_group(recovered, printed):
    drawn = imputation.draw_scores(recovered)
    table = specifications.shifted(recovered, drawn, "recovery", RULES).set_index(["no_consent", "silent"])
    assert len(table) == 49
    assert table.at[(0, 0), "estimate"] == printed.set_index("method").at["normal", "estimate"]
    assert tuple(table.loc[(2, 1)]) == imputation.imputed(recovered, drawn, "recovery", RULES, 2, 1)


def test_a_prior_without_spread_is_a_shift_and_with_it_the_interval_is_wider(recovered):
    drawn = imputation.draw_scores(recovered)
    fixed, spread = ({rows["method"]: rows for rows in specifications.other_assumptions(
        recovered, drawn, "recovery", RULES, {"no_consent": (2.0, sd), "silent": (1.0, sd)})} for sd in (0.0, 1.5))
    found = [tuple(rows["prior"][name] for name in ("estimate", "low", "high")) for rows in (fixed, spread)]
    assert found[0] == imputation.imputed(recovered, drawn, "recovery", RULES, 2, 1)
    assert found[1][2] - found[1][1] > 1.2 * (found[0][2] - found[0][1])
    moved = imputation.returned_to_baseline(recovered, drawn)
    assert fixed["returned_to_baseline"]["estimate"] == imputation.imputed(recovered, moved, "recovery", RULES)[0]


def test_the_stages_by_hand():
    # 100 of 200 in each of two groups; in group 2 50 consented and 40 answered, in group 9 80 and 40
    patients = pd.concat([two_groups({2.0: (30, 10, 60)}).assign(consented=[True] * 50 + [False] * 50),
                          two_groups({9.0: (20, 20, 60)}).assign(consented=[True] * 80 + [False] * 20)],
                         ignore_index=True)
    table = specifications.passed(patients).set_index("stage")
    assert table[["there", "passed"]].to_numpy().tolist() == [[200, 130], [130, 80]]
    assert table["least_probability"].tolist() == pytest.approx([0.5, 0.5])
    # 50 of weight 2 and 80 of 1.25: (100 + 100)^2 / (200 + 125); then 80 of 2.5
    assert table["effective"].tolist() == pytest.approx([200 ** 2 / 325, 80])
    assert table["largest_weight"].tolist() == pytest.approx([2 / (200 / 130), 1])


def test_standardised_mean_differences_by_hand():
    patients = many({"A": 30, "B": 60}).assign(consented=True)
    found = specifications.balance(patients).set_index("variable")
    answered = patients["kept"].notna()
    differences = (patients[SCORES][answered].mean() - patients[SCORES].mean()) / patients[SCORES].std()
    assert found.loc[SCORES, "before"].to_numpy() == pytest.approx(differences.to_numpy())
    (stage,) = attrition.stages(patients)
    weights = attrition.weights_of([stage], attrition.probabilities([stage]))
    after = (np.average(patients[SCORES], axis=0, weights=weights) - patients[SCORES].mean()) / patients[SCORES].std()
    assert found.loc[SCORES, "after"].to_numpy() == pytest.approx(after.to_numpy())


def test_tables_of_outcomes_and_times_are_one_and_none_has_its_columns():
    found = specifications.gathered({("improvement", "6m"): pd.DataFrame({"no_consent": [0, 1]}),
                                     ("recovery", "12m"): pd.DataFrame({"no_consent": [2]})})
    assert found.to_dict("list") == {"outcome": ["improvement"] * 2 + ["recovery"], "time": ["6m", "6m", "12m"],
                                     "no_consent": [0, 1, 2]}
    assert list(specifications.gathered({}, "balance")) == ["outcome", "time", "stage", "variable", "before", "after"]


def test_the_answer_in_words(recovered, printed):
    curve = pd.DataFrame({"estimate": [0.5, 0.61], "low": [0.2, np.nan], "high": [0.9, np.nan]})
    assert specifications.in_words(recovered, printed, curve) == (
        "50 to 61 % by 2 specifications (1 with an interval: the lowest limit is 20, the highest 90 %); 36 "
        "answered; with no assumption on the others 6 to 99 %")
    few = two_groups({2.0: (6, 4, 60)})
    assert specifications.in_words(few, estimates(few, "improvement"), curve) == (
        "nobody can say (too few: 10 answered, fewer than 30; with no assumption on the others 9 to 94 %)")
    all_of_them = two_groups({2.0: (6, 4, 0)})
    assert specifications.in_words(all_of_them, estimates(all_of_them, "improvement"), curve) == (
        "6/10\u00a0(60\u00a0%,\u00a031\u00a0to\u00a083), as everybody answered")


def test_what_simulated_cohorts_showed_in_words():
    """Oracle: a table of three methods, read by eye."""
    rows = [(mechanism, method, held, bias, refused)
            for mechanism, of in {"recorded": [(.95, 0, .1), (.5, .1, 0), (1, None, 0)],
                                  "unseen": [(.8, .123, .4), (.1, .2, 0), (1, None, 0)]}.items()
            for method, (held, bias, refused) in zip(("weighting", "complete_cases", "bounds"), of, strict=True)]
    table = pd.DataFrame(rows, columns=["mechanism", "method", "coverage", "bias", "refused"])
    said = specifications.trust_in_words(
        table, {"consenting": .5, "answering": .2, "patients": {"improvement": 100, "recovery": 50}},
        {"weighting": "weighted", "complete_cases": "those who answered"})
    assert "some 10 or 5 answers" in said
    assert "92 % or more for: weighted (95 to 95 %); more seldom for: those who answered (50 to 50 %)" in said
    assert "Up to 10 % of these cohorts" in said
    assert said.endswith("too high by 12 to 12 points on average with a model, and by 20 to 20 without.")
