"""Who answered, compared with who did not: the paper's Table 1 and its sample characteristics."""

import re
import warnings

import numpy as np
import pandas as pd

from durability_utils.outcomes.response import response_flags, who_answered
from durability_utils.outcomes.rules import in_step
from durability_utils.study.expected import expect, expect_columns, expect_one_of
from durability_utils.study.holds import Holds

GROUPS = ("no_consent", "consent_no_participation", "consent_and_participation")
VARIABLES = ("age", "phq9_baseline", "phq9_change", "gad7_baseline", "gad7_change", "sessions")
# test: pingouin's analysis of variance, its comparison of pairs, and the name of p in the latter's table
TESTS = {"tukey": ("anova", "pairwise_tukey", "p_tukey"),
         "games_howell": ("welch_anova", "pairwise_gameshowell", "pval")}
DESCRIBED = ("gender", "ethnicity", "primary_problem", "employment_baseline", "employment_end")
COMPARED = {test: Holds(title, {"n": "group/{variable}/{group}"},
                        statistics={column: column for column in ("mean", "sd", "letters", "p")})
            for test, title in (
                ("tukey", "Those who answered, compared with those who did not"),
                ("games_howell", "Compared by Welch's analysis of variance and Games-Howell"))}
EFFECT_SIZES = Holds(
    "How large the differences are (Hedges' g)",
    {"n": f"group/{{variable}}/{GROUPS[2]}", "n_against": "group/{variable}/{against}"},
    effects={"g": ("n", "n_against")})


def participation(cohort: pd.DataFrame) -> pd.Series:
    """For each patient one of GROUPS; participation: at least one completed follow-up."""
    flags = response_flags(cohort)
    codes = flags["consented"].astype(int) + (flags["consented"] & flags["either_follow_up"])
    return pd.Series(pd.Categorical.from_codes(codes, list(GROUPS)), cohort.index)


def compared_variables(cohort: pd.DataFrame) -> pd.DataFrame:
    """The columns of VARIABLES as floats; a change is baseline minus end of treatment, in points.

    Raises InputError for a cohort without the columns or with what they cannot hold.
    """
    expect(cohort, [*(plain := ["age", "phq9_baseline", "gad7_baseline", "sessions"]), "phq9_end", "gad7_end"])
    table = cohort[plain].astype(float)
    for name in ("phq9", "gad7"):
        table[f"{name}_change"] = table[f"{name}_baseline"] - cohort[f"{name}_end"].astype(float)
    return table[list(VARIABLES)]


def compare_groups(cohort: pd.DataFrame, test: str = "tukey") -> pd.DataFrame:
    """Table 1: `variable, group, n, mean, sd, letters, p`, over the available cases of each variable.

    p: one-way ANOVA with Tukey's HSD (`tukey`) or Welch's ANOVA with Games-Howell (`games_howell`). Groups
    that share a letter do not differ at 5 %. A group of fewer than two patients is not tested and has no letter; nor
    is, by Games-Howell, one without spread. Letters and p are blank where fewer than two can be, or none has spread.
    Raises InputError for another test, and as `compared_variables`.
    """
    expect_one_of(test, TESTS, "test")
    values, group = compared_variables(cohort), participation(cohort)
    tables = []
    for variable in VARIABLES:
        data = pd.DataFrame({"group": group, "value": values[variable]}).dropna()
        summary = data.groupby("group", observed=False)["value"].agg(n="size", mean="mean", sd="std")
        letters, p = _letters_and_p(data, summary, test)
        tables.append(summary.reset_index().assign(variable=variable, letters=letters, p=p))
    return pd.concat(tables, ignore_index=True)[["variable", "group", "n", "mean", "sd", "letters", "p"]]


def _letters_and_p(data: pd.DataFrame, summary: pd.DataFrame, test: str) -> tuple[list[str], float]:
    spread = summary["sd"] > 0
    testable = summary["n"] > 1
    if test == "games_howell":  # it weights each group by its own variance
        testable &= spread
    testable = [name for name in GROUPS if testable[name]]
    if len(testable) < 2 or not spread[testable].any():
        return [""] * len(GROUPS), np.nan
    # imported here, since they cost seconds and most notebooks that read this module compare no groups
    import pingouin
    from scikit_posthocs import compact_letter_display

    omnibus, pairwise, pair_p = TESTS[test]
    data = data[data["group"].isin(testable)].assign(group=lambda d: d["group"].astype("str").astype(object))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tiny groups: the interval is wide, and that is what we show
        p = getattr(pingouin, omnibus)(data=data, dv="value", between="group")
        pairs = getattr(pingouin, pairwise)(data=data, dv="value", between="group")
    matrix = pd.DataFrame(1.0, index=testable, columns=testable)
    for _, row in pairs.iterrows():
        matrix.loc[row["A"], row["B"]] = matrix.loc[row["B"], row["A"]] = row[pair_p]
    letters = first_is_a(compact_letter_display(matrix).reindex(GROUPS, fill_value=""))
    return letters, float(p["p_unc"].iloc[0])


