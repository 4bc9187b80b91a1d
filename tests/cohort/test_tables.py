"""Talking Therapies tables in a folder: tiny ones by hand, and any ones read record by record in plain Python.

Oracle: the rules of the data set as `cohort/tables.py` tells them, counted by hand, and `record_by_record`.
"""

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from conftest import write_csv
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from durability_utils.cohort.tables import CONTACT_COLUMNS, LINES_A_FILE, read_tables
from durability_utils.study.errors import InputError

PHQ9, GAD7 = "720433000", "445455005"
VALID_NHS_NUMBER = "9990000085"


def referral(number="r1", patient="p1", received="2016-01-10", discharged="2016-06-15", **more):
    return {"ServiceRequestId": number, "LocalPatientId": patient, "ReferralRequestReceivedDate": received,
            "ServDischDate": discharged, **more}


def person(patient="p1", born="1980-01-11", **more):
    return {"LocalPatientId": patient, "NHSNumber": VALID_NHS_NUMBER, "PersonBirthDate": born, "Postcode": "ZZ99 3WZ",
            "Gender": "2", **more}


def appointment(number="c1", of="r1", day="2016-02-01", attended="5", kind="03", **more):
    return {"CareContactId": number, "ServiceRequestId": of, "CareContDate": day, "PlannedCareContIndicator": "Y",
            "AttendOrDNACode": attended, "AppType": kind, **more}


def activity(number="a1", contact="c1"):
    return {"CareActId": number, "CareContactId": contact}


def score(value, of="r1", day="2016-02-01", tool=PHQ9, **more):
    return {"ServiceRequestId": of, "CodedAssToolType": tool, "PersScore": value, "AssToolCompDate": day, **more}


def of_activity(value, number="a1", tool=PHQ9):
    return {"CareActId": number, "CodedAssToolType": tool, "PersScore": value}


@pytest.fixture
def tables(tmp_path):
    """tables({file: rows}): what is read from a folder of these files."""
    def of(files):
        for name, rows in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            write_csv(tmp_path / name, rows)
        return read_tables(tmp_path)
    return of


def contacts(read) -> list[tuple]:
    return list(read.contacts.fillna("MISSING").itertuples(name=None))


def refused(read) -> list[tuple]:
    return list(read.refused.itertuples(index=False, name=None))


def test_scores_of_both_kinds_and_contacts_without_any(tables):
    read = tables({
        "IDS001MPI.csv": [person()], "IDS101Referral.csv": [referral()],
        "IDS201CareContact.csv": [appointment(), appointment("c2", day="2016-02-08", attended="3")],
        "IDS202CareActivity.csv": [activity()], "IDS606.csv": [score("20", day="2016-01-20")],
        "IDS607.csv": [of_activity("18"), of_activity("15", tool=GAD7)]})
    assert read.files == ["IDS001MPI.csv", "IDS101Referral.csv", "IDS201CareContact.csv", "IDS202CareActivity.csv",
                          "IDS606.csv", "IDS607.csv"]
    assert list(read.contacts.columns) == CONTACT_COLUMNS
    assert contacts(read) == [
        (2 * LINES_A_FILE + 3, "r1", "p1", "c2", "2016-02-08", "", "", "3", "Y", "03"),  # c1 is in its two scores
        (4 * LINES_A_FILE + 2, "r1", "p1", "", "2016-01-20", PHQ9, "20", "", "", ""),
        (5 * LINES_A_FILE + 2, "r1", "p1", "c1", "2016-02-01", PHQ9, "18", "5", "Y", "03"),
        (5 * LINES_A_FILE + 3, "r1", "p1", "c1", "2016-02-01", GAD7, "15", "5", "Y", "03")]
    assert read.patients.to_dict("records") == [{**referral(), "Gender": "2", "AgeAtReferral": "35"}]
    assert read.patients.index.tolist() == [LINES_A_FILE + 2]
    assert read.refused.empty and read.others == []
    assert read.read == {"IDS001": 1, "IDS101": 1, "IDS201": 2, "IDS202": 1, "IDS606": 1, "IDS607": 2,
                         "contacts_with_scores": 1, "older_IDS001": 0, "older_IDS202": 0}


