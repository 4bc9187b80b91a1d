"""Long exports: which contact gives which score; of a whole service: tests/new_study/test_new_study_end_to_end.py.

Oracle: docs/reference.md, section 2, counted by hand, and the same rules read row by row (`one_by_one`).
"""

import pandas as pd
import pytest
from conftest import RULES, STUDY, study_text, write_csv
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from durability_utils.cohort import cleaning
from durability_utils.cohort.cleaning import clean_service, write_cleaned
from durability_utils.cohort.contacts import CONTACT_RULES, SCORES
from durability_utils.runs.plan import input_hashes, plan
from durability_utils.study.column_maps import code_lists
from durability_utils.study.columns import FOLLOW_UPS
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import read_study

WINDOWS = {"6m": [91, 273], "12m": [274, 456]}
PATIENTS_MAP = """
columns:
  patient_id: id
  discharge_date: discharged
  consent_contact: consent
  consent_upflow: upflow
"""
CONTACTS_MAP = """
contacts:
  columns:
    patient_id: id
    date: day
    measure: {column: tool, codes: nhs_assessment_tool}
    score: score
"""
MAP = PATIENTS_MAP + CONTACTS_MAP
ADSM_MAP = PATIENTS_MAP + "  adsm: disorder\n" + CONTACTS_MAP
ATTENDED_MAP = MAP + "    attended: {column: seen, codes: nhs_attendance}\n"
P = {"id": "p", "discharged": "2016-06-15", "consent": "yes"}
# days after 15 June 2016 by hand: 14 September is 91, 15 March 2017 is 273, 16 March 274, 14 September 2017 456


def contact(day, score, tool="PHQ-9", **cells):
    return {"id": "p", "day": day, "tool": tool, "score": score, **cells}


@pytest.fixture
def long(tmp_path):
    """long(contacts, patients=[P], ...): what cleaning gives for a long export in two files, or in one."""
    def make(contacts, patients=(P,), columns=MAP, one_file=False, **keys):
        keys = {"follow_up_windows": WINDOWS, "minimum_sessions": 0, "discharged": None, **keys}
        service = {"file": "a.csv", "columns": "a.yaml"} | ({} if one_file else {"contacts": "contacts.csv"})
        (tmp_path / "a.yaml").write_text(columns, encoding="utf-8")
        (tmp_path / "study.yaml").write_text(study_text(services={"A": service}, **keys), encoding="utf-8")
        by_id = {patient["id"]: patient for patient in patients}
        write_csv(tmp_path / "a.csv", [by_id[row["id"]] | row for row in contacts] if one_file else list(patients))
        write_csv(tmp_path / "contacts.csv", contacts)
        return clean_service(read_study(tmp_path / "study.yaml"), "A")
    return make


def scores(cleaned, row=0) -> dict:
    """The scores of a patient that are there."""
    return cleaned.cohort[SCORES].iloc[row].dropna().astype(float).to_dict()


def after_discharge(cleaned) -> list[tuple]:
    """(patient_id, date, days, measure, score) of each score after discharge."""
    rows = cleaned.after_discharge.drop(columns="referral_id")
    rows = rows.assign(date=rows["date"].dt.strftime("%Y-%m-%d"))
    return list(rows.itertuples(index=False, name=None))


def refused(cleaned) -> list[tuple]:
    """(line, column, value, reason) of each refused contact."""
    listed = cleaned.rejected[cleaned.rejected["refused"] == "contact"]
    return list(listed[["row", "column", "value", "reason"]].itertuples(index=False, name=None))


def test_scores_with_a_decimal_comma(long):
    mean = "2,3333333333333335"  # 7/3, to the last digit
    contacts = [contact("2016-01-10", "20,0"), contact("2016-01-10", mean, tool="MI"), contact("2016-06-10", "8,0"),
                contact("2016-12-20", "6"), contact("2016-12-20", "9,5", tool="GAD-7")]
    patients, keys = [P | {"disorder": "MI"}], {"measures": "nhs_talking_therapies"}  # where the MI is an item mean
    cleaned = long(contacts, patients, ADSM_MAP + "  decimal: comma\n", **keys)
    assert scores(cleaned) == {"phq9_baseline": 20, "adsm_baseline": 2.3333333333333335, "phq9_end": 8, "phq9_6m": 6}
    assert [row[1:] for row in refused(cleaned)] == [("score", "9,5", "not_a_whole_number")]
    listed = refused(long(contacts, patients, ADSM_MAP, **keys))
    assert [row[2:] for row in listed] == [(score, "not_a_whole_number") for score in ("20,0", mean, "8,0", "9,5")]


