"""Where a paper's printed figures contradict each other; `printed` is always what `published.read_published` gives."""

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import studentized_range

from durability_utils.analyses.published import SECTIONS, TABLES
from durability_utils.outcomes.proportions import rounded_percent

_critical = cache(studentized_range.ppf)  # it takes long, and all variables have the same groups


def printed_table(printed: dict[str, object], table: str) -> pd.DataFrame:
    """One of Tables 2 to 7 as printed: rows status at end, columns at follow-up, by their codes."""
    section = SECTIONS[TABLES[table][0]]
    codes = [figure for name, figure in printed.items() if name.startswith(f"{section}.order.")]
    places = range(1, len(codes) + 1)
    cells = [[printed[f"{section}.{table}.{row}.{column}"] for column in places] for row in places]
    return pd.DataFrame(cells, index=pd.Index(codes, name="end"), columns=pd.Index(codes, name="follow_up"))


def text_against_counts(printed: dict[str, object]) -> pd.DataFrame:
    """What the text says of Tables 2 to 7: `table, figure, counts` (n/N), `by_counts`, `in_text` (whole per cent)."""
    rows = []
    for table, (outcome, _) in TABLES.items():
        cells = printed_table(printed, table).to_numpy()
        good, none = len(cells) - 1, len(cells) - 2
        text = f"{SECTIONS[outcome]}.text_percent.{table.split('_')[0]}"
        ends = cells.sum(axis=1)
        shares = {"kept": (cells[good, good], ends[good]), "lost": (cells[good, none], ends[good]),
                  "still_none": (cells[none, none], ends[none]), "gained": (cells[none, good], ends[none]),
                  "none_at_end": (ends[none], ends.sum())}
        rows += [(table, figure, f"{n}/{of}", rounded_percent(n, of), printed[f"{text}.{figure}"])
                 for figure, (n, of) in shares.items()]
    return pd.DataFrame(rows, columns=["table", "figure", "counts", "by_counts", "in_text"])


def sums_against_sums(printed: dict[str, object]) -> pd.DataFrame:
    """Numbers that must add up: columns `what, parts, sum, printed`."""
    first, late = printed["response.first_follow_up.n"], printed["response.second_but_not_first.n"]
    either = printed["response.either_follow_up.n"]
    out = [printed[f"reliable_improvement.{reason}"]
           for reason in ("no_consent_to_upflow", "missing_phq_or_gad_at_follow_up")]
    n = {table: printed_table(printed, table).to_numpy().sum() for table in TABLES}
    problems = [figure for name, figure in printed.items() if name.startswith("sample.primary_problem_percent.")]
    rows = [
        ("participants", f"{first} + {late}", first + late, printed["sample.printed_n"]),
        ("patients in Table 2", f"{either} - {out[0]} - {out[1]}", either - sum(out), n["table2_all"]),
        ("Tables 3 and 4", f"{n['table3_step2']} + {n['table4_step3']}",
         n["table3_step2"] + n["table4_step3"], n["table2_all"]),
        ("Tables 6 and 7", f"{n['table6_step2']} + {n['table7_step3']}",
         n["table6_step2"] + n["table7_step3"], n["table5_all"]),
        ("primary problems, per cent", " + ".join(map(str, problems)), sum(problems), 100),
    ]
    return pd.DataFrame(rows, columns=["what", "parts", "sum", "printed"])


def grim(mean: str, n: int) -> bool:
    """Whether the mean of n whole numbers can be printed as `mean` (GRIM: Brown & Heathers 2017); False for n = 0."""
    decimals = len(mean.partition(".")[2])
    total = round(float(mean) * n)
    return n > 0 and any(f"{near / n:.{decimals}f}" == mean for near in (total - 1, total, total + 1))


def spread_for_letters(means: list[float], letters: list[str], sizes: list[int],
                       alpha: float = 0.05) -> tuple[float, float]:
    """The common standard deviations (lowest, highest) at which Tukey's HSD gives these letters to these means.

    In the units of the means. Pairs that share a letter must not differ at `alpha`: they bound it from below; the
    others must: they bound it from above (infinite where all share one). (NaN, NaN) where no spread does both, or a
    group has nobody. The test is Tukey-Kramer's, for groups of unequal size (Kramer 1956).
    """
    if min(sizes) == 0:
        return np.nan, np.nan
    critical = _critical(1 - alpha, len(means), sum(sizes) - len(means))
    low, high = 0.0, np.inf
    for i, j in combinations(range(len(means)), 2):
        limit = abs(means[i] - means[j]) / (critical * np.sqrt((1 / sizes[i] + 1 / sizes[j]) / 2))
        if set(letters[i]) & set(letters[j]):
            low = max(low, limit)
        else:
            high = min(high, limit)
    return (low, high) if low <= high else (np.nan, np.nan)
