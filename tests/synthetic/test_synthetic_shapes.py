"""Every shape of a service's tables, written from the cohort and read back. Oracle: the cohort, patient by patient and
column by column; rows counted in the files by plain Python; for cohorts with dirt what was written into them.
"""

import csv
import re
import tempfile
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet
import pyreadstat
import pytest
import yaml
from conftest import study_text
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from strangers_export import cohort_texts

from durability_utils.cohort.cleaning import Cleaned, clean_service
from durability_utils.study.columns import dictionary
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.shapes import MI_ITEMS, SHAPES, Written

TYPED = ("spss_labels", "parquet", "one_row_an_item")
LONG = ("contacts", "contacts_of_referrals", "one_row_an_item")
TABLES = ("tables_as_submitted", "tables_as_returned")
# what a shape does not carry, or adds: columns -> why the cohort read back may differ there
DIFFERS = {
    **{shape: {"*_item*": "of a long export the answers are summed to a score and are no columns of the patient",
               "followup_*_date": "a contact has a day: where the cohort has scores and no day, it is that one"}
       for shape in LONG},
    **{shape: {"referral_id": "the cohort has none", "referral_date": "the cohort has none",
               "re_referred_date": "the cohort has none", "wsas_*": "the tables hold made-up scores of it"}
       for shape in TABLES}}
DIFFERS["contacts_of_referrals"] |= {name: "the cohort has none"
                                     for name in ("referral_id", "referral_date", "re_referred_date")}
# the MI as the mean of its items, and not their sum
MEANS = ("decimal_comma", *TABLES)


@cache
def sample() -> pd.DataFrame:
    """Who answered a follow-up, and of the others some."""
    texts = cohort_texts().apply(lambda column: column.str.removesuffix(".0"))
    answered = (texts[["phq9_6m", "phq9_12m"]] != "").any(axis=1)
    return pd.concat([texts[answered], texts[~answered].iloc[::9]], ignore_index=True)


def read(written: Written, folder: Path) -> Cleaned:
    (folder / "a.yaml").write_text(yaml.safe_dump(written.columns, sort_keys=False), encoding="utf-8")
    service = {**written.service, "columns": "a.yaml"}
    text = study_text(services={"A": service}, **{"discharged": None, "minimum_sessions": 0, **(written.study or {})})
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return clean_service(read_study(folder / "study.yaml"), "A")


def as_texts(cleaned: Cleaned, means: bool) -> pd.DataFrame:
    """The cohort as it was written: ISO dates, whole numbers, blanks; the MI as a sum."""
    cohort = cleaned.cohort.set_index("patient_id")
    for name in [name for name in cohort if name.startswith("adsm_") and means]:
        cohort[name] = cohort[name].mask(cohort["adsm"] == "MI", (cohort[name] * MI_ITEMS).round())
    return cohort.apply(lambda column: (column.dt.strftime("%Y-%m-%d") if column.dtype.kind == "M" else column).astype(
        "str").fillna("").str.removesuffix(".0"))


@pytest.fixture(scope="module", params=SHAPES)
def shape(request, tmp_path_factory):
    """A shape's name, its folder, what was written, and what was read of it."""
    folder = tmp_path_factory.mktemp(request.param)
    written = SHAPES[request.param](sample(), folder)
    return request.param, folder, written, read(written, folder)


def test_the_cohort_read_back_is_the_cohort(shape):
    name, _, _, cleaned = shape
    found = as_texts(cleaned, name in MEANS)
    expected = sample().set_index("patient_id")
    assert sorted(found.index) == sorted(expected.index)
    differs = [column for column in found if (found[column].loc[expected.index] != expected[column]).any()]
    assert [column for column in differs if not any(fnmatchcase(column, of) for of in DIFFERS.get(name, ()))] == []


def test_where_a_shape_may_differ_it_does(shape):
    """So that the table of what shapes cannot carry has no line too many."""
    name, _, _, cleaned = shape
    found, expected = as_texts(cleaned, name in MEANS), sample().set_index("patient_id")
    for pattern in DIFFERS.get(name, ()):
        assert any((found[column].loc[expected.index] != expected[column]).any()
                   for column in found if fnmatchcase(column, pattern)), pattern


