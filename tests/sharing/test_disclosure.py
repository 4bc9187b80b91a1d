"""Disclosure control, judged by the rules as the reference states them, by hand counts, and by attack.

The attack (`attack.py`) is written apart from the package's audit and sees nothing but the tables.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from attack import Attack
from conftest import PAIR_RULES, typed

from durability_utils.analyses.attrition import LEAST_ON_A_SIDE, complete_cases, well_at_end, why_no_model
from durability_utils.analyses.definitions import KEPT_OF, every_status, shares_holds, shares_kept
from durability_utils.analyses.rates import (
    DENOMINATORS,
    end_counts,
    kept_counts,
    rates_from_counts,
    rates_holds,
    with_all,
)
from durability_utils.analyses.relapse import HOLDS as RELAPSE
from durability_utils.analyses.relapse import by_month, scores_after_discharge, status_at_end, time_to_relapse
from durability_utils.analyses.specifications import estimates_holds, gathered, row
from durability_utils.outcomes import representativeness, response, transitions
from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.representativeness import EFFECT_SIZES, GROUPS, sample_holds
from durability_utils.outcomes.response import ANSWERS_BY_MODE
from durability_utils.outcomes.rules import OUTCOMES, STEP_GROUPS, carry_back, classify, in_step
from durability_utils.outcomes.transitions import by_status_at_end
from durability_utils.results import write_table
from durability_utils.sharing import audit, disclosure
from durability_utils.sharing.audit import AT_END, DEFINITIONS, control_safely, knowledge
from durability_utils.sharing.bundle import read_tables, table_to_share
from durability_utils.sharing.disclosure import Controlled, Tables, table_of
from durability_utils.study.columns import FOLLOW_UP_DATA
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds

HOLDS = {"response_rates": response.RESPONSE_RATES, "response_by_mode": ANSWERS_BY_MODE,
         "representativeness": representativeness.COMPARED, "relapse_by_month": RELAPSE["by_month"],
         **{f"reliable_{outcome}_{name}": holds[outcome] for outcome in ("improvement", "recovery")
            for name, holds in (("6m", transitions.SIX_MONTHS), ("rates", transitions.BY_STATUS_AT_END),
                                ("path", transitions.PATHS))}}


METHODS = ("weighting", "normal")


def declared(tables: dict[tuple[str, str, str], pd.DataFrame]) -> Tables:
    """Tables with what the notebooks say that they hold."""
    holds = {"services_rates": rates_holds, "definitions": shares_holds, "sample_characteristics": sample_holds,
             "attrition_estimates": lambda cells: estimates_holds(cells, PAIR_RULES)}
    made = {key: table_to_share(*key[:2], cells, HOLDS.get(key[2]) or holds[key[2]](cells))
            for key, cells in tables.items()}
    return {key: table for key, table in made.items() if table}


SIZES = {"one service": [150], "one patient more": [150, 1], "one patient": [1], "five patients": [5],
         "one step": [60, 150], "skewed": [2000, 12]}


def random_cohorts(seed: int, kind: str = "") -> dict[str, pd.DataFrame]:
    """Services of random size, or of one of SIZES, with random consent, answers and outcomes; every column is there."""
    random = np.random.default_rng(seed)
    cohorts = {}
    sizes = SIZES.get(kind) or [0] * random.integers(2, 4)
    for service, size in zip("ABC", sizes, strict=False):
        n = size or int(random.choice([20, 60, 150, 400]))
        consent, answers = random.uniform(0.1, 0.9), random.uniform(0.1, 0.9)
        gain = random.uniform(0, 10)
        cohort = typed(pd.DataFrame(index=range(n))).astype("object")
        cohort["patient_id"] = [f"{service}{i}" for i in range(n)]
        cohort["consent_contact"] = random.choice(["yes", "no"], n, p=[consent, 1 - consent])
        genders = [0.985, 0.01, 0.005] if kind == "skewed" else [0.6, 0.37, 0.03]
        cohort["gender"] = random.choice(["female", "male", "other"], n, p=genders)
        cohort["ethnicity"] = random.choice(["white_british", "asian_indian", "black_african", None], n,
                                            p=[0.8, 0.1, 0.05, 0.05])
        cohort["primary_problem"] = random.choice(["Depression", "GAD", "OCD"], n, p=[0.5, 0.4, 0.1])
        steps = [1, 0, 0, 0] if kind == "one step" else [0.45, 0.4, 0.1, 0.05]
        cohort["step"] = random.choice(["step2", "step3", "step2+3", None], n, p=steps)
        numbers = {"age": random.integers(16, 80, n), "sessions": random.integers(2, 20, n)}
        for measure, most in (("phq9", 27), ("gad7", 21)):
            base = random.integers(3, most + 1, n)
            numbers[f"{measure}_baseline"] = base
            for time in ("end", "6m", "12m"):
                numbers[f"{measure}_{time}"] = np.clip(base - random.normal(gain, 5, n).round(), 0, most)
        for column, values in numbers.items():
            cohort[column] = pd.array(values.astype(int), dtype="Int64")
        for time in ("6m", "12m"):
            cohort[f"followup_{time}_mode"] = random.choice(["post", "online", "phone"], n, p=[0.5, 0.4, 0.1])
            silent = (random.random(n) > answers) | (cohort["consent_contact"] == "no")
            columns = [column for column in FOLLOW_UP_DATA if f"_{time}" in column]
            cohort.loc[silent, columns] = None
        cohorts[service] = typed(cohort)
    return cohorts


def tables_of(cohorts: dict[str, pd.DataFrame]) -> Tables:
    """The tables of notebooks that a bundle may have, by the package's functions; `all` pools the services."""
    found = {}
    pooled = pd.concat([cohort.assign(service=service) for service, cohort in cohorts.items()], ignore_index=True)
    for service in [*cohorts, "all"]:
        cohort = pooled if service == "all" else pooled[pooled["service"] == service]
        found[service, "all", "response_rates"] = response.response_rates(cohort)
        found[service, "all", "response_by_mode"] = response.answers_by_mode(cohort)
        found[service, "all", "sample_characteristics"] = representativeness.sample_characteristics(cohort)
        found[service, "all", "representativeness"] = _comparison(cohort)
        answered = response.who_answered(cohort)
        for step in ("all", *STEP_GROUPS):
            members = in_step(answered, step)
            end, at_6m, at_12m = (classify(members, time, PAIR_RULES) for time in ("end", "6m", "12m"))
            carried = classify(carry_back(members), "6m", PAIR_RULES)
            both = response.response_flags(members)["both_follow_ups"]
            for outcome in ("improvement", "recovery"):
                six = transitions.six_month_table(end[outcome], carried[outcome])
                found[service, step, f"reliable_{outcome}_6m"] = six
                found[service, step, f"reliable_{outcome}_rates"] = by_status_at_end(six)
                found[service, step, f"reliable_{outcome}_path"] = transitions.path_table(
                    end[outcome], at_6m[outcome], at_12m[outcome], both)
            everybody = in_step(cohort, step)
            at_end = classify(everybody, "end", PAIR_RULES)
            counts = end_counts(everybody, at_end).join(kept_counts(members, end, carried))
            found[service, step, "services_rates"] = rates_from_counts(with_all(counts))
        found |= {(service, "all", name): table for name, table in _durable(cohort, answered).items()}
    return declared(found)