def test_a_score_without_its_activity_or_contact_is_refused(tables):
    read = tables({
        "IDS101.csv": [referral()],
        "IDS201.csv": [appointment(), appointment("c4"), appointment("c4", day="2016-03-01")],
        "IDS202.csv": [activity(), activity("a2", "c2"), activity("a4", "c4"), activity("a5"), activity("a5", "c4")],
        "IDS607.csv": [of_activity("18"), of_activity("1", "a2"), of_activity("2", "a3"), of_activity("3", "a4"),
                       of_activity("4", "a5")]})
    # a2: no such contact; a3: no such activity; a4: two days for c4; a5: two contacts
    place = 3 * LINES_A_FILE
    assert refused(read) == [(place + line, "", "CareActId", f"a{line - 1}", "no_care_contact", "contact")
                             for line in (3, 4, 5, 6)]
    assert [row[3] for row in contacts(read)] == ["c4", "c4", "c1"]


class TestVersions:
    @pytest.mark.parametrize(("first", "second"), [
        ({"UniqueSubmissionID": "9"}, {"UniqueSubmissionID": "10"}),                       # a number, not a text
        ({"Unique_MonthID": "1395"}, {"unique_monthid": "1396"}),
        ({"ReportingPeriodEndDate": "30/11/2016"}, {"ReportingPeriodEndDate": "01/12/2016"}),
        ({"Unique_MonthID": "1395", "UniqueSubmissionID": "9"}, {"Unique_MonthID": "1396", "UniqueSubmissionID": "8"}),
        ({"Unique_MonthID": "1395", "UniqueSubmissionID": "8"}, {"Unique_MonthID": "1395", "UniqueSubmissionID": "9"}),
        ({"IsLatest_SubmissionID": "0"}, {"IsLatest_SubmissionID": "1"}),
        ({"UsePathway_Flag": ""}, {"UsePathway_Flag": "True"}),
        ({}, {}),                                                                          # by the name of the file
    ])
    def test_the_newest_counts(self, tables, first, second):
        read = tables({"a/IDS101.csv": [referral(discharged="", **first), referral("r2", **first)],
                       "b/IDS101.csv": [referral(**second)]})
        latest_only = "UsePathway_Flag" in first or "IsLatest_SubmissionID" in first
        assert read.patients["ServiceRequestId"].tolist() == ["r1"] if latest_only else ["r2", "r1"]
        assert read.patients["ServDischDate"].iloc[-1] == "2016-06-15"
        assert refused(read)[0] == (2, "p1", "ServiceRequestId", "r1", "older_version", "row")

    def test_a_higher_submission_wins_against_the_names_of_files(self, tables):
        read = tables({"b/IDS101.csv": [referral(discharged="", UniqueSubmissionID="1")],
                       "a/IDS101.csv": [referral(UniqueSubmissionID="2")]})
        assert read.patients.index.tolist() == [2]

    def test_the_ninth_month_comes_before_the_tenth(self, tables):
        read = tables({"2016-10/IDS101.csv": [referral()], "2016-9/IDS101.csv": [referral(discharged="")]})
        assert (read.files, read.patients["ServDischDate"].tolist()) == (
            ["2016-9/IDS101.csv", "2016-10/IDS101.csv"], ["2016-06-15"])

    def test_a_file_without_marks_is_judged_by_its_name(self, tables):
        read = tables({"1.csv": [referral(UsePathway_Flag="True"), referral("r2", UsePathway_Flag="")],
                       "2.csv": [referral("r3"), referral("r1", discharged="")]})
        assert read.patients.index.tolist() == [LINES_A_FILE + 2, LINES_A_FILE + 3]
        assert read.refused["place"].tolist() == [2, 3]

    def test_none_is_marked_as_the_latest(self, tables):
        read = tables({"IDS101.csv": [referral(UsePathway_Flag="")], "IDS606.csv": [score("1")]})
        assert read.patients.empty and len(read.refused) == 1
        assert [row[1:3] for row in contacts(read)] == [("r1", "")]

    def test_rows_of_one_submission_are_no_versions(self, tables):
        read = tables({"IDS101.csv": [referral(), referral(discharged="2016-06-16")],
                       "IDS606.csv": [score("12"), score("13")]})
        assert len(read.patients) == 2 and len(read.contacts) == 2 and read.refused.empty

    def test_of_each_table_by_its_own_key(self, tables):
        old = {"IDS001.csv": [person(Gender="1"), person("p2")],
               "IDS101.csv": [referral(), referral("r2", "p2")], "IDS201.csv": [appointment(), appointment("c2", "r2")],
               "IDS202.csv": [activity(), activity("a2", "c2")],
               "IDS606.csv": [score("9"), score("9", AssToolCompTime="10:00:00"), score("9", "r2")],
               "IDS607.csv": [of_activity("8"), of_activity("8", tool=GAD7), of_activity("8", "a2")]}
        new = {"IDS001.csv": [person()], "IDS101.csv": [referral()], "IDS201.csv": [appointment(day="2016-02-02")],
               "IDS202.csv": [activity()], "IDS606.csv": [score("7", AssToolCompTime="10:00:00")],
               "IDS607.csv": [of_activity("6")]}
        read = tables({f"{month}/{name}": rows for month, files in (("1", old), ("2", new))
                       for name, rows in files.items()})
        assert read.patients[["ServiceRequestId", "Gender"]].to_numpy().tolist() == [["r2", "2"], ["r1", "2"]]
        assert [row[2:4] + row[4:7] for row in contacts(read)] == [
            ("p1", "", "2016-02-01", PHQ9, "9"), ("p2", "", "2016-02-01", PHQ9, "9"),
            ("p1", "c1", "2016-02-02", GAD7, "8"),  # an old score on the new day of its contact
            ("p2", "c2", "2016-02-01", PHQ9, "8"),
            ("p1", "", "2016-02-01", PHQ9, "7"), ("p1", "c1", "2016-02-02", PHQ9, "6")]
        assert [row[2:] for row in refused(read)] == [
            ("ServiceRequestId", "r1", "older_version", "row"), ("CareContactId", "c1", "older_version", "contact"),
            ("ServiceRequestId", "r1", "older_version", "contact"),
            ("CodedAssToolType", PHQ9, "older_version", "contact")]
        assert (read.read["older_IDS001"], read.read["older_IDS202"]) == (1, 1)