def first_is_a(letters: pd.Series) -> list[str]:
    """Letters renamed in the order in which they appear, so that the first group begins with `a`."""
    letters = letters.str.replace(" ", "")
    rename = {old: chr(ord("a") + position) for position, old in enumerate(dict.fromkeys("".join(letters)))}
    return ["".join(sorted(rename[letter] for letter in cell)) for cell in letters]


def effect_sizes(cohort: pd.DataFrame) -> pd.DataFrame:
    """Hedges' g of participation against each other group: `variable, against, n, n_against, g, low, high`.

    Positive: those who participated have the higher value. 95 % interval by pingouin; NaN for groups below two.
    """
    values, group = compared_variables(cohort), participation(cohort)
    rows = []
    for variable in VARIABLES:
        cases = {name: values.loc[group == name, variable].dropna() for name in GROUPS}
        joined = cases["consent_and_participation"]
        for other in GROUPS[:2]:
            rows.append((variable, other, len(joined), len(cases[other]), *_hedges(joined, cases[other])))
    return pd.DataFrame(rows, columns=["variable", "against", "n", "n_against", "g", "low", "high"])


def _hedges(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    if min(len(x), len(y)) < 2 or (x.std() == 0 and y.std() == 0):
        return np.nan, np.nan, np.nan
    import pingouin

    g = pingouin.compute_effsize(x, y, eftype="hedges")
    low, high = pingouin.compute_esci(stat=g, nx=len(x), ny=len(y), eftype="hedges")
    return float(g), float(low), float(high)


def sample_characteristics(cohort: pd.DataFrame) -> pd.DataFrame:
    """Those with at least one completed follow-up: `variable, level, n, of, value`.

    For a level (`gender/female`) `value` is the share n of `of`; those without an answer are in `of`, and in
    the level `missing`. Step: of those with a recorded step. For `age` and for `sessions` by step `value` is the
    mean, SD or range, `n` the cases with a value and `of` the patients concerned. NaN where there is nobody. Raises
    InputError for a cohort without the columns or with what they cannot hold.
    """
    expect(cohort, [*DESCRIBED, "age", "step", "sessions"])
    sample = who_answered(cohort)
    rows = []
    for variable in DESCRIBED:
        # a text of more than 60 letters is somebody's note, and no name of a problem
        codes = sample[variable].map(lambda text: snake_case(text) if len(text) <= 60 else "other", na_action="ignore")
        counts = codes.astype("str").fillna("missing").value_counts()
        rows += [(variable, level, n, len(sample), n / len(sample)) for level, n in counts.items()]
    age = sample["age"].astype(float)
    rows += [("age", name, age.count(), len(sample), age.agg(how) if age.count() else np.nan)
             for name, how in (("mean", "mean"), ("sd", "std"), ("min", "min"), ("max", "max"))]
    with_step = int(sample["step"].notna().sum())
    for step in ("step2", "step3"):
        members = in_step(sample, step)
        sessions = members["sessions"].astype(float)
        rows.append(("step", step, len(members), with_step, len(members) / with_step if with_step else np.nan))
        rows.append(("sessions", step, sessions.count(), len(members), sessions.mean()))
    return pd.DataFrame(rows, columns=["variable", "level", "n", "of", "value"])


def sample_holds(sample: pd.DataFrame) -> Holds:
    """What a table of `sample_characteristics` holds, row by row."""
    expect_columns(sample, ["variable", "level"], "sample")
    n, of, of_value = [], [], []
    for variable, level in zip(sample["variable"], sample["level"], strict=True):
        n.append(f"sample/{variable}/{'n' if variable == 'age' else level}")
        of.append({"step": "sample/step/total", "sessions": f"sample/step/{level}"}.get(
            variable, "response/either_follow_up"))
        of_numbers = {"age": {"mean": "mean", "sd": "sd"}.get(level, "range"), "sessions": "mean"}
        of_value.append(of_numbers.get(variable, "share"))
    return Holds("Those who answered at least once", {"n": n, "of": of}, statistics={"value": of_value},
                 words=("variable", "level"))


def snake_case(text: str) -> str:
    """A text as a code: `Mixed anxiety and depression` is `mixed_anxiety_and_depression`."""
    return re.sub(r"\W+", "_", text.strip().lower()).strip("_")
