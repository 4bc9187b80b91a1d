"""What a cohort lacks: of each column, at each time, how many patients have no value."""

import re

import pandas as pd

from durability_utils.study.columns import FOLLOW_UPS, completed, dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect, expect_columns

ANY_TIME = "any"


def missing_values(cohort: pd.DataFrame) -> pd.DataFrame:
    """How many patients lack each value: `column, time, n, missing, share`, in the order of the columns.

    `column` has `<time>` in the place of the time and `*` in that of an item's number: the items of a measure count as
    one, missing where any of them is. `time`: `baseline`, `end`, `6m`, `12m`, or ANY_TIME for a column without one.
    `n`: all; at a follow-up those who completed it; for scores of the ADSM who has one. `share`: 0 to 1, NaN of nobody.
    """
    expect_columns(cohort, [])
    if unknown := [name for name in cohort.columns if name not in dictionary().index]:
        raise InputError(f"cohort: found the column {unknown[0]}, expected those of data/dictionary.csv alone")
    expect(cohort, list(cohort.columns))
    groups: dict[tuple[str, str], list[str]] = {}
    for name in cohort.columns:
        time = dictionary().at[name, "time"]
        column = re.sub(r"_item\d+$", "_item*", name.replace(f"_{time}", "_<time>") if time else name)
        groups.setdefault((column, time or ANY_TIME), []).append(name)
    asked = {time: completed(cohort, time) for time in FOLLOW_UPS}
    everyone = pd.Series(True, cohort.index)
    rows = []
    for (column, time), names in groups.items():
        of = asked.get(time, everyone)
        of = of & cohort["adsm"].notna() if column == "adsm_<time>" else of
        rows.append((column, time, of.sum(), (of & cohort[names].isna().any(axis=1)).sum()))
    table = pd.DataFrame(rows, columns=["column", "time", "n", "missing"])
    return table.assign(share=table["missing"] / table["n"].where(table["n"] > 0))
