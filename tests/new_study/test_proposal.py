"""A column map guessed from an export. Oracle: the hand-written maps of the six committed exports, and the names from
which columns were renamed."""

from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import STUDY_2016
from strangers_export import NAMES, cohort_texts, strangers_table

from durability_utils.new_study.exports import Export, read_new_export
from durability_utils.new_study.proposal import propose, propose_contacts
from durability_utils.study import measures
from durability_utils.study.column_maps import normalise, read_column_map
from durability_utils.study.columns import TIMES, columns_with, from_contacts
from durability_utils.study.dictionary import DICTIONARY_PATH, dictionary
from durability_utils.study.measures import read_measures

MEASURES = read_measures("nhs_talking_therapies")
TOTALS = [f"{measure}_{time}" for measure in ("phq9", "gad7") for time in ("baseline", "end", "6m", "12m")]

# How services name PHQ-9 and GAD-7 at baseline, end, 6 and 12 months ({} is the measure), the measures, and the rest.
HABITS = {
    "score_first": ("{}_Score_First {}_Score_Last {}_Score_6M {}_Score_12M", "PHQ9 GAD7",
                    "Patient_ID FollowUp_Consent Discharge_Date Gender Sessions FU_6M_Date FU_12M_Date"),
    "times_from_1": ("{}_t1 {}_t2 {}_t3 {}_t4", "phq9 gad7", "pid consent_fu disch sex nsess date_t3 date_t4"),
    "times_from_0": ("T0_{} T1_{} T2_{} T3_{}", "PHQ9 GAD7", "StudyID ConsentFU DISCHDT SEX NSESS T2_DATE T3_DATE"),
    "bare_numbers": ("{}_1 {}_2 {}_3 {}_4", "phq gad", "id consent_contact discharged sex sessions date_3 date_4"),
    "words": ("{} first|{} last|{} 6 months|{} 12 months", "PHQ-9 GAD-7", "Client ID|Agreed to be contacted|Date of "
              "discharge|Gender|Number of sessions|Date of 6 month questionnaire|Date of 12 month questionnaire"),
    "camel_case": ("first{}Score last{}Score sixMonth{}Score twelveMonth{}Score", "Phq9 Gad7",
                   "clientId contactConsent dischargeDate gender sessionsAttended sixMonthDate twelveMonthDate"),
    "glued_camel_case": ("{}Start {}End {}FU6 {}FU12", "PHQ9 GAD7",
                         "PersonID ContactOK DischDate Sex SessionsAttended FU6Date FU12Date"),
    "baseline_total": ("baseline_{}_total end_of_treatment_{}_total followup_6mth_{}_total followup_12mth_{}_total",
                       "phq9 gad7", "patient_ref consent_to_followup date_discharged gender sessions "
                       "followup_6mth_date followup_12mth_date"),
    "pre_post_fu": ("{}_pre {}_post {}_fu1 {}_fu2", "phq9 gad7",
                    "id fu_consent discharged sex n_sessions fu1_date fu2_date"),
    "glued_pre_post": ("{}PRE {}POST {}FU6M {}FU12M", "PHQ GAD", "PID CONSFU DISCH SEX NSESS FU6M_DT FU12M_DT"),
    "brackets": ("{} (Assessment)|{} (Discharge)|{} (6mth FU)|{} (12mth FU)", "PHQ9 GAD7", "Patient Number|Consent for "
                 "follow-up|Discharged (date)|Sex|Sessions (n)|Date (6mth FU)|Date (12mth FU)"),
    "time_before": ("Initial {}|Final {}|FU1 {}|FU2 {}", "PHQ GAD", "Pseudonym|Contact consent|Discharge date|Gender|"
                    "Sessions attended|FU1 returned|FU2 returned"),
    "abbreviations": ("{}_bl {}_eot {}_m6 {}_m12", "phq9 gad7",
                      "subject_id contact_agreed disch_dt sex sess m6_date m12_date"),
    "intake_and_ordinals": ("{} at intake|{} at close|1st follow-up {}|2nd follow-up {}", "PHQ9 GAD7",
                            "Participant ID|OK to contact|Case closed|Sex|Contacts|1st follow-up date|"
                            "2nd follow-up date"),
    "months_of_the_calendar": ("{} entry|{} exit|{} December 2016|{} June 2017", "PHQ-9 GAD-7",
                               "Client no|Permission to contact|Discharge|Gender|Appointments|Returned December 2016|"
                               "Returned June 2017"),
    "weeks_and_years": ("{}.start {}.finish {}.26wks {}.1yr", "phq gad",
                        "client.key follow.up.ok closure.date gender attendances date.26wks date.1yr"),
}
OTHERS = ["patient_id", "consent_contact", "discharge_date", "gender", "sessions", "followup_6m_date",
          "followup_12m_date"]