def test_baseline_end_and_follow_ups(long):
    cleaned = long([
        contact("2016-06-01", "9"), contact("2016-03-01", "20"), contact("2016-06-15", "8"),  # not in order of date
        contact("2016-06-16", "7"),                                # the day after discharge
        contact("2016-09-13", "6"), contact("2016-09-14", "5"), contact("2017-03-15", "4"),    # days 90, 91, 273
        contact("2017-03-16", "3"), contact("2017-09-14", "2"), contact("2017-09-15", "1"),    # days 274, 456, 457
    ])
    assert scores(cleaned) == {"phq9_baseline": 20, "phq9_end": 8, "phq9_6m": 5, "phq9_12m": 3}
    assert refused(cleaned) == [(2, "score", "9", "between_baseline_and_end")]
    assert after_discharge(cleaned) == [
        ("p", "2016-06-16", 1, "PHQ-9", 7), ("p", "2016-09-13", 90, "PHQ-9", 6), ("p", "2016-09-14", 91, "PHQ-9", 5),
        ("p", "2017-03-15", 273, "PHQ-9", 4), ("p", "2017-03-16", 274, "PHQ-9", 3),
        ("p", "2017-09-14", 456, "PHQ-9", 2), ("p", "2017-09-15", 457, "PHQ-9", 1)]
    assert cleaned.cohort.loc[0, ["followup_6m_date", "followup_12m_date"]].astype(str).tolist() == [
        "2016-09-14", "2017-03-16"]
    log = dict(zip(cleaned.log["rule"], cleaned.log["rows"], strict=True))
    assert (log["contacts_read"], log["contacts_used"], log["contact_between_baseline_and_end"]) == (10, 9, 1)
    assert [rule for rule in log if rule.startswith("contact_")] == [f"contact_{rule}" for rule in CONTACT_RULES]


def test_of_the_scores_after_discharge_only_those_agreed_to_and_readable_are_kept(long, tmp_path):
    rows = [contact("2016-07-15", "5", id=name) for name in "pqrs"] + [contact("2016-10-15", "6", id="q"),
            contact("2016-07-16", "28"), contact("2016-07-17", "7"), contact("2016-07-17", "8"),
            contact("2016-07-18", "9", "GAD-7"), contact("2016-07-18", "30", "OCI"), contact("2016-07-19", "1", "HAI")]
    cleaned = long(rows, [P, {**P, "id": "q", "consent": "no"}, {**P, "id": "r", "discharged": ""},
                          {**P, "id": "s", "consent": "", "upflow": "no"}])
    assert after_discharge(cleaned) == [("p", "2016-07-15", 30, "PHQ-9", 5), ("p", "2016-07-18", 33, "GAD-7", 9),
                                        ("p", "2016-07-18", 33, "OCI", 30)]
    assert refused(cleaned) == [
        (3, "score", "", "no_contact_consent"), (5, "score", "", "no_contact_consent"),
        (7, "score", "28", "out_of_range"), (8, "score", "7", "conflicting_scores"),
        (9, "score", "8", "conflicting_scores"), (12, "measure", "HAI", "other_adsm")]
    # what q answered within a window is a value refused, and r's only score is a baseline
    assert [scores(cleaned, row) for row in range(4)] == [{}, {}, {"phq9_baseline": 5}, {}]
    write_cleaned(cleaned, tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "after_discharge.parquet"), cleaned.after_discharge)
    write_cleaned(cleaned._replace(after_discharge=None), tmp_path)  # as the export of one row a patient that it is now
    assert not (tmp_path / "after_discharge.parquet").exists()


NOW = {"measures": "nhs_talking_therapies"}
OF_THREE = [contact("2016-04-01", "30", "SPIN"), contact("2016-03-01", "40", "OCI"),
            contact("2016-05-01", "20", "OCI"), contact("2016-03-01", "20", "HAI")]