def _durable(cohort: pd.DataFrame, answered: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What notebooks 08 to 10 say of the same patients; shares by two methods without their models, which are slow."""
    people = {"6m": carry_back(answered), "12m": answered}
    shares = pd.concat([shares_kept(every_status(of, time, PAIR_RULES), time, PAIR_RULES)
                        for time, of in people.items()], ignore_index=True)
    classes = {time: classify(cohort, time, PAIR_RULES) for time in ("end", "6m", "12m")}
    estimates = {}
    for time, outcome in product(("6m", "12m"), OUTCOMES):
        well = well_at_end(cohort, classes["end"], classes[time], outcome, time, PAIR_RULES)
        share = complete_cases(well["kept"]) if why_no_model(well) == "" else (np.nan,) * 3
        estimates[outcome, time] = pd.DataFrame([row(well, method, share, effective=20.0) for method in METHODS])
    remitted = cohort[status_at_end(cohort, PAIR_RULES) == "in_remission"]
    after = pd.DataFrame(columns=["service", "patient_id", "referral_id", "days", "measure", "score"])
    curve = by_month(time_to_relapse(remitted, scores_after_discharge(remitted, after, PAIR_RULES), PAIR_RULES))
    return {"definitions": shares, "attrition_estimates": gathered(estimates), "relapse_by_month": curve}


def _comparison(cohort: pd.DataFrame) -> pd.DataFrame:
    """Table 1 without its tests, which are slow and hold no count."""
    values, group = representativeness.compared_variables(cohort), representativeness.participation(cohort)
    rows = [(variable, name, of.count(), of.mean(), of.std(), "a", 0.5) for variable in representativeness.VARIABLES
            for name in GROUPS for of in [values.loc[group == name, variable]]]
    return pd.DataFrame(rows, columns=["variable", "group", "n", "mean", "sd", "letters", "p"])


# -- the rules -------------------------------------------------------------------------------------

@pytest.mark.parametrize(("rule", "expected"), [
    ("nhs", {0: "*", 4: "*", 5: 5, 7: 5, 8: 10, 12: 10, 13: 15, 132: 130}),
    ("opensafely", {0: "[REDACTED]", 7: "[REDACTED]", 8: 10, 12: 10, 13: 15}),
    ("none", {0: 0, 4: 4, 13: 13}),
])
def test_one_count(rule, expected):
    """Oracle: the two rules as the reference states them."""
    assert {n: disclosure.shown_count(n, rule) for n in expected} == expected


def table(**columns):
    return pd.DataFrame(columns)


def six_months(*n):
    codes = ["no_reliable_recovery", "reliable_recovery"]
    pairs = [(end, later) for end in codes for later in codes]
    return by_status_at_end(table(end=[end for end, _ in pairs], follow_up=[later for _, later in pairs], n=list(n)))


@pytest.mark.parametrize(("rule", "counts", "n", "of", "percent"), [
    ("nhs", (2, 12, 10, 61), ["*", "10", "10", "60"], ["15", "15", "70", "70"], ["*", "*", "14", "86"]),
    # 8 and 12 are 10 and 10, so 20 together; the redacted 7 adds nothing to its total, of which 60 are not 100 %
    ("opensafely", (8, 12, 7, 61), ["10", "10", "[REDACTED]", "60"], ["20", "20", "60", "60"],
     ["50", "50", "[REDACTED]", "[REDACTED]"]),
])
def test_percentages_are_of_rounded_counts_and_totals_by_opensafely_are_sums_of_them(rule, counts, n, of, percent):
    """Hand counts."""
    shown = Controlled(declared({("A", "all", "reliable_recovery_rates"): six_months(*counts)}), rule)
    rates = shown.tables["A", "all", "reliable_recovery_rates"]
    assert [rates[column].tolist() for column in ("n", "of", "percent")] == [n, of, percent]


@pytest.mark.parametrize(("rule", "counts", "fewest", "most"), [
    ("nhs", (10, 61, 2, 12), (58, 70), (62, 70)),  # of 68 to 72, with 8 to 12 beside them
    ("nhs", (3, 61, 2, 12), (58, 67), (62, 63)),   # of 63 to 67, and nothing is known of the rest
    ("opensafely", (12, 61, 7, 61), (58, 70), (62, 70)),  # of 10 and 60: 8 to 12 and 58 to 62
])
def test_an_interval_allows_for_the_rounding(rule, counts, fewest, most):
    """Hand counts: the ends are Wilson's of the least and the largest share that look the same."""
    shown = Controlled(declared({("A", "all", "reliable_recovery_rates"): six_months(*counts)}), rule)
    rate = shown.tables["A", "all", "reliable_recovery_rates"].iloc[1]
    ends = proportion(*fewest).low, proportion(*most).high
    assert [rate["low"], rate["high"]] == [f"{100 * end:.0f}" for end in ends]


def test_a_rare_level_is_left_out_with_its_name():
    sample = table(variable=["primary_problem"] * 2 + ["age"] * 4,
                   level=["gad", "rare_disease", "mean", "sd", "min", "max"],
                   n=[30, 1, 31, 31, 31, 31], of=[31] * 6, value=[30 / 31, 1 / 31, 40.26, 9.97, 18.0, 77.0])
    shown = Controlled(declared({("A", "all", "sample_characteristics"): sample,
                                 ("A", "all", "response_rates"): response_table(31)}), "nhs")
    text = shown.tables["A", "all", "sample_characteristics"].to_csv()
    assert "rare" not in text
    assert "40.3" in text and "10.0" in text
    assert "18" not in text and "77" not in text  # a range is two patients


def response_table(answered: int) -> pd.DataFrame:
    counts = {"discharged": 200, "consented": 100, "first_follow_up": answered, "second_follow_up": answered,
              "both_follow_ups": answered, "either_follow_up": answered}
    rates = {f"{stage}_{end}": [0.5] for stage in response.STAGES for end in ("share", "low", "high")}
    return pd.DataFrame({"service": ["A"], **{key: [n] for key, n in counts.items()}, **rates})


def test_levels_stand_in_the_order_of_their_names_and_not_of_their_counts():
    sample = table(variable=["gender"] * 3, level=["male", "female", "missing"], n=[30, 20, 10], of=[60] * 3,
                   value=[1 / 2, 1 / 3, 1 / 6])
    shown = Controlled(declared({("A", "all", "sample_characteristics"): sample,
                                 ("A", "all", "response_rates"): response_table(60)}), "nhs")
    levels = shown.tables["A", "all", "sample_characteristics"]["level"]
    assert levels.tolist() == ["female", "male", "missing"]


@pytest.mark.parametrize(("n", "sd", "row"), [
    (30, 0.04, ["30", "*", "*"]), (30, 1.1, ["30", "*", "*"]), (30, 1.2, ["30", "21.0", "1.2"]),
    (7, 8.0, ["5", "*", "*"]), (8, 8.0, ["10", "21.0", "8.0"])])
def test_a_mean_of_few_or_much_alike_values_is_hidden_with_its_spread(n, sd, row):
    """By hand: an SD of 0.0 beside a mean of 21.0 says that each has 21; 5 with 21.2 and 0.4 are 21, 21, 21, 21, 22."""
    compared = table(variable=["age"] * 3, group=GROUPS, n=[40, n, 20], mean=[30.0, 21.0, 40.0], sd=[9.0, sd, 8.0],
                     letters=["a", "b", "c"], p=[0.01] * 3)
    shown = Controlled(declared({("A", "all", "representativeness"): compared}), "nhs")
    rows = shown.tables["A", "all", "representativeness"]
    assert rows[["n", "mean", "sd"]].to_numpy().tolist() == [["40", "30.0", "9.0"], row, ["20", "40.0", "8.0"]]


def test_a_table_without_rows_is_left_out(tmp_path):
    """A service without relapses has such tables."""
    write_table(COUNTS[:0], tmp_path / "study/A/all/tables/mine.csv", ANSWERS_BY_MODE)
    write_table(COUNTS[:0].assign(service=""), tmp_path / "study/A/all/tables/theirs.csv",
                replace(ANSWERS_BY_MODE, service="service"))
    assert Controlled(read_tables(SimpleNamespace(id="study", services=["A"]), tmp_path), "nhs").tables == {}


def test_a_table_without_any_number_is_left_out():
    tables = {("A", "all", "reliable_recovery_6m"): six_months(1, 2, 3, 4)[["end", "follow_up", "n"]]}
    assert Controlled(declared(tables), "nhs").tables == {}


def test_tables_of_different_runs_are_not_put_together():
    rates = six_months(2, 12, 10, 61)
    other = rates[["end", "follow_up"]].assign(n=[2, 12, 10, 60])
    with pytest.raises(InputError, match=r"^A/all/recovery_6m/reliable_recovery/reliable_recovery is 61 in one table "
                                         r"and 60 in reliable_recovery_6m;"):
        disclosure.exact_counts(declared({("A", "all", "reliable_recovery_rates"): rates,
                               ("A", "all", "reliable_recovery_6m"): other}))


# -- what is known of a table ------------------------------------------------------------------------

COUNTS = table(time=["6m", "6m"], mode=["post", "online"], n=[30, 20], of=[50, 50], share=[0.6, 0.4], low=[0.5, 0.3],
               high=[0.7, 0.5])


def test_letters_p_and_g_follow_from_n_mean_and_sd_as_shown():
    """22 patients are shown as 20, 67 as 65, 43 as 45, with one decimal of mean and SD; a group of 3 is hidden.

    Oracle for p: R 4.2.2, oneway.test(y ~ group)$p.value of y = c(v(65, 12.3, 5.1), v(45, 14.9, 5.0), v(20, 14.3, 4.9))
    where v(n, m, s) = m + s * scale(1:n). Letters: by ptukey(|t| * sqrt(2), 3, Welch's df) the first two differ (0.025)
    and the others do not (0.27, 0.89). For g: escalc(measure = "SMDH") of R's metafor 3.8-1 says -0.1198, -0.6497,
    0.4102 of 20 (14.3, SD 4.9) and 45 (14.9, SD 5.0).
    """
    compared = table(variable=["age"] * 3 + ["sessions"] * 3, group=[*GROUPS] * 2, n=[67, 43, 22, 67, 43, 3],
                     mean=[12.34, 14.86, 14.27] * 2, sd=[5.06, 5.03, 4.91] * 2, letters=["z"] * 6, p=[0.7] * 6)
    effects = table(variable=["age", "sessions"], against=[GROUPS[1]] * 2, n=[22, 3], n_against=[43, 43],
                    sd=[4.91] * 2, sd_against=[5.03] * 2, g=[9.0] * 2, low=[8.0] * 2, high=[10.0] * 2)
    shown = Controlled(declared({("A", "all", "representativeness"): compared}) | {
        ("A", "all", "effects"): table_of("A", "all", effects, EFFECT_SIZES)}, "nhs").tables
    cells = shown["A", "all", "representativeness"][["n", "mean", "sd", "letters", "p"]].to_numpy().tolist()
    assert cells == [["65", "12.3", "5.1", "a", "0.029"], ["45", "14.9", "5.0", "b", "0.029"],
                     ["20", "14.3", "4.9", "ab", "0.029"], ["65", "12.3", "5.1", "*", "*"],
                     ["45", "14.9", "5.0", "*", "*"], ["*", "*", "*", "*", "*"]]
    assert shown["A", "all", "effects"].drop(columns=["variable", "against"]).to_numpy().tolist() == [
        ["20", "45", "4.9", "5.0", "-0.1", "-0.6", "0.4"], ["*", "45", "*", "5.0", "*", "*", "*"]]


def is_shared(cells: pd.DataFrame, holds: Holds | None, results: Path, step: str = "all") -> bool:
    """Whether a table is read for a bundle, written as a notebook writes it."""
    write_table(cells, results / "study" / "A" / step / "tables" / "mine.csv", holds)
    return bool(read_tables(SimpleNamespace(id="study", services=["A"]), results))


def test_the_tables_of_the_notebooks_are_shared(tmp_path):
    effects = table(variable=["age"], against=[GROUPS[0]], n=[30], n_against=[40], sd=[5.0],
                    sd_against=[8.0], g=[0.1], low=[-0.1], high=[0.3])
    tables = tables_of(random_cohorts(1)) | {("A", "all", "effects"): table_of("A", "all", effects, EFFECT_SIZES)}
    for (_, step, name), (cells, holds, _) in tables.items():
        assert is_shared(cells, holds, tmp_path, step), name


@pytest.mark.parametrize("holds", [
    None, Holds(), Holds("Nothing counted", words=tuple(COUNTS)),
    replace(ANSWERS_BY_MODE, patients=True),
    replace(ANSWERS_BY_MODE, counts={"n": "answered_at_night/{time}/{mode}", "of": "mode/{time}/total"}),
    replace(ANSWERS_BY_MODE, counts={"n": "mode/{time}/{mode}/{time}", "of": "mode/{time}/total"}),
    replace(ANSWERS_BY_MODE, counts={"n": "mode/{time}/{mode}", "of": "sample/postcode/{time}"}),
    replace(ANSWERS_BY_MODE, counts={"n": "mode/{time}/{mode}", "of": "response/total"}),
    replace(ANSWERS_BY_MODE, counts={"n": "mode/{time}/{mode}", "of": "response/consented/total"}),
    replace(ANSWERS_BY_MODE, rates={}),                                             # share, low, high: of what?
    replace(ANSWERS_BY_MODE, rates={}, statistics={"share": "smallest", "low": "p", "high": "p"}),
    replace(ANSWERS_BY_MODE, rates={}, statistics={"share": "mean", "low": "p", "high": "p"}),  # a mode has no mean
], ids=["undeclared", "nothing", "words", "patients", "kind", "deeper", "variable", "total", "a sum", "columns",
        "statistic", "mean"])
def test_a_table_of_which_anything_is_unknown_is_in_no_bundle(holds, tmp_path):
    assert is_shared(COUNTS, ANSWERS_BY_MODE, tmp_path)
    assert not is_shared(COUNTS, holds, tmp_path)


def test_a_table_without_all_its_counts_or_of_a_step_that_is_not_reckoned_with_is_in_no_bundle(tmp_path):
    assert not is_shared(COUNTS.assign(n=[30, None]), ANSWERS_BY_MODE, tmp_path)
    assert not is_shared(COUNTS.assign(n=["30", "some"]), ANSWERS_BY_MODE, tmp_path)
    assert not is_shared(COUNTS, ANSWERS_BY_MODE, tmp_path / "other", "step2")


# -- the attack ------------------------------------------------------------------------------------

def attacked(tables: Tables, rule: str, compared: list[str], controlled: Controlled | None = None) -> dict:
    """What the attack finds in tables as they are shared, or as somebody else would share them."""
    truth = Attack(Controlled(tables, "none").tables, "none", compared).exact
    controlled = controlled or control_safely(tables, rule, compared)
    return Attack(controlled.tables, rule, compared, truth).found_out()


def test_the_attack_finds_a_count_that_is_not_protected():
    """Hand count: 10 stands for 8 to 12, so two hidden counts that make it up are 4 each: the attack must see it."""
    codes = ["reliable_deterioration", "no_reliable_improvement", "reliable_improvement"]
    improvement = table(end=[end for end in codes for _ in codes], follow_up=codes * 3,
                        n=[10, 10, 10, 10, 50, 20, 10, 30, 80])
    tables = declared({("A", "all", "reliable_recovery_rates"): six_months(4, 4, 20, 61),
                       ("A", "all", "reliable_recovery_6m"): six_months(4, 4, 20, 61)[["end", "follow_up", "n"]],
                       ("A", "all", "reliable_improvement_6m"): improvement})
    found = attacked(tables, "nhs", ["A"], Controlled(tables, "nhs"))
    pair = {name: span for name, span in found.items() if name[-2] == "no_reliable_recovery"}
    assert set(pair.values()) == {(4, 4)} and len(pair) == 2
    assert attacked(tables, "nhs", ["A"]) == {}


def test_a_rounded_count_is_found_out_where_its_parts_do_not_add_up():
    """Hand count: 10 and 10 in 15 can only be 8 and 8, or 8 and 9."""
    tables = declared({("A", "all", "reliable_recovery_rates"): six_months(8, 9, 30, 61)})
    found = attacked(tables, "nhs", ["A"], Controlled(tables, "nhs"))
    assert {span for name, span in found.items() if name[3] == "no_reliable_recovery"} == {(8, 9), (16, 17)}
    assert attacked(tables, "nhs", ["A"]) == {}


def test_who_deteriorated_is_found_out_by_who_improved_of_those_with_all_scores():
    """Hand count: 15 and 15 stand for 13 or more each, 25 for 27 or fewer, which leaves one."""
    counts = pd.DataFrame({"finished": 60, "not_at_caseness": 8, "paired": 27, "paired_at_caseness": 27,
                           "reliable_improvement": 13, "no_reliable_change": 13, "reliable_deterioration": 1,
                           "recovery": 12, "reliable_recovery": 9}, index=pd.Index(["A"], name="service"))
    tables = declared({("A", "all", "services_rates"): rates_from_counts(counts)})
    found = attacked(tables, "nhs", ["A"], Controlled(tables, "nhs"))
    assert found["A", "all", "end", "reliable_deterioration"] == (0, 1)
    assert attacked(tables, "nhs", ["A"]) == {}


def estimates(*shares, answered: int = 57, kept: int = 47) -> Tables:
    found = pd.DataFrame([(answered, kept, *share, effective) for *share, effective in shares], columns=[
        "answered", "kept", "estimate", "low", "high", "effective"])
    rows = found.assign(outcome="improvement", time="12m", method=METHODS[:len(found)], of=1092, assumption="", note="")
    return declared({("all", "all", "attrition_estimates"): rows})


def test_a_share_by_a_model_is_rounded_to_five_patients_of_those_who_answered():
    """Hand counts: 57 are 55; 0.876 of them are 50 (91 %), 0.7225 down to 35 (64 %), 0.95 up to 55; 24.4 are 25."""
    shown = Controlled(estimates((0.876, 0.7225, 0.9504, 24.4), (np.nan,) * 4), "nhs").tables[
        "all", "all", "attrition_estimates"]
    cells = ["of", "answered", "kept", "effective", "estimate_percent", "low", "high"]
    assert shown[cells].to_numpy().tolist() == [["1090", "55", "45", "25", "91", "64", "100"],
                                                ["1090", "55", "45", "*", "*", "*", "*"]]
    assert "note" not in shown  # it has numbers


@pytest.mark.parametrize(("rule", "answered", "kept", "share", "expected"), [
    ("nhs", 57, 47, 0.96, "*"),           # 55 of 55: nobody who lost it
    ("nhs", 57, 47, 0.03, "*"),           # 0
    ("nhs", 57, 53, 0.80, "*"),           # 4 lost it; that there is a model would tell that 5 did
    ("nhs", 32, 20, 0.60, "*"),           # 30 may be 28, and a model tells that it is 30 or more
    ("nhs", 33, 20, 0.60, "57"),          # 20 of 35
    ("opensafely", 57, 50, 0.80, "[REDACTED]"),  # 7 lost it
    ("opensafely", 57, 47, 0.90, "[REDACTED]"),  # 50 of 55, and 5 are a small number
    ("opensafely", 57, 47, 0.80, "82"),   # 45 of 55
    ("none", 57, 53, 0.96, "96"),
])
def test_a_share_is_shown_where_it_tells_no_more_than_the_counts_beside_it(rule, answered, kept, share, expected):
    """Hand counts."""
    tables = estimates((share, share - 0.02, share + 0.02, 30.0), answered=answered, kept=kept)
    shown = Controlled(tables, rule).tables["all", "all", "attrition_estimates"]
    assert shown["estimate_percent"].tolist() == [expected]


def test_sharing_knows_what_the_analyses_count():
    """It may not import them. Oracle: their own lists."""
    assert disclosure.FEWEST_MODELLED == LEAST_ON_A_SIDE
    assert tuple(KEPT_OF) == DEFINITIONS
    assert {*AT_END} == {name for of in DENOMINATORS.values() for pair in of.items() for name in pair
                         if "kept" not in name and "followed" not in name}


def test_a_curve_is_shown_by_month_and_its_interval_follows_from_what_is_shown():
    """Hand count: 0.2 of 32 are 5 of 30 (17 %), and 0.3 of 32, where no score tells the month, 10; then none is left.

    Oracle for the interval: Greenwood's without censoring, by its formula sqrt(p (1 - p) / n), is no wider.
    """
    curve = table(variable=["all", "all", "step3"], level=["all", "all", "step3"], month=["6", "7", "6"],
                  at_risk=[32, 3, 9], relapses=[6, 1, 2], censored=[20, 2, 7], share=[0.2, 0.25, 0.2],
                  at_most=[0.3, 0.3, 0.2], low=[0.1, 0.1, 0.0], high=[0.4, 0.5, 0.5])
    shown = Controlled(declared({("all", "all", "relapse_by_month"): curve}), "nhs").tables[
        "all", "all", "relapse_by_month"]
    low, high = proportion(4, 28).low, proportion(12, 28).high  # of 28 at least, 5 of 30 are 4.7, 12 of 30 are 11.2
    assert shown.drop(columns=["variable", "level"]).to_numpy().tolist() == [
        ["6", "30", "17", "33", f"{100 * low:.0f}", f"{100 * high:.0f}"], ["7", *"*****"]]
    assert high - low > 0.3 - 0.2 + 1.96 * ((0.2 * 0.8 / 32) ** 0.5 + (0.3 * 0.7 / 32) ** 0.5)


def test_a_curve_is_level_where_the_estimate_is_and_a_small_number_of_all_followed_is_hidden():
    """Hand count: of 51, shown as 50, 0.09 are 4.5, hidden; 0.123 are 6 (5 of 50), 0.187 are 9 (10 of 50)."""
    curve = table(variable="all", level="all", month=["0", "5", "6", "7", "8", "12"], at_risk=[51, 51, 50, 33, 29, 23],
                  relapses=0, censored=0, share=[0, 0.09, 0.123, 0.123, 0.123, 0.187],
                  at_most=[0, 0.09, 0.123, 0.123, 0.123, 0.187], low=0.05, high=0.4)
    cells = declared({("all", "all", "relapse_by_month"): curve})
    shown = Controlled(cells, "nhs").tables["all", "all", "relapse_by_month"]
    assert shown["share_percent"].tolist() == ["*", "*", "10", "10", "10", "20"]
    low, high = pd.to_numeric(shown["low"][2:]), pd.to_numeric(shown["high"][2:])
    assert low.le([5.5, 5.5, 5.5, 8.7]).all() and high.ge([26.4, 26.4, 26.4, 37.7]).all()  # Greenwood's of the study
    assert Controlled(cells, "opensafely").tables["all", "all", "relapse_by_month"]["share_percent"].tolist() == [
        *["[REDACTED]"] * 5, "20"]


def test_the_rest_of_left_out_levels_is_protected():
    """Hand count: 25 of 45, with 35 at one level that is shown, leave a rest of 6 or more."""
    sample = table(variable=["gender"] * 4, level=["female", "male", "other", "missing"], n=[28, 3, 4, 2], of=[37] * 4,
                   value=[28 / 37, 3 / 37, 4 / 37, 2 / 37])
    tables = declared({("A", "all", "sample_characteristics"): sample,
                       ("A", "all", "response_rates"): response_table(37)})
    assert attacked(tables, "nhs", ["A"]) == {}


SMALL = (0, 1, 8, 9, 12, 13)  # one service, one patient, five patients
LARGE = (2, 3, 4, 5, 16, 17, 20, 21)  # several services, one patient more, one step, skewed


@pytest.mark.parametrize("seeds", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow(
    "attacks on 8 cohorts of several services: 1 minute"))], ids=["small", "several"])
