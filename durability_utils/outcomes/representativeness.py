"""Who answered, compared with who did not: the paper's Table 1 and its sample characteristics."""

import re
import warnings
from functools import cache
from math import lgamma

import numpy as np
import pandas as pd

from durability_utils.outcomes.proportions import TWO_SIDED
from durability_utils.outcomes.response import response_flags, who_answered
from durability_utils.outcomes.rules import in_step
from durability_utils.study.expected import expect, expect_columns, expect_one_of
from durability_utils.study.holds import Holds
from durability_utils.study.labels import label

GROUPS = ("no_consent", "consent_no_participation", "consent_and_participation")
OTHERS = {"no_consent": "those who did not consent",
          "consent_no_participation": "those who consented and did not answer"}
# higher and lower, as those who took part are said to be
DIFFERS = {"age": ("were older", "were younger"), "sessions": ("had more sessions", "had fewer sessions")} | {
    f"{code}_{what}": words for code, name in (("phq9", "PHQ-9"), ("gad7", "GAD-7")) for what, words in (
        ("baseline", (f"had a higher {name} at baseline", f"had a lower {name} at baseline")),
        ("change", (f"improved more on {name}", f"improved less on {name}")))}
HALF = 0.5  # a standard deviation that is not to be overlooked where no difference was shown
VARIABLES = ("age", "phq9_baseline", "phq9_change", "gad7_baseline", "gad7_change", "sessions")
# test: pingouin's analysis of variance, its comparison of pairs, and the name of p in the latter's table
TESTS = {"games_howell": ("welch_anova", "pairwise_gameshowell", "pval"),
         "tukey": ("anova", "pairwise_tukey", "p_tukey")}
DESCRIBED = ("gender", "ethnicity", "primary_problem", "employment_baseline", "employment_end")
COMPARED = Holds("Those who answered, compared with those who did not", {"n": "group/{variable}/{group}"},
                 statistics={column: column for column in ("mean", "sd", "letters", "p")})
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


def compare_groups(cohort: pd.DataFrame, test: str = "games_howell", few: int = 2) -> pd.DataFrame:
    """Table 1: `variable, group, n, mean, sd, letters, p`, over the available cases of each variable.

    p: Welch's ANOVA with Games-Howell, which let each group have its own spread; or, as the paper did, one-way
    ANOVA with Tukey's HSD (`tukey`), which do not. Groups that share a letter were not shown to differ at 5 %. A
    group of fewer than `few` patients, two at least, with a value is not tested and has no letter; nor is, by
    Games-Howell, one without spread.
    Letters and p are blank where fewer than two can be, or none has spread. Raises InputError for another test, and
    as `compared_variables`.
    """
    expect_one_of(test, TESTS, "test")
    values, group = compared_variables(cohort), participation(cohort)
    tables = []
    for variable in VARIABLES:
        data = pd.DataFrame({"group": group, "value": values[variable]}).dropna()
        summary = data.groupby("group", observed=False)["value"].agg(n="size", mean="mean", sd="std")
        letters, p = _letters_and_p(data, summary, test, few)
        tables.append(summary.reset_index().assign(variable=variable, letters=letters, p=p))
    return pd.concat(tables, ignore_index=True)[["variable", "group", "n", "mean", "sd", "letters", "p"]]


def _letters_and_p(data: pd.DataFrame, summary: pd.DataFrame, test: str, few: int = 2) -> tuple[list[str], float]:
    spread = summary["sd"] > 0
    testable = summary["n"] >= max(few, 2)
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


@cache
def compared_again(groups: frozenset[tuple[str, int, float, float]]) -> tuple[dict[str, str], float]:
    """Letters by group and p, as `compare_groups` by Games-Howell, of some of GROUPS by their n, mean and SD.

    The test depends on nothing else, so values with these stand in for the true ones.
    """
    summary = pd.DataFrame(groups, columns=["group", "n", "mean", "sd"]).set_index("group").reindex(GROUPS)
    values = pd.concat({of.Index: pd.Series(of.mean + of.sd * spread / spread.std(ddof=1)) for of in
                        summary.dropna().itertuples() for spread in [np.linspace(-1, 1, int(of.n))]}, names=["group"])
    letters, p = _letters_and_p(values.rename("value").reset_index("group"), summary, "games_howell")
    return dict(zip(GROUPS, letters, strict=True)), p


def first_is_a(letters: pd.Series) -> list[str]:
    """Letters renamed in the order in which they appear, so that the first group begins with `a`."""
    letters = letters.str.replace(" ", "")
    rename = {old: chr(ord("a") + position) for position, old in enumerate(dict.fromkeys("".join(letters)))}
    return ["".join(sorted(rename[letter] for letter in cell)) for cell in letters]