NUMBERED = ("times_from_1", "times_from_0", "bare_numbers")


def guess(table, contacts=None, **said):
    return propose(Export(table, MEASURES, **said), contacts)


def sources(proposal):
    """Canonical column -> the export's, with every item on its own."""
    found = {}
    for column, line in proposal.placed.items():
        names = [name for name in dictionary().index if fnmatchcase(name, column)]
        found |= {name: line.source.replace("*", name.rsplit("item", 1)[-1]) for name in names}
    return found


@pytest.fixture(scope="module")
def cohort():
    return cohort_texts()


@pytest.mark.parametrize("service", list(STUDY_2016.services))
def test_the_committed_exports_are_mapped_as_by_hand(service):
    proposal = propose(read_new_export(STUDY_2016.services[service].file[0], MEASURES))
    by_hand = read_column_map(STUDY_2016.services[service].columns).columns
    assert sources(proposal) == {name: column.source for name, column in by_hand.items()}
    assert proposal.contacts is None
    found = proposal.placed
    for name in set(found) - {"age"}:  # service F has a code of its own that no row holds
        written = by_hand[name.replace("*", "1")]
        assert {*map(normalise, {*proposal.missing} | found[name].reading.missing)} == written.missing
        assert found[name].reading.dates in ("", "iso", written.dates) and proposal.dates == written.dates


@pytest.mark.parametrize("habit", HABITS)
def test_habits_of_naming(cohort, habit):
    times, measures, others = HABITS[habit]
    apart = "|" if "|" in times else " "
    names = [time.format(measure) for measure in measures.split() for time in times.split(apart)]
    columns = dict(zip([*TOTALS, *OTHERS], [*names, *others.split(apart)], strict=True))
    proposal = guess(cohort[list(columns)].rename(columns=columns).assign(Team="North"))
    assert {name: line.source for name, line in proposal.placed.items()} == columns
    assert proposal.unplaced == {"Team": ""}
    doubted = {name for name, line in proposal.placed.items() if any("numbered" in doubt for doubt in line.doubts)}
    # the follow-ups' dates show that they lie six and twelve months after discharge; nothing shows which are the others
    at_discharge = {f"{measure}_{time}" for measure in ("phq9", "gad7") for time in ("baseline", "end")}
    assert doubted == (at_discharge if habit in NUMBERED else set())


def test_a_strangers_export():
    proposal = guess(strangers_table())
    assert {name: line.source for name, line in proposal.placed.items()} == NAMES
    assert proposal.missing == ("NULL",) and proposal.dates == "day_first"
    assert proposal.placed["ethnicity"].reading.codes == "nhs_ethnic_category"
    assert proposal.placed["gender"].doubts and not proposal.placed["consent_contact"].doubts
    assert proposal.unplaced == {"Therapist_team": ""}
    assert [str(month) for month in proposal.discharged] == ["2016-06", "2016-06"]


def test_a_follow_up_at_another_time_is_doubted(cohort):
    renamed = cohort.rename(columns={"phq9_6m": "phq_fu1", "followup_6m_date": "fu1_date"})
    assert guess(renamed).placed["phq9_6m"].doubts == ()
    early = pd.to_datetime(renamed["discharge_date"]) + pd.Timedelta(days=61)
    early = early.dt.strftime("%Y-%m-%d").fillna("").where(renamed["fu1_date"] != "", "")
    doubts = guess(renamed.assign(fu1_date=early)).placed["phq9_6m"].doubts
    assert doubts == ("answered about 2 months after discharge",)


def test_two_columns_for_one_place_are_doubted_and_two_of_one_name_are_not_placed(cohort):
    proposal = guess(cohort.assign(PHQ9_assessment=cohort["phq9_baseline"]))
    assert proposal.placed["phq9_baseline"].source == "phq9_baseline"
    assert proposal.placed["phq9_baseline"].doubts == ("or is it PHQ9_assessment?",)
    assert "PHQ9_assessment" in proposal.unplaced
    twice = pd.concat([cohort[["patient_id", "age"]], cohort[["age"]].rename(columns={"age": "Age"})], axis="columns")
    proposal = guess(twice)
    assert list(proposal.placed) == ["patient_id"]
    assert proposal.unplaced == dict.fromkeys(["age", "Age"], "its name stands there twice")