UNREADABLE = [contact("2016-03-01", "28"), contact("2016-03-01", "1e1"), contact("2016-03-01", ""), contact("", "5"),
              contact("2016-02-30", "5"), contact("2016-03-01", "5", "WSAS"), contact("2016-03-01", "5", ""),
              contact("2016-03-01", "5", id=""), contact("2016-03-01", "5", id="q"), contact("2016-03-02", "5")]


@pytest.mark.parametrize(("contacts", "patient", "keys", "found", "out"), [
    ([contact("2016-06-15", "8")], {}, {}, [{"phq9_baseline": 8}], []),  # one score is the baseline
    ([contact("2016-10-15", "8")], {}, {}, [{"phq9_6m": 8}], []),        # and after discharge none
    ([contact("2016-03-01", "2.3", "MI"), contact("2016-05-01", "0.73", "MI")],  # item means keep their decimals
     {}, NOW, [{"adsm": "MI", "adsm_baseline": 2.3, "adsm_end": 0.73}], []),
    # two scores on one day are out, and a copy counts once
    ([contact("2016-03-01", "20"), contact("2016-03-01", "21"), contact("2016-03-01", "20"),
      contact("2016-04-01", "18"), contact("2016-04-01", "18.0"), contact("2016-05-01", "9")],
     {}, {}, [{"phq9_baseline": 18, "phq9_end": 9}],
     [(2, "score", "20", "conflicting_scores"), (3, "score", "21", "conflicting_scores"),
      (4, "score", "20", "conflicting_scores"), (6, "score", "18.0", "copy_of_contact")]),
    # of OCI and HAI, on one day, the first in measures.yaml is the relevant ADSM, or that of the patients' file
    (OF_THREE, {}, {}, [{"adsm": "OCI", "adsm_baseline": 40, "adsm_end": 20}],
     [(2, "measure", "SPIN", "other_adsm"), (5, "measure", "HAI", "other_adsm")]),
    (OF_THREE, {"disorder": "spin"}, {"columns": ADSM_MAP}, [{"adsm": "SPIN", "adsm_baseline": 30}],
     [(line, "measure", name, "other_adsm") for line, name in ((3, "OCI"), (4, "OCI"), (5, "HAI"))]),
    (OF_THREE, {"disorder": ""}, {"columns": ADSM_MAP}, [{}],
     [(line, "measure", row["tool"], "other_adsm") for line, row in enumerate(OF_THREE, start=2)]),
    # without a discharge date only the baseline can be told
    *(([contact("2016-03-01", "20"), contact("2016-05-01", "9")], {"discharged": date}, {}, [{"phq9_baseline": 20}],
       [(3, "date", "2016-05-01", "no_discharge_date")]) for date in ("", "soon")),
    # what cannot be read is listed with its cell
    (UNREADABLE, {}, {}, [{"phq9_baseline": 5}], [
        (2, "score", "28", "out_of_range"), (3, "score", "1e1", "not_a_whole_number"), (4, "score", "", "no_score"),
        (5, "date", "", "no_date"), (6, "date", "2016-02-30", "impossible_date"),
        (7, "measure", "WSAS", "unknown_code"), (8, "measure", "", "no_measure"),
        (9, "patient_id", "", "no_patient_id"), (10, "patient_id", "q", "no_such_patient")]),
    *(([contact("2016-03-01", "20", id=name)], {"id": "", "discharged": ""}, {}, [],
       [(2, "patient_id", name, reason)])
      for name, reason in (("", "no_patient_id"), ("p", "no_such_patient"))),
    ([contact("x", "20"), contact("", "20")], {}, {"columns": ATTENDED_MAP}, [{}],
     [(2, "date", "x", "impossible_date"), (3, "date", "", "no_date")]),
    # contacts of a refused patient are listed without a score
    ([contact("2016-03-01", "20"), contact("2016-03-02", "99")], {"discharged": "2016-07-01"},
     {"discharged": STUDY["discharged"]}, [],
     [(2, "patient_id", "p", "patient_refused"), (3, "patient_id", "p", "patient_refused")]),
])
def test_which_contact_gives_which_score(long, contacts, patient, keys, found, out):
    cleaned = long(contacts, [P | patient], **keys)
    adsm = [dict(row.dropna()) for _, row in cleaned.cohort[["adsm"]].iterrows()]
    assert [measure | scores(cleaned, row) for row, measure in enumerate(adsm)] == found
    assert refused(cleaned) == out