class TestWhichFileIsWhich:
    def test_columns_tell_it_whatever_the_names_and_format(self, tables, tmp_path):
        pd.DataFrame([appointment()]).to_parquet(tmp_path / "x.parquet")
        pd.DataFrame([activity()]).to_excel(tmp_path / "y.xlsx", index=False)
        pd.DataFrame([of_activity("5")]).to_csv(tmp_path / "z.txt", sep="|", index=False, encoding="utf-16")
        (tmp_path / "notes.pdf").write_bytes(b"%PDF")
        (tmp_path / "~$y.xlsx").write_bytes(b"")
        upper = {name.upper(): cell for name, cell in referral().items()}
        read = tables({"extract 7.csv": [upper], "consent.csv": [{"ServiceRequestId": "r1", "consent": "Y"}]})
        assert [row[1:6] for row in contacts(read)] == [("r1", "p1", "c1", "2016-02-01", PHQ9)]
        assert {"ServiceRequestId", "ServDischDate", "AgeAtReferral"} <= {*read.patients}
        assert [path.name for path in read.others] == ["consent.csv", "notes.pdf"]

    def test_a_name_decides_where_columns_fit_two(self, tables, tmp_path):
        rows = [{**appointment(), **activity()}]
        with pytest.raises(InputError, match=r"both\.csv: its columns fit IDS201 and IDS202; expected a name that"):
            tables({"IDS101.csv": [referral()], "both.csv": rows})
        (tmp_path / "both.csv").rename(tmp_path / "IDS201 all.csv")
        assert read_tables(tmp_path).read["IDS201"] == 1

    def test_ids_of_what_comes_back(self, tables):
        read = tables({"IDS101.csv": [{"Person_ID": "P", "Unique_ServiceRequestID": "X1", "ServiceRequestId": "1",
                                       "ReferralRequestReceivedDate": "2016-01-01", "PHQ9_FirstScore": "14",
                                       "Recovery_Flag": "True", "Age_ReferralRequest_ReceivedDate": "41"}],
                       "IDS606.csv": [{"CodedAssToolType": PHQ9, "PersScore": "14", "AssToolCompDate": "2016-01-02",
                                       "UniqueServiceRequestID": "X1"}]})
        assert [row[1:3] for row in contacts(read)] == [("X1", "P")]
        assert read.patients[["ServiceRequestId", "LocalPatientId", "PHQ9_FirstScore", "Recovery_Flag",
                              "AgeAtReferral"]].to_numpy().tolist() == [["X1", "P", "14", "True", "41"]]

    def test_a_contact_is_of_nobody_where_its_referral_is_unknown_or_of_two(self, tables):
        referrals = [referral("", "p1"), referral("r2", "p2"), referral("r2", "p3"), referral("r4", "")]
        read = tables({"IDS101.csv": referrals, "IDS001.csv": [person(""), person("p1", Gender="1")],
                       "IDS606.csv": [score("1", ""), score("1", "r2"), score("1", "r3"), score("1", "r4")]})
        assert [row[2] for row in contacts(read)] == ["", "", "", ""]
        assert read.patients["Gender"].tolist() == ["1", "", "", ""]

    def test_logs_of_internet_therapy_are_contacts_attended_for_treatment(self, tables):
        log = {"ServiceRequestId": "r1", "StartDateIntEnabledTherLog": "2016-03-01"}
        read = tables({"IDS101.csv": [referral()], "IDS205.csv": [log, log | {"ServiceRequestId": "r9"}]})
        assert contacts(read) == [
            (LINES_A_FILE + 2, "r1", "p1", "IDS205 1000000002", "2016-03-01", "", "", "5", "", "02"),
            (LINES_A_FILE + 3, "r9", "", "IDS205 1000000003", "2016-03-01", "", "", "5", "", "02")]