def test_what_its_values_contradict_is_not_placed_nor_is_a_column_for_each_adsm(cohort):
    flags = np.where(cohort["phq9_end"] != "", "1", "0")
    proposal = guess(cohort.drop(columns="phq9_end").assign(PHQ9_last=flags, Discharged="yes"))
    assert {"phq9_end"} <= set(proposal.absent)
    assert proposal.unplaced["PHQ9_last"] == "its name suggests phq9_end, but no value is above 3, as in an item"
    assert "discharge_date" in proposal.unplaced["Discharged"]
    proposal = guess(cohort.assign(OCI_first="12", PDSS_last="3"))
    assert [name for name, against in proposal.unplaced.items() if "scores of one measure" in against] == [
        "OCI_first", "PDSS_last"]


@pytest.mark.parametrize(("template", "measure", "time"), [
    ("PHQ_FU1_Q*", "phq9", "6m"), ("phq*_12", "phq9", "12m"), ("GAD-7 question * at first follow-up", "gad7", "6m"),
    ("T2_gad7_*", "gad7", "6m")])
def test_items_are_known_by_being_all_there(cohort, template, measure, time):
    # in service C `phq9_12` is the ninth item, not the total
    items = [template.replace("*", str(item)) for item in range(1, {"phq9": 9, "gad7": 7}[measure] + 1)]
    totals = ["T0_gad7", "T1_gad7", "T2_gad7"] if "T2" in template else ["phq_6", "phq_12"]
    table = cohort[["patient_id"]].assign(**dict.fromkeys(totals, "12"), **dict.fromkeys(items, "2"))
    line = guess(table).placed[f"{measure}_{time}_item*"]
    assert (line.source, line.names) == (template, tuple(items))
    assert not any("item" in column for column in guess(table.drop(columns=items[0])).placed)


def test_items_of_baseline_are_no_totals(cohort):
    items = {f"PHQ9_{item}": "1" for item in range(1, 10)}
    proposal = guess(cohort.drop(columns=["phq9_baseline"]).assign(**items))
    assert "phq9_baseline" in proposal.absent
    assert all(proposal.unplaced[name].startswith("an item") for name in items)


def test_items_with_leading_zeros_stand_one_by_one(cohort):
    items = {f"phq9_6m_item{item}": f"FU1_PHQ_{item:02}" for item in range(1, 10)}
    proposal = guess(cohort.rename(columns=items))
    assert {name: proposal.placed[name].source for name in items} == items


def test_missing_codes_stand_where_they_are_no_value_and_one_that_may_be_a_patient_nowhere_else(cohort):
    def blank(column, code):
        return cohort[column].where(cohort[column] != "", code)
    proposal = guess(cohort.assign(phq9_6m=blank("phq9_6m", "99"), adsm_6m=blank("adsm_6m", "99"),
                                   gad7_6m=blank("gad7_6m", "-1"), age=cohort["age"].mask(cohort.index < 4, "99")))
    assert proposal.missing == ("-1",)
    assert proposal.placed["phq9_6m"].reading.missing == {"99"}
    assert proposal.placed["age"].doubts == ("99 stands there too: a value, or missing?",)
    ids = [str(number) for number in range(101, 101 + len(cohort))]
    proposal = guess(cohort.assign(patient_id=ids, phq9_6m=blank("phq9_6m", "999")))
    assert proposal.missing == () and proposal.placed["phq9_6m"].reading.missing == {"999"}


def test_labels_tell_what_short_names_do_not(cohort):
    sex = cohort["gender"].map({"female": "1", "male": "2"}).fillna("").astype("str")
    proposal = guess(cohort.rename(columns={"phq9_end": "V7"}).drop(columns="gender").assign(SEX=sex),
                     descriptions={"V7": "PHQ-9 total, last session"}, labels={"SEX": {"1": "Female", "2": "Male"}})
    assert proposal.placed["phq9_end"].source == "V7"
    gender = proposal.placed["gender"]
    assert gender.reading.codes == {"1": "female", "2": "male"} and not gender.doubts


