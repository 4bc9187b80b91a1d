"""A one-service study made from a list of rows: what a row says is what its test is about."""

import csv
import datetime as dt
import itertools

import pytest
import yaml

from durability_utils.cohort.cleaning import clean_service
from durability_utils.runs.kernels import use_warm_kernels
from durability_utils.study.study_file import read_study

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