def test_the_attack_finds_nothing_in_random_cohorts(seeds):
    with ProcessPoolExecutor() as pool:
        found = dict(zip(seeds, pool.map(attacked_cohort, seeds), strict=True))
    assert {seed: cells for seed, cells in found.items() if cells} == {}


def attacked_cohort(seed: int) -> dict:
    """Half of the first 24 are of a kind of SIZES, each kind by both rules."""
    tables = tables_of(random_cohorts(seed, [*SIZES][seed // 4 % len(SIZES)] if seed % 4 < 2 else ""))
    services = list(dict.fromkeys(service for service, *_ in tables if service != "all"))
    return attacked(tables, ("nhs", "opensafely")[seed % 2], services)


def test_what_the_solver_says_is_not_heard(monkeypatch, capfd):
    """HiGHS writes to the process's standard output past Python; here it always does."""
    solve = audit.milp
    monkeypatch.setattr(audit, "milp", lambda *of, **more: (os.write(1, b"HighsMipSolverData"), solve(*of, **more))[1])
    assert attacked(declared({("A", "all", "reliable_recovery_rates"): six_months(8, 9, 30, 61)}), "nhs", ["A"]) == {}
    os.write(1, b"heard again")
    assert capfd.readouterr().out == "heard again"


def test_the_true_counts_are_a_solution_of_what_is_taken_for_granted():
    """The audit starts from the truth; a relation that real tables break would stop it."""
    for seed in range(200, 202):
        tables = tables_of(random_cohorts(seed))
        services = [service for service in "ABC" if (service, "all", "response_rates") in tables]
        assert knowledge(Controlled(tables, "nhs"), services).protect({}, {}) == set()