class TestIdentifiers:
    def test_they_are_nowhere_in_what_is_read(self, tables):
        about = {"Surname": "Nightingale", "PersonFullName": "Florence Nightingale", "Email": "f.n@example.org",
                 "Postcode_District": "ZZ99", "TelephoneNumber": "01632960001"}
        read = tables({"IDS101.csv": [referral(PersonBirthDate="1980-01-11", NHSNo=VALID_NHS_NUMBER)],
                       "IDS001.csv": [person(**about)]})
        told = read.patients.to_csv() + read.contacts.to_csv() + read.refused.to_csv()
        identifying = (VALID_NHS_NUMBER, "ZZ99", "Nightingale", "example", "01632", "1980")
        assert not [text for text in identifying if text in told]
        assert list(read.patients.columns) == [*referral(), "Gender", "AgeAtReferral"]

    @pytest.mark.parametrize(("born", "received", "age"), [
        ("1980-01-10", "2016-01-10", "36"), ("1980-01-11", "2016-01-10", "35"), ("11/01/1980", "10/01/2016", "35"),
        ("1980-02-29", "2016-02-28", "35"), ("", "2016-01-10", ""), ("2017-01-01", "2016-01-10", ""),
        ("1880-01-01", "2016-01-10", ""), ("1980-01-10", "unknown", ""),
    ])
    def test_age_in_whole_years(self, tables, born, received, age):
        read = tables({"IDS101.csv": [referral(received=received)], "IDS001.csv": [person(born=born)]})
        assert read.patients["AgeAtReferral"].tolist() == [age]

    def test_what_two_rows_of_a_submission_say_differently_of_somebody_is_not_told(self, tables):
        rows = [person(EthnicCategory="A"), person(Gender="1", EthnicCategory="A")]
        read = tables({"IDS101.csv": [referral()], "IDS001.csv": rows})
        assert read.patients[["Gender", "EthnicCategory", "AgeAtReferral"]].to_numpy().tolist() == [["", "A", "35"]]

    @pytest.mark.parametrize("rows", [
        {"IDS101.csv": [referral(patient=VALID_NHS_NUMBER)]}, {"IDS101.csv": [referral(Remark="e@example.org")]},
        {"IDS101.csv": [referral()], "IDS001.csv": [person(Other="ZZ99 3WZ")]},
    ])
    def test_in_another_column_they_are_refused_without_being_shown(self, tables, rows):
        with pytest.raises(InputError, match=r"IDS\d01.csv: line 2: column '\w+' holds a") as error:
            tables(rows)
        assert not any(text in str(error.value) for text in (VALID_NHS_NUMBER, "example", "ZZ99"))