def test_a_day_that_a_contact_adds_is_where_none_was_told(shape):
    name, _, _, cleaned = shape
    found, expected = as_texts(cleaned, name in MEANS), sample().set_index("patient_id")
    for column in ("followup_6m_date", "followup_12m_date"):
        told = expected[column] != ""
        assert (found[column].loc[expected.index][told] == expected[column][told]).all()


# -- rows, counted by hand -------------------------------------------------------------------------

def lines(path: Path, form: dict) -> int:
    """How many rows of data a file has, without this project's readers."""
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path)[form.get("sheet", openpyxl.load_workbook(path).sheetnames[0])]
        return sheet.max_row - 1
    if path.suffix == ".sav":
        return pyreadstat.read_sav(path)[1].number_rows
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_metadata(path).num_rows
    with path.open(encoding=form.get("encoding", "utf-8"), newline="") as file:
        before = form.get("data", form.get("header", 1) + 1) - 1
        return sum(bool(row) for row in list(csv.reader(file, delimiter=form.get("separator", ",")))[before:])


def paths(folder: Path, named) -> list[Path]:
    found = [named] if isinstance(named, str) else named
    return [path for name in found for path in (sorted(folder.glob(name)) if "*" in name else [folder / name])]


def rows_in_files(written: Written, folder: Path) -> dict[str, int]:
    """Rows of each kind of file, as the log of cleaning calls them."""
    form = written.columns.get("file", {})
    counts = {"rows": sum(lines(path, form) for path in paths(folder, written.service["file"]))}
    if "events" in written.columns:
        counts = {"events": counts["rows"]}
    if "contacts" in written.service:
        counts["contacts"] = sum(lines(path, {}) for path in paths(folder, written.service["contacts"]))
    for name, named in written.service.get("joined", {}).items():
        form = written.columns["joined"][name].get("file", {})
        counts[f"joined_{name}"] = sum(lines(path, form) for path in paths(folder, named))
    return counts


def refused(cleaned: Cleaned, kind: str) -> pd.DataFrame:
    found = cleaned.rejected[cleaned.rejected["refused"] == kind]
    assert not found.duplicated(["file", "row"]).any() or kind == "value"
    return found


def check_counts(written: Written, folder: Path, cleaned: Cleaned) -> None:
    log = cleaned.log.set_index("rule")["rows"]
    counts = rows_in_files(written, folder)
    assert {f"{kind}_read": log[f"{kind}_read"] for kind in counts} == {f"{kind}_read": n for kind, n in counts.items()}
    if "rows" in counts:
        assert counts["rows"] == len(cleaned.cohort) + len(refused(cleaned, "row"))
    else:  # a row of an event is in a patient's row, or listed itself
        with (folder / "redcap.csv").open(encoding="utf-8", newline="") as file:
            of_patient = [(number, row["patient_id"]) for number, row in enumerate(csv.DictReader(file), start=2)]
        known = {*cleaned.cohort["patient_id"], *refused(cleaned, "row")["patient_id"]}
        listed = {*refused(cleaned, "row")["row"]}
        assert [number for number, who in of_patient if number not in listed and who not in known] == []
    if "contacts" in counts:
        assert counts["contacts"] == log["contacts_used"] + len(refused(cleaned, "contact"))
    for name in written.service.get("joined", {}):
        with_rows = refused(cleaned, "joined")
        names = {path.name for path in paths(folder, written.service["joined"][name])}
        of_file = with_rows[with_rows["file"].isin(names)]
        assert counts[f"joined_{name}"] >= len(of_file)


def test_rows_read_are_used_or_listed(shape):
    name, folder, written, cleaned = shape
    if name in TABLES:  # a folder: see test_synthetic_tables
        pytest.skip("tables are counted in a test of their own")
    check_counts(written, folder, cleaned)
    for joined in written.service.get("joined", {}):
        assert cleaned.log.set_index("rule")["rows"][f"joined_{joined}_read"] > 0
    assert len(refused(cleaned, "joined")) == 0