@pytest.fixture
def declared(tmp_path, monkeypatch):
    """All measures, one only declared: measures.yaml and the data dictionary with CORE-9, its items as the PHQ-9's."""
    versions = yaml.safe_load(measures.PATH.read_text(encoding="utf-8"))
    versions["nhs_talking_therapies"]["CORE-9"] = {
        "for": "distress", "role": "functioning", "columns": "core9", "window": "past week", "items": 9,
        "item_range": [0, 4], "range": [0, 36], "scale": "sum", "confirmed": False, "source": "a test"}
    (tmp_path / "measures.yaml").write_text(yaml.safe_dump(versions, sort_keys=False), encoding="utf-8")
    rows = pd.read_csv(DICTIONARY_PATH, dtype="str", keep_default_na=False)
    likes = rows[rows["column"].str.startswith("phq9_")]
    maximum = np.where(likes["column"].str.contains("_item"), "4", "36")
    pd.concat([rows, likes.assign(column=likes["column"].str.replace("phq9", "core9"), maximum=maximum)]).to_csv(
        tmp_path / "dictionary.csv", index=False)
    monkeypatch.setattr(measures, "PATH", tmp_path / "measures.yaml")
    monkeypatch.setattr("durability_utils.study.dictionary.DICTIONARY_PATH", tmp_path / "dictionary.csv")
    cached = (dictionary, from_contacts, columns_with)
    for function in cached:
        function.cache_clear()
    yield read_measures("nhs_talking_therapies")
    monkeypatch.undo()
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize("name", ["CORE-9", "WSAS"])
@pytest.mark.parametrize("names", [
    "{}_Score_First {}_Score_Last {}_Score_6M {}_Score_12M", "T0_{} T1_{} T2_{} T3_{}", "first{} last{} FU1{} FU2{}"])
def test_a_measure_that_is_only_declared_is_found_by_its_name(cohort, declared, name, names):
    # oracle: measures.yaml and the data dictionary that the fixture wrote
    added, glued = declared[name], name.replace("-", "")
    scores = dict(zip((f"{added.columns}_{time}" for time in TIMES), names.format(*[glued] * 4).split(), strict=True))
    totals = {name: str(n * 2) for n, name in enumerate(scores.values(), start=5)}
    items = {f"{glued}_FU1_Q{n}": str(n % (added.item_range[1] + 1)) for n in range(1, added.items + 1)}
    others = cohort.loc[:, ~cohort.columns.str.startswith(f"{added.columns}_")]
    table = others.assign(**totals, **items, **{f"{added.name}-99 first": "3"})
    proposal = propose(Export(table, declared))
    found = {column: guess.source for column, guess in proposal.placed.items() if column.startswith(added.columns)}
    assert found == scores | {f"{added.columns}_6m_item*": f"{glued}_FU1_Q*"}
    assert set(proposal.placed) >= set(TOTALS)  # and the others as before


class TestLongExports:
    @pytest.fixture
    def contacts(self, cohort):
        """The first and last PHQ-9 and GAD-7 of each patient, one row each."""
        return pd.concat([
            pd.DataFrame({"Client": cohort["patient_id"], "Contact date": day, "Tool": measure.upper(),
                          "Score": cohort[f"{measure}_{time}"], "Attendance": "5"})
            for time, day in (("baseline", "2016-01-04"), ("end", "2016-05-09")) for measure in ("phq9", "gad7")
        ], ignore_index=True)

    def test_contacts_are_recognised(self, contacts):
        found = propose_contacts(Export(contacts, MEASURES))
        assert {name: line.source for name, line in found.placed.items()} == {
            "patient_id": "Client", "date": "Contact date", "measure": "Tool", "score": "Score",
            "attended": "Attendance"}
        assert found.placed["measure"].reading.codes == {"PHQ9": "PHQ-9", "GAD7": "GAD-7"}
        assert found.placed["attended"].reading.codes == "nhs_attendance"

    def test_patients_beside_their_contacts(self, contacts, cohort):
        patients = cohort[["patient_id", "discharge_date", "consent_contact", "phq9_end"]]
        proposal = guess(patients, contacts=Export(contacts, MEASURES))
        assert list(proposal.placed) == ["patient_id", "discharge_date", "consent_contact"]
        assert list(proposal.unplaced) == ["phq9_end"]  # the contacts give it
        assert "phq9_baseline" not in proposal.absent

    def test_patients_in_each_row_of_their_contacts(self, contacts, cohort):
        told = cohort[["patient_id", "discharge_date", "consent_contact", "gender"]]
        proposal = guess(contacts.merge(told, left_on="Client", right_on="patient_id").drop(columns="patient_id"))
        assert {name: line.source for name, line in proposal.placed.items()} == {
            "patient_id": "Client", "discharge_date": "discharge_date", "consent_contact": "consent_contact",
            "gender": "gender"}
        assert proposal.contacts.placed["date"].source == "Contact date" and proposal.unplaced == {}
