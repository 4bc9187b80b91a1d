"""Studies and cohorts of a few patients: what a patient says is what its test is about."""

import csv
import datetime as dt
import itertools

import pandas as pd
import pytest
import yaml
from hypothesis import settings

from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.rules import carry_back, classify
from durability_utils.outcomes.transitions import path_table, six_month_table
from durability_utils.runs.kernels import use_warm_kernels
from durability_utils.study.columns import LATER_TIMES, completed, dictionary
from durability_utils.study.measures import read_measures
from durability_utils.study.parameters import PROJECT
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.cohort import study_cohort

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

# The rules of the study of 2016, and with PHQ-9 and GAD-7 for everybody.
RULES = Rules(read_measures("study_2016"), "adsm_else_gad7", carry_back=True, minimum_sessions=2)
PAIR_RULES = RULES.on_pair()
PHQ9, GAD7 = RULES.pair

# A patient with nothing wrong: discharged within the window, agreed to be contacted, answered at no follow-up.
PATIENT = {
    "discharge_date": "2016-06-15", "consent_contact": "yes", "sessions": "6",
    "phq9_baseline": "18", "gad7_baseline": "15", "phq9_end": "8", "gad7_end": "7",
}
STUDY = {
    "study": "durability_test", "title": "Durability, one service", "measures": "study_2016",
    "discharged": {"from": dt.date(2016, 6, 1), "to": dt.date(2016, 6, 30)}, "minimum_sessions": 2, "carry_back": True,
    "anxiety_measure": "adsm_else_gad7",
}


def cohort(*patients: dict) -> pd.DataFrame:
    """A cohort of canonical columns; what a patient does not say is missing."""
    rows = pd.DataFrame(list(patients)).reindex(columns=dictionary().index)
    numbers = [name for name, entry in dictionary().iterrows() if entry["type"] in ("whole_number", "score")]
    return rows.astype(dict.fromkeys(numbers, "Float64"))


def typed(people: pd.DataFrame) -> pd.DataFrame:
    """Every canonical column in the type that cleaning gives it."""
    types = {"date": "datetime64[us]", "whole_number": "Int64", "score": "Float64"}
    return people.reindex(columns=dictionary().index).astype(
        {name: types.get(kind, "str") for name, kind in dictionary()["type"].items()})


def patient(baseline=(20, 15), end=(20, 15), **more) -> dict:
    """PHQ-9 and GAD-7 at baseline and end."""
    return {"phq9_baseline": baseline[0], "gad7_baseline": baseline[1],
            "phq9_end": end[0], "gad7_end": end[1], **more}


def table_at_6_months(people: pd.DataFrame, outcome: str, rules: Rules = RULES) -> pd.DataFrame:
    """End against the 6-month follow-up, after carry back where the rules have it."""
    people = carry_back(people) if rules.carry_back else people
    return six_month_table(*(classify(people, time, rules)[outcome] for time in ("end", "6m")))


def table_of_paths(people: pd.DataFrame, outcome: str, rules: Rules = RULES) -> pd.DataFrame:
    """End, 6 and 12 months of those who completed both follow-ups."""
    both = completed(people, "6m") & completed(people, "12m")
    return path_table(*(classify(people, time, rules)[outcome] for time in LATER_TIMES), both)


def pytest_configure(config):
    """The notebooks' kernels are forked from a warm process, as those of a batch are: half the time."""
    if config.option.nbval and not config.option.numprocesses:  # several processes: in those, not in their head
        use_warm_kernels()


def study_text(**keys) -> str:
    """The text of a study file; a key given as None is left out."""
    content = {key: value for key, value in {**STUDY, **keys}.items() if value is not None}
    return yaml.safe_dump(content, sort_keys=False)


def canonical_rows(rows: list[dict]) -> list[dict]:
    """The rows with what they leave open filled in: ids p2, p3, ... after the line on which each will stand."""
    return [{"patient_id": f"p{line}", **PATIENT, **row} for line, row in enumerate(rows, start=2)]


def write_csv(path, rows: list[dict], separator=",", encoding="utf-8") -> None:
    """An export with every column that any of the rows has."""
    names = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, names, delimiter=separator, restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def make_study(tmp_path):
    """make_study(columns=None, file="a.csv", **keys): a study of service A, and where its export belongs."""
    def make(columns: str | None = None, file: str = "a.csv", **keys):
        service = {"file": file}
        if columns is not None:
            (tmp_path / "a.yaml").write_text(columns, encoding="utf-8")
            service["columns"] = "a.yaml"
        path = tmp_path / "study.yaml"
        path.write_text(study_text(services={"A": service}, **keys), encoding="utf-8")
        return read_study(path)
    return make


@pytest.fixture
def clean(make_study, tmp_path):
    """clean(rows, columns=None, **study keys): what cleaning gives for the rows, each told by what is special to it."""
    def make(rows: list[dict], columns: str | None = None, **keys):
        study = make_study(columns, **keys)
        write_csv(tmp_path / "a.csv", canonical_rows(rows))
        return clean_service(study, "A")
    return make


# The committed study of 2016: six services and their synthetic exports.
STUDY_2016 = read_study(PROJECT / "parameters" / "durability_2016.yaml")


@pytest.fixture(scope="session")
def everybody() -> pd.DataFrame:
    """Its synthetic cohort before it was written as exports; nobody changes it."""
    return study_cohort()


def texts(labels) -> list[str]:
    """What the labels of a picture say."""
    return [label.get_text() for label in labels]