# -- cohorts with dirt -----------------------------------------------------------------------------

# columns of the cells that a cohort of the property below may have spoilt, and what stands there then
DIRT = [("phq9_baseline", "33"), ("phq9_end", "7.5"), ("gad7_6m", "-9"), ("phq9_6m", "many"), ("gad7_12m", "22"),
        ("adsm_6m", "900"), ("age", "203"), ("gender", "77"), ("consent_contact", ""), ("consent_contact", "no"),
        ("phq9_6m", ""), ("gad7_12m", ""), ("adsm", ""), ("phq9_baseline", ""), ("sessions", "1")]
SCORES = ["phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end", "phq9_6m", "gad7_6m", "phq9_12m", "gad7_12m"]
ANSWERED = [number for number, text in enumerate(sample()["phq9_6m"]) if text]


@st.composite
def cohorts(draw):
    """Up to six patients, some of them there twice, some without an id, and cells that cleaning refuses."""
    rows = draw(st.lists(st.sampled_from([*ANSWERED[:12], 60, 80, 100]), min_size=1, max_size=6))
    table = sample().iloc[rows].reset_index(drop=True)
    for number, (column, text) in draw(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(DIRT)), max_size=6)):
        if number < len(table):
            table.loc[number, column] = text
    for number in draw(st.lists(st.integers(0, 5), max_size=1)):
        if number < len(table):
            table.loc[number, "patient_id"] = ""
    return table


QUICK = settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate],
                 suppress_health_check=[*HealthCheck])
THOROUGH = settings(QUICK, max_examples=10, derandomize=False)
OF_ROWS = [name for name in SHAPES if name not in TABLES]
OWN_WAY = ["files_that_overlap", "totals", "consent_apart", "qualtrics", "events_as_rows", *LONG]  # of counting rows


def every_row_and_score(name: str, table: pd.DataFrame) -> None:
    # a typed column holds no text among its numbers, labels are those of known codes, and answers stand for their total
    if name in TYPED:
        assume(not any((table[column] == text).any() for column, text in DIRT))
    with tempfile.TemporaryDirectory() as folder:
        written = SHAPES[name](table, Path(folder))
        if name in LONG:  # a file of contacts without a row is refused; a score without a day is no contact
            assume(len((Path(folder) / "scores.csv").read_text(encoding="utf-8").splitlines()) > 1)
        cleaned = read(written, Path(folder))
        check_counts(written, Path(folder), cleaned)
    # a number that somebody wrote is in the cohort as it was written, or its cell, contact or row is listed
    cohort = cleaned.cohort.set_index("patient_id")
    listed = {*zip(cleaned.rejected["patient_id"], cleaned.rejected["column"], strict=True)}
    whole = {*cleaned.rejected.loc[cleaned.rejected["refused"].isin(["row", "joined", "contact"]), "patient_id"]}
    for patient in table.to_dict("records"):
        for column in SCORES if patient["patient_id"] not in whole else ():
            told, found = patient[column], cohort.at[patient["patient_id"], column]
            # a total of which all items are there is their sum
            if told and (patient["patient_id"], column) not in listed:
                assert pd.notna(found) and (re.fullmatch(r"\d+", told) and float(told) == float(found)), column


@pytest.mark.parametrize("name", OWN_WAY)
@QUICK
@given(cohorts())
def test_rows_and_scores_of_any_cohort_are_used_or_listed(name, table):
    every_row_and_score(name, table)


@pytest.mark.slow(reason="ten cohorts in each shape")
@pytest.mark.parametrize("name", OF_ROWS)
@THOROUGH
@given(cohorts())
def test_rows_and_scores_of_many_cohorts_are_used_or_listed(name, table):
    every_row_and_score(name, table)


def test_every_text_type_of_the_dictionary_is_in_the_sample():
    """A column that no patient has would be compared in vain."""
    filled = {name for name in sample() if (sample()[name] != "").any()}
    assert filled >= {name for name in dictionary().index if not re.match("wsas|referral|re_ref|end_reason", name)}