@pytest.mark.parametrize(("files", "message"), [
    ({"IDS606.csv": [score("1")], "x.csv": [{"a": "1"}]},
     r"no table of referrals: .*IDS101Referral \(ServiceRequestId, .*found IDS606.csv, x.csv"),
    ({"IDS101.csv": [{"ServiceRequestId": "r1", "LocalPatientId": "p1"}]},
     r"IDS101.csv: line 1: the column 'ReferralRequestReceivedDate' is absent; expected the columns of IDS101"),
    ({"IDS101.csv": [referral(SERVICE_REQUEST_ID="r1")]}, r"IDS101.csv: line 1: the column '\w+' is there twice"),
    ({"IDS101.csv": [referral()], "IDS001.csv": [person(ServiceRequestId="1")]},
     r"IDS001.csv: line 1: the column 'ServiceRequestId' is there; expected the columns of IDS001, or another name"),
    ({"IDS101.csv": [referral()], "IDS607.csv": [of_activity("1")]},
     r"IDS607.csv: its scores have no date of their own: expected IDS202CareActivity"),
    ({"IDS101.csv": [referral()], "IDS606.csv": [
        {"PathwayID": "1", "CodedAssToolType": PHQ9, "PersScore": "1", "AssToolCompDate": "2016-01-01"}]},
     r"IDS101, IDS606: no id in all of these tables and files; expected ServiceRequestId, or Unique_Serv.*PathwayID"),
])
def test_a_folder_that_cannot_be_used(tables, files, message):
    with pytest.raises(InputError, match=message):
        tables(files)