def test_each_measure_has_its_own_first_last_and_follow_up_scores(long):
    cleaned = long([
        contact("2016-03-01", "20"), contact("2016-04-01", "15", "GAD-7"), contact("2016-03-08", "25", "wsas"),
        contact("2016-05-01", "10"), contact("2016-05-02", "4", "GAD-7"), contact("2016-06-14", "11", "WSAS"),
        contact("2016-10-02", "3", "GAD-7"), contact("2016-10-01", "2"), contact("2016-12-20", "8", "W S A S"),
        contact("2016-12-20", "41", "WSAS")], **NOW)
    assert scores(cleaned) == {"phq9_baseline": 20, "phq9_end": 10, "gad7_baseline": 15, "gad7_end": 4, "phq9_6m": 2,
                               "gad7_6m": 3, "wsas_baseline": 25, "wsas_end": 11, "wsas_6m": 8}
    assert pd.isna(cleaned.cohort["adsm"].iloc[0])
    assert str(cleaned.cohort["followup_6m_date"].iloc[0].date()) == "2016-10-01"  # the earliest of the three
    assert refused(cleaned) == [(11, "score", "41", "out_of_range")]
    assert sorted(cleaned.after_discharge["measure"]) == ["GAD-7", "PHQ-9", "WSAS"]


@pytest.mark.parametrize("tool", ["PHQ-9", "phq9", "PHQ 9", "Phq-9", " phq_9 ", "720433000", "720433000.0"])
def test_a_measure_however_it_is_written(long, tool):
    assert scores(long([contact("2016-03-01", " 12.0", tool)])) == {"phq9_baseline": 12}


def test_every_tool_of_the_national_list(long):
    # PDSS and PCL-5 are in the version for current data only
    for code, name in code_lists()["nhs_assessment_tool"].items():
        cleaned = long([contact("2016-03-01", "3" if name == "MI" else "12", code)], measures="nhs_talking_therapies")
        if name not in MEASURES and name not in ("PDSS", "PCL-5"):
            assert refused(cleaned) == [(2, "measure", code, "measure_not_used")]
            continue
        total = {"PHQ-9": "phq9", "GAD-7": "gad7"}.get(name, "adsm")
        assert scores(cleaned) == {f"{total}_baseline": 3 if name == "MI" else 12}
        assert total != "adsm" or list(cleaned.cohort["adsm"]) == [name]
    pdss = long([contact("2016-03-01", "12", "450326007")])
    assert refused(pdss) == [(2, "measure", "450326007", "measure_not_used")]
    assert refused(long([contact("2016-03-01", "40", "446517006")], measures="nhs_talking_therapies")) == [
        (2, "measure", "446517006", "measure_not_used")]  # the PSWQ


def test_only_booked_and_not_attended_refuses_a_score(long):
    days = [f"2016-03-{day:02}" for day in range(1, 10)]
    seen = ["3", "5", "", "6", "2", "4", "7", "05", "9"]
    cleaned = long([contact(day, str(n), seen=code) for n, (day, code) in enumerate(zip(days, seen, strict=True))],
                   columns=ATTENDED_MAP)
    assert [(line, reason) for line, _, _, reason in refused(cleaned)] == [
        (2, "not_attended"), (4, "between_baseline_and_end"), (5, "between_baseline_and_end"), (6, "not_attended"),
        (7, "not_attended"), (8, "not_attended"), (10, "unknown_code")]
    assert scores(cleaned) == {"phq9_baseline": 1, "phq9_end": 7}
    assert list(cleaned.cohort["sessions"]) == [3]  # 2, 4 and 8 March


def test_sessions_are_attended_days_up_to_discharge(long):
    rows = [contact("2016-03-01", "20", seen="5"), contact("2016-03-01", "15", "GAD-7", seen="5"),
            contact("2016-06-15", "", seen="6"), contact("2016-06-16", "3", seen="5")]
    assert list(long(rows, columns=ATTENDED_MAP).cohort["sessions"]) == [2]
    assert list(long(rows, columns=ATTENDED_MAP, minimum_sessions=3).rejected["reason"]) == [
        "too_few_sessions", *["patient_refused"] * 4]
    # where the patients' own column tells the number, nobody counts
    own = ATTENDED_MAP.replace("columns:", "columns:\n  sessions: n", 1)
    assert list(long(rows, [{**P, "n": "7"}], columns=own).cohort["sessions"]) == [7]
    # without an attendance anywhere the number is not known
    assert long([contact("2016-03-01", "20", seen="")], columns=ATTENDED_MAP).cohort["sessions"].isna().all()


