"""A small export of a service that nobody has described: names, codes and dates of its own, and the WSAS.

Patients of the synthetic service B, everyone who consented and some of the others; nobody in it exists. And a folder of
Talking Therapies tables as they come back, of a few of them.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from durability_utils.study.column_maps import code_lists
from durability_utils.synthetic.cohort import study_cohort
from durability_utils.synthetic.scores import functioning, random_generator
from durability_utils.synthetic.tables import write_tables

FILE = "riverside.csv"
NAMES = {
    "patient_id": "Client Ref", "discharge_date": "Discharged on", "consent_contact": "Happy to be contacted",
    "consent_upflow": "Happy to share data", "gender": "PersonStatedGender", "age": "Age at referral",
    "ethnicity": "Ethnic Category", "primary_problem": "Presenting complaint", "step": "Intensity",
    "sessions": "Sessions attended", "phq9_baseline": "PHQ9_Score_First", "gad7_baseline": "GAD7_Score_First",
    "phq9_end": "PHQ9_Score_Last", "gad7_end": "GAD7_Score_Last", "followup_6m_date": "FU 6mth returned",
    "phq9_6m": "FU 6mth PHQ9", "gad7_6m": "FU 6mth GAD7", "followup_12m_date": "FU 12mth returned",
    "phq9_12m": "FU 12mth PHQ9", "gad7_12m": "FU 12mth GAD7",
}
WSAS_NAMES = {"baseline": "WSAS_First", "end": "WSAS_Last", "6m": "FU 6mth WSAS", "12m": "FU 12mth WSAS"}
CODES = {"consent_contact": {"yes": "Y", "no": "N"}, "consent_upflow": {"yes": "Y", "no": "N"},
         "step": {"step2": "LI", "step3": "HI", "step2+3": "LI+HI"}}
LISTS = {"gender": "nhs_gender", "ethnicity": "nhs_ethnic_category"}
DATES = ("discharge_date", "followup_6m_date", "followup_12m_date")
OTHERS = 240  # who did not consent
FOLDER, IN_TABLES = "lakeside", 30


def in_its_own_words(cohort: pd.DataFrame) -> pd.DataFrame:
    """Canonical columns as text in the service's names and codes, days first, NULL for missing."""
    lists = {column: {meaning: code for code, meaning in code_lists()[name].items() if meaning}
             for column, name in LISTS.items()}
    texts = cohort[list(NAMES)].astype("object")
    for column, codes in (CODES | lists).items():
        texts[column] = texts[column].map(codes)
    for column in DATES:
        texts[column] = pd.to_datetime(cohort[column]).dt.strftime("%d/%m/%Y")
    texts = texts.map(lambda cell: "NULL" if pd.isna(cell) or cell == "" else f"{cell}")
    return texts.astype("str").rename(columns=NAMES)


def example_export(seed: int = 2016) -> pd.DataFrame:
    """The export as text: the columns of NAMES, the WSAS with its five items and total at each time, and a team."""
    cohort, rng = study_cohort(seed), random_generator(seed, "example")
    of_b = cohort[cohort["service"] == "B"]
    consented = of_b["consent_contact"] == "yes"
    chosen = pd.concat([of_b[consented], of_b[~consented].sample(OTHERS, random_state=rng)]).sort_index()
    table = in_its_own_words(chosen)
    works = rng.random(len(chosen)) < 0.9
    for time, name in WSAS_NAMES.items():
        items = functioning(chosen[f"phq9_{time}"].to_numpy(float, na_value=np.nan), works, rng)
        total = pd.Series(items.sum(axis=1)).mask((items == 9).any(axis=1))
        answers = {f"{name}_Q{number}": item for number, item in enumerate(items.T, start=1)}
        answers = pd.DataFrame(answers | {name: total.to_numpy()}, table.index)
        table = table.join(answers.map(lambda cell: "NULL" if pd.isna(cell) else f"{cell:g}"))
    return table.assign(Therapist_team="North")


def write_example(folder: str | Path) -> Path:
    """Write the export as text with semicolons in Windows-1252 into a folder; returns its path."""
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    example_export().to_csv(path, index=False, sep=";", encoding="windows-1252", lineterminator="\r\n")
    return path


def write_example_tables(folder: str | Path) -> list[Path]:
    """Write tables of IN_TABLES patients, of whom half consented, into FOLDER in a folder; returns their paths."""
    cohort = study_cohort()
    of_b = cohort[cohort["service"] == "B"]
    half = [of_b[of_b["consent_contact"] == answer].head(IN_TABLES // 2) for answer in ("yes", "no")]
    return write_tables(pd.concat(half), Path(folder, FOLDER), form="as_returned")
