"""The data dictionary (`data/dictionary.csv`): the canonical columns with type, unit, range and codes."""

from functools import cache

import pandas as pd

from durability_utils.study.parameters import PROJECT

DICTIONARY_PATH = PROJECT / "data" / "dictionary.csv"


@cache
def dictionary() -> pd.DataFrame:
    """The data dictionary, one row a canonical column (the index), in the order of the cohort."""
    table = pd.read_csv(DICTIONARY_PATH, dtype=str, keep_default_na=False, index_col="column")
    return table.assign(minimum=pd.to_numeric(table["minimum"]), maximum=pd.to_numeric(table["maximum"]))


@cache
def entries() -> dict[str, dict]:
    """The same, a mapping a column: what functions look up for each column of a cohort."""
    return dictionary().to_dict("index")