def effect_sizes(cohort: pd.DataFrame, few: int = 2) -> pd.DataFrame:
    """Bonett's standardised mean difference, with Hedges' small-sample correction, of participation against each other
    group, with 95 % limits, as `hedges_g` has it.

    Columns: `variable, against, n, n_against, sd, sd_against, g, low, high`. Positive: those who participated have the
    higher value. g and its limits are blank where a group has fewer than `few` patients with a value.
    """
    values, group = compared_variables(cohort), participation(cohort)
    rows = []
    for variable in VARIABLES:
        summary = values[variable].groupby(group, observed=False).agg(["count", "mean", "std"])
        joined = summary.loc[GROUPS[2]]
        for name, other in summary.loc[list(GROUPS[:2])].iterrows():
            n, sds = (int(joined["count"]), int(other["count"])), (joined["std"], other["std"])
            g = hedges_g(joined["mean"] - other["mean"], n, sds) if min(n) >= few else [np.nan] * 3
            rows.append((variable, name, *n, *sds, *g))
    return pd.DataFrame(rows, columns=["variable", "against", "n", "n_against", "sd", "sd_against", "g", "low", "high"])


def differences_in_words(table: pd.DataFrame, effects: pd.DataFrame) -> str:
    """How those who took part differ from both other groups, by how much, and what is not excluded.

    `table`, `effects`: of `compare_groups` and `effect_sizes`. To differ is to share no letter. Of the other
    comparisons it is counted where the interval of g lies within HALF on both sides. Variables without letters in the
    groups are not compared, and named. Empty where there is no comparison.
    """
    letters = table.set_index(["variable", "group"])["letters"].map(set)
    said, compared, others, excluded = [], set(), 0, 0
    for against, whom in OTHERS.items():
        rows = [row for row in effects[effects["against"] == against].itertuples()
                if letters[row.variable, GROUPS[2]] and letters[row.variable, against]]
        alike = [bool(letters[row.variable, GROUPS[2]] & letters[row.variable, against]) for row in rows]
        apart = [f"{DIFFERS[row.variable][row.g < 0]} (g {row.g:.2f}, {row.low:.2f} to {row.high:.2f})"
                 for row, same in zip(rows, alike, strict=True) if not same]
        said.append(f"{_listed(apart)} than {whom}" if apart else
                    f"{'were not shown to differ from' if rows else 'could not be compared with'} {whom}")
        compared |= {row.variable for row in rows}
        others += sum(alike)
        excluded += sum(same and max(-row.low, row.high) < HALF for row, same in zip(rows, alike, strict=True))
    if not compared:
        return ""
    not_shown = ("; where no difference was shown, half a standard deviation is excluded in "
                 f"{excluded or 'none'} of {others} comparison{'s' * (others > 1)}" if others else "")
    lacking = [label(name) for name in dict.fromkeys(effects["variable"]) if name not in compared]
    few = f"; too few have a value to compare {_listed(lacking)}" if lacking else ""
    return f"they {', and '.join(said)}{not_shown}{few}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def hedges_g(difference: float, n: tuple[int, int], sds: tuple[float, float]) -> tuple[float, float, float]:
    """Hedges' g of two groups that need not spread alike, with the ends of its 95 % interval, g -+ 1.96 SE.

    g = J * difference / s, s^2 = (SD1^2 + SD2^2) / 2, J the correction for n1 + n2 - 2 degrees of freedom, and
    SE^2 = J^2 * (g^2 * sum(SD^4 / (n - 1)) / (8 s^4) + sum(SD^2 / (n - 1)) / s^2), sums over both groups. NaN for a
    group below two, or where neither spreads. Source: Bonett (2008); Hedges (1981) for J; as
    `escalc(measure = "SMDH")` of R's metafor. Misuse: beside a g by the pooled SD, which gives the larger group's
    spread more weight; the two differ where sizes and spreads do.
    """
    variances, df = np.square(sds), np.subtract(n, 1)
    average = variances.mean()
    if min(n) < 2 or not average > 0:
        return np.nan, np.nan, np.nan
    g = _small_sample(n) * difference / np.sqrt(average)
    error = _small_sample(n) * np.sqrt(g**2 * (variances**2 / df).sum() / (8 * average**2)
                                       + (variances / df).sum() / average)
    return float(g), float(g - TWO_SIDED * error), float(g + TWO_SIDED * error)


def _small_sample(n: tuple[int, int]) -> float:
    df = sum(n) - 2
    return np.exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / np.sqrt(df / 2)


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