def test_nothing_shows_what_a_patient_did_not_agree_to(long):
    rows = [contact("2016-03-01", "11"), contact("2016-04-01", "12"), contact("2016-05-01", "13"),
            contact("2016-10-01", "14"), contact("2016-11-01", "15"), contact("someday", "16"),
            contact("2016-05-09", "99"), contact("2016-10-09", "98")]
    treatment, follow_up = {"11", "12", "13", "99"}, {"14", "15", "98"}
    unclear = {"someday"}
    for answers, hidden in (({}, set()), ({"upflow": "no"}, treatment | unclear),
                            ({"consent": "no"}, follow_up | unclear),
                            ({"consent": "no", "upflow": "no"}, treatment | follow_up | unclear)):
        cleaned = long(rows, [{**P, "upflow": "yes", **answers}])
        shown = set(cleaned.rejected["value"]) | {f"{score:.0f}" for score in scores(cleaned).values()}
        shown |= {f"{score:.0f}" for *_, score in after_discharge(cleaned)}
        assert shown - {""} == (treatment | follow_up | unclear) - hidden, answers
        assert len(refused(cleaned)) == 4 + (answers.get("consent") == "no")  # 15 is no follow-up: a refused contact
    withheld = cleaned.rejected[cleaned.rejected["refused"] == "value"]
    assert set(withheld["column"]) == {"phq9_baseline", "phq9_end", "phq9_6m", "followup_6m_date"}
    assert set(withheld["value"]) == {""}


def test_one_file_holds_the_patients_columns_in_each_row(long):
    rows = [contact("2016-03-01", "20"), contact("2016-05-01", "9"), contact("2016-03-01", "7", id="q"),
            contact("2016-06-01", "9", id="r"), contact("2016-06-02", "8", id="r", discharged="2016-06-16")]
    patients = [P, {**P, "id": "q"}, {**P, "id": "r"}]
    cleaned = long(rows, patients, one_file=True)
    assert list(cleaned.cohort["patient_id"]) == ["p", "q"]
    assert [scores(cleaned, row) for row in (0, 1)] == [{"phq9_baseline": 20, "phq9_end": 9}, {"phq9_baseline": 7}]
    # two discharge dates of one patient: which is right, the file does not say
    assert list(cleaned.rejected[["row", "reason", "refused"]].itertuples(index=False, name=None)) == [
        (5, "conflicting_rows", "row"), (6, "conflicting_rows", "row"),
        (5, "patient_refused", "contact"), (6, "patient_refused", "contact")]
    assert (cleaned.unused, cleaned.unmatched) == ([], ["upflow"])
    # copies of a patient's row take nothing from them
    cleaned = long([contact("2016-03-01", "20")], [P, P])
    assert (scores(cleaned), list(cleaned.rejected["reason"])) == ({"phq9_baseline": 20}, ["copy"])


def test_missing_codes_and_date_styles_of_the_contacts_are_their_own(long):
    columns = MAP.replace("contacts:\n", "contacts:\n  missing: [99]\n  dates: day_first\n")
    cleaned = long([contact("01/03/2016", "99"), contact("02/03/2016", "20")], columns="missing: [p]" + columns.replace(
        "patient_id: id\n  discharge", "patient_id: {column: id}\n  discharge"), patients=[{**P, "id": "q"}])
    assert [reason for *_, reason in refused(cleaned)] == ["no_such_patient"] * 2  # p is missing in the patients' file
    cleaned = long([contact("01/03/2016", "99"), contact("02/03/2016", "20")], columns=columns)
    assert scores(cleaned) == {"phq9_baseline": 20}
    assert refused(cleaned) == [(2, "score", "", "no_score")]