def test_no_folder_an_empty_one_and_a_broken_file(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read_tables(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found no file"):
        read_tables(tmp_path)
    (tmp_path / "2016-06").mkdir()
    (tmp_path / "2016-06" / "IDS101.xlsx").write_bytes(b"not a workbook")
    with pytest.raises(InputError, match=r"^2016-06/IDS101\.xlsx: not a table"):
        read_tables(tmp_path)


# -- any tables ------------------------------------------------------------------------------------

IDS_OF = {kind: st.sampled_from([f"{kind}1", f"{kind}2", ""]) for kind in "rpca"}
DAYS = st.sampled_from(["2016-02-01", "2016-02-02", ""])
ROWS = {
    "IDS101": st.builds(referral, IDS_OF["r"], IDS_OF["p"]),
    "IDS201": st.builds(appointment, IDS_OF["c"], IDS_OF["r"], DAYS),
    "IDS202": st.builds(activity, IDS_OF["a"], IDS_OF["c"]),
    "IDS606": st.builds(score, st.just("1"), IDS_OF["r"], DAYS),
    "IDS607": st.builds(of_activity, st.just("1"), IDS_OF["a"], st.sampled_from([PHQ9, GAD7])),
}
KEYS = {"IDS101": ["ServiceRequestId"], "IDS201": ["CareContactId"], "IDS202": ["CareActId"],
        "IDS606": ["ServiceRequestId", "CodedAssToolType", "AssToolCompDate"],
        "IDS607": ["CareActId", "CodedAssToolType"]}
SUBMISSION = st.fixed_dictionaries({table: st.lists(rows, min_size=table == "IDS101", max_size=4)
                                    for table, rows in ROWS.items()})


def record_by_record(months: list[dict]) -> tuple[set, set, set, int]:
    """(table, month, line) of the referrals, contacts and refused rows, and how many contacts scores stand for."""
    rows = [(table, month, line, row) for month, submission in enumerate(months)
            for table, listed in submission.items() for line, row in enumerate(listed, start=2)]
    latest = {}
    for table, month, _, row in rows:
        latest[(table, *(row[name] for name in KEYS[table]))] = month
    kept = [(table, month, line, row) for table, month, line, row in rows if row[KEYS[table][0]] == ""
            or latest[(table, *(row[name] for name in KEYS[table]))] == month]
    contact_of, about = {}, {}
    for table, _, _, row in kept:
        if table == "IDS202":
            contact_of.setdefault(row["CareActId"], set()).add(row["CareContactId"])
        if table == "IDS201":
            about.setdefault(row["CareContactId"], set()).add(tuple(row.values()))
    scored, undated = set(), set()
    for table, month, line, row in kept:
        if table == "IDS607":
            contact = contact_of.get(row["CareActId"], {""})
            contact = min(contact) if len(contact) == 1 and row["CareActId"] != "" else ""
            if contact == "" or len(about.get(contact, ())) != 1:
                undated.add((table, month, line))
            else:
                scored.add(contact)
    referrals = {place for *place, _ in map(list, kept) if place[0] == "IDS101" for place in [tuple(place)]}
    contacts = {(table, month, line) for table, month, line, row in kept if table in ("IDS606", "IDS607")
                or (table == "IDS201" and row["CareContactId"] not in scored)} - undated
    with_scores = sum(table == "IDS201" and row["CareContactId"] in scored for table, _, _, row in kept)
    older = {(table, month, line) for table, month, line, row in rows if table != "IDS202"} - {
        (table, month, line) for table, month, line, _ in kept}
    return referrals, contacts, older | undated, with_scores


@settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.too_slow])
@given(months=st.lists(SUBMISSION, min_size=1, max_size=3))
def test_of_any_tables_each_row_is_read_or_listed_once(months):
    with tempfile.TemporaryDirectory() as folder:
        for month, submission in enumerate(months):
            for table, rows in submission.items():
                frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else HEADERS[table])
                (Path(folder) / f"{month}").mkdir(exist_ok=True)
                frame.to_csv(Path(folder) / f"{month}" / f"{table}.csv", index=False)
        read = read_tables(Path(folder))

    def places(index):
        found = [(read.files[place // LINES_A_FILE], place % LINES_A_FILE) for place in index]
        return {(name[2:8], int(name[0]), line) for name, line in found}

    referrals, contacts, listed, with_scores = record_by_record(months)
    assert (places(read.patients.index), places(read.contacts.index), places(read.refused["place"])) == (
        referrals, contacts, listed)
    assert read.read["contacts_with_scores"] == with_scores
    count = read.read
    of_rows = int((read.refused["refused"] == "row").sum())
    assert count["IDS101"] == len(read.patients) + of_rows
    assert sum(count[table] for table in ("IDS201", "IDS606", "IDS607")) == (
        len(read.contacts) + len(read.refused) - of_rows + with_scores)


HEADERS = {"IDS101": list(referral()), "IDS201": list(appointment()), "IDS202": list(activity()),
           "IDS606": list(score("")), "IDS607": list(of_activity(""))}
