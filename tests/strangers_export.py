"""An export that nobody has described: service B's synthetic cohort under a stranger's names and in its codes."""

from functools import cache

import pandas as pd

from durability_utils.cohort.cleaning import clean_service
from durability_utils.study.column_maps import code_lists
from durability_utils.study.columns import dictionary
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

NAMES = {
    "patient_id": "Client Ref", "discharge_date": "Discharged on", "consent_contact": "Happy to be contacted",
    "consent_upflow": "Happy to share data", "gender": "PersonStatedGender", "age": "Age at referral",
    "ethnicity": "Ethnic Category", "primary_problem": "Presenting complaint", "step": "Intensity",
    "sessions": "Sessions attended", "phq9_baseline": "PHQ9_Score_First", "gad7_baseline": "GAD7_Score_First",
    "phq9_end": "PHQ9_Score_Last", "gad7_end": "GAD7_Score_Last", "followup_6m_date": "FU 6mth returned",
    "phq9_6m": "FU 6mth PHQ9", "gad7_6m": "FU 6mth GAD7", "followup_12m_date": "FU 12mth returned",
    "phq9_12m": "FU 12mth PHQ9", "gad7_12m": "FU 12mth GAD7",
}
CODES = {"consent_contact": {"yes": "Y", "no": "N"}, "consent_upflow": {"yes": "Y", "no": "N"},
         "step": {"step2": "LI", "step3": "HI", "step2+3": "LI+HI"}}
LISTS = {"gender": "nhs_gender", "ethnicity": "nhs_ethnic_category"}


@cache
def cohort_texts() -> pd.DataFrame:
    """The cohort as text under the canonical names, ISO dates, blanks for missing."""
    cohort = clean_service(read_study(PROJECT / "parameters" / "durability_2016.yaml"), "B").cohort
    days = {name: cohort[name].dt.strftime("%Y-%m-%d") for name in dictionary().index
            if dictionary().at[name, "type"] == "date"}
    return cohort.assign(**days).astype("object").map(lambda cell: "" if pd.isna(cell) else f"{cell}").astype("str")


def strangers_table() -> pd.DataFrame:
    """The same in the stranger's names and codes, days first, NULL for missing."""
    table = cohort_texts()[list(NAMES)]
    lists = {column: {meaning: code for code, meaning in code_lists()[name].items() if meaning}
             for column, name in LISTS.items()}
    for column, codes in (CODES | lists).items():
        table[column] = table[column].map(codes).fillna("").astype("str")
    for column in ("discharge_date", "followup_6m_date", "followup_12m_date"):
        table[column] = pd.to_datetime(table[column]).dt.strftime("%d/%m/%Y").fillna("").astype("str")
    return table.replace("", "NULL").rename(columns=NAMES).assign(Therapist_team="North")


def write_strangers_export(path) -> None:
    """The same as text with semicolons in Windows-1252."""
    strangers_table().to_csv(path, index=False, sep=";", encoding="windows-1252")