def test_a_contact_neither_used_nor_listed_stops_the_service(long, monkeypatch):
    listed = cleaning._contact_list
    monkeypatch.setattr(cleaning, "_contact_list", lambda *arguments: listed(*arguments).iloc[1:])
    with pytest.raises(AssertionError, match="2 contacts read, but 1 used and 0 listed"):
        long([contact("2016-03-01", "20"), contact("2016-03-01", "28")])


@pytest.mark.parametrize(("change", "message"), [
    (("    score: score\n", ""), "a.yaml: contacts: columns: the key 'score' is missing"),
    (("    score: score", "    points: score"), "a.yaml: contacts: columns: unknown key 'points'; known keys"),
    (("    score: score", "    score: day"), "a.yaml: contacts: columns: date and score both read 'day'"),
    (("contacts:\n", "contacts:\n  codes: x\n"), "a.yaml: contacts: unknown key 'codes'"),
    (("contacts:\n", "contacts:\n  dates: american\n"), "contacts: dates: found 'american', expected iso or"),
    (("contacts:\n", "contacts:\n  file: {separator: ';;'}\n"), "a.yaml: contacts: file: separator: found ';;', "),
    (("nhs_assessment_tool", "nhs_tools"), "contacts: columns: measure: codes: found 'nhs_tools', "),
    (("  discharge_date: discharged\n", ""), "a.csv: the column map does not say where 'discharge_date' stands"),
    (("    score: score", "    score: points"), "contacts.csv: line 1: the required column 'points' is absent"),
    ((CONTACTS_MAP, ""), "a.yaml: the key 'contacts' is missing; expected how contacts.csv, which study.yaml names"),
])
def test_a_map_that_is_wrong_is_refused(long, change, message):
    with pytest.raises(InputError) as error:
        long([contact("2016-03-01", "20")], columns=MAP.replace(*change))
    assert message in str(error.value)


def test_what_else_a_long_export_needs(long):
    rows = [contact("2016-03-01", "20")]
    with pytest.raises(InputError, match=r"^study.yaml: the key 'follow_up_windows' is missing; expected .6m: "):
        long(rows, follow_up_windows=None)
    with pytest.raises(InputError, match=r"^a.yaml: contacts: file: expected only where study.yaml names a second"):
        long(rows, one_file=True, columns=PATIENTS_MAP + CONTACTS_MAP.replace(
            "  columns:", "  file: {separator: ';'}\n  columns:"))
    with pytest.raises(InputError, match=r"^contacts.csv: line 2: column 'note' holds an e-mail address"):
        long([{**rows[0], "note": "a.b@example.org"}])


def test_a_changed_contacts_file_is_another_input(long, tmp_path):
    long([contact("2016-03-01", "20")])
    study = read_study(tmp_path / "study.yaml")
    run = plan(study, tmp_path / "results", names=["01"])[0]
    before = input_hashes(run)
    (tmp_path / "contacts.csv").write_text("changed")
    assert {name for name, digest in input_hashes(run).items() if before[name] != digest} == {"contacts.csv"}


MEASURES = RULES.measures
TOTALS = {"PHQ-9": "phq9", "GAD-7": "gad7"} | dict.fromkeys(("OCI", "SPIN", "HAI", "IES-R", "MI"), "adsm")


