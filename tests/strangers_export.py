"""An export that nobody has described: service B's synthetic cohort under a stranger's names and in its codes."""

from functools import cache

import pandas as pd

from durability_utils.cohort.cleaning import clean_service
from durability_utils.study.columns import dictionary
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.example import NAMES as NAMES
from durability_utils.synthetic.example import in_its_own_words


@cache
def cohort() -> pd.DataFrame:
    return clean_service(read_study(PROJECT / "parameters" / "durability_2016.yaml"), "B").cohort


def cohort_texts() -> pd.DataFrame:
    """The cohort as text under the canonical names, ISO dates, blanks for missing."""
    types = dictionary()["type"]
    days = {name: cohort()[name].dt.strftime("%Y-%m-%d") for name in types.index[types == "date"]}
    return cohort().assign(**days).astype("object").map(lambda cell: "" if pd.isna(cell) else f"{cell}").astype("str")


def strangers_table() -> pd.DataFrame:
    """The same in the stranger's names and codes, days first, NULL for missing."""
    return in_its_own_words(cohort()).assign(Therapist_team="North")


def write_strangers_export(path) -> None:
    """The same as text with semicolons in Windows-1252."""
    strangers_table().to_csv(path, index=False, sep=";", encoding="windows-1252")