def one_by_one(contacts, patients, silent):
    """Patient -> scores, line -> reason, the scores after discharge, and how many appointments have no score.

    A contact at a time; `silent`: the patients who did not agree to be contacted.
    """
    reasons, readable, after, appointments = {}, [], [], []
    for line, row in enumerate(contacts, start=2):
        name = row["tool"].upper()
        if not row["id"]:
            reasons[line] = "no_patient_id"
        elif row["id"] not in patients:
            reasons[line] = "no_such_patient"
        elif row["seen"] and not row["tool"] and not row["score"]:  # an appointment: it counts for sessions
            if row["day"] in ("", "x"):
                reasons[line] = "impossible_date" if row["day"] else "no_date"
            else:
                appointments.append(line)
        elif row["seen"] == "no":
            reasons[line] = "not_attended"
        elif not name or name not in MEASURES:
            reasons[line] = "unknown_code" if name else "no_measure"
        elif not row["score"]:
            reasons[line] = "no_score"
        elif row["day"] in ("", "x"):
            reasons[line] = "impossible_date" if row["day"] else "no_date"
        elif not row["score"].isdigit():
            reasons[line] = "not_a_whole_number"
        elif not MEASURES[name].minimum <= int(row["score"]) <= MEASURES[name].maximum:
            reasons[line] = "out_of_range"
        else:
            readable.append((row["id"], name, pd.Timestamp(row["day"]), int(row["score"]), line))
    given = {}
    for patient, discharged in patients.items():
        discharged = pd.Timestamp(discharged) if discharged else None
        mine = []
        for _, name, day, score, line in [entry for entry in readable if entry[0] == patient]:
            that_day = [(other[3], other[4]) for other in readable if other[:3] == (patient, name, day)]
            if len({other for other, _ in that_day}) > 1:
                reasons[line] = "conflicting_scores"
            elif min(other for _, other in that_day) < line:
                reasons[line] = "copy_of_contact"
            else:
                mine.append((name, day, score, line))
        adsms = [entry for entry in mine if TOTALS[entry[0]] == "adsm"]
        relevant = min(adsms, key=lambda entry: (entry[1], list(MEASURES).index(entry[0])))[0] if adsms else None
        given[patient] = {}
        for total in ("phq9", "gad7", "adsm"):
            own = sorted((entry for entry in mine if TOTALS[entry[0]] == total), key=lambda entry: entry[1])
            for name, day, score, line in own:
                days = (day - discharged).days if discharged else None
                earlier = [other for other in own if other[1] < day and other[0] == name]
                later = [other for other in own if other[1] > day and other[0] == name]
                window = next((time for time, (a, b) in WINDOWS.items() if days is not None and a <= days <= b), None)
                if total == "adsm" and name != relevant:
                    reasons[line] = "other_adsm"
                elif days is None or days <= 0:
                    if not earlier:
                        given[patient][f"{total}_baseline"] = score
                    elif days is None:
                        reasons[line] = "no_discharge_date"
                    elif any(other[1] <= discharged for other in later):
                        reasons[line] = "between_baseline_and_end"
                    else:
                        given[patient][f"{total}_end"] = score
                else:
                    first = window and all((other[1] - discharged).days < WINDOWS[window][0] for other in earlier)
                    if patient not in silent:
                        after.append((patient, f"{day:%Y-%m-%d}", days, name, score))
                    elif not first:
                        reasons[line] = "no_contact_consent"
                    if first:
                        given[patient][f"{total}_{window}"] = score
    return given, reasons, after, len(appointments)


DAYS = ["2016-05-01", "2016-06-14", "2016-06-15", "2016-06-16", "2016-09-13", "2016-09-14", "2017-03-15", "2017-03-16",
        "2017-09-14", "2017-09-15", "2016-12-01", "2017-06-01", "", "x"]
ROWS = st.lists(st.fixed_dictionaries({
    "id": st.sampled_from(["a", "b", "b", "c", "d", "e", ""]), "day": st.sampled_from(DAYS),
    "tool": st.sampled_from(["PHQ-9", "phq-9", "PHQ-9", "GAD-7", "OCI", "SPIN", "Zung", "", ""]),
    "score": st.sampled_from(["3", "4", "21", "22", "28", "x", "", ""]),
    "seen": st.sampled_from(["yes", "", "", "no"])}), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS)
def test_of_any_contacts_each_is_used_or_listed_as_the_rules_say(long, rows):
    patients, silent = {"a": "2016-06-15", "b": "2016-06-15", "c": "", "e": "2016-06-15"}, ["e"]
    cleaned = long(rows, [{**P, "id": name, "discharged": day, "consent": "no" if name in silent else "yes"}
                          for name, day in patients.items()], columns=MAP + "    attended: seen\n")
    given_scores, reasons, after, appointments = one_by_one(rows, patients, silent)
    assert {line: reason for line, _, _, reason in refused(cleaned)} == reasons
    assert sorted(after) == sorted(after_discharge(cleaned))
    follow_up = {name: [column for column in found if column.endswith(FOLLOW_UPS)]
                 for name, found in given_scores.items()}
    treatment = sum(len(found) - len(follow_up[name]) for name, found in given_scores.items())
    withheld = [given_scores[name].pop(column) for name in silent for column in follow_up[name]]
    assert {name: scores(cleaned, row) for row, name in enumerate(patients)} == given_scores
    assert len(rows) == len(refused(cleaned)) + treatment + len(after) + len(withheld) + appointments
