"""The synthetic cohort as Talking Therapies tables: what was written is read back, referral by referral.

Oracle: the cohort; first and last scores and sessions are found with plain pandas, not by `cohort/contacts.py`.
"""

import nhs_number
import pandas as pd
import pytest

from durability_utils.cohort.tables import read_tables
from durability_utils.study.column_maps import code_lists
from durability_utils.study.columns import FOLLOW_UP_DATA
from durability_utils.synthetic.cohort import study_cohort
from durability_utils.synthetic.tables import LOCAL, MI_ITEMS, RE_REFERRED, TOOLS, write_tables

FORMS = ("as_submitted", "as_returned")
SCORES = [f"{name}_{time}" for name in ("phq9", "gad7", "adsm") for time in ("baseline", "end")]


@pytest.fixture(scope="module", params=[(service, form) for service in "BD" for form in FORMS], ids="-".join)
def written(request, tmp_path_factory):
    """The cohort of a service by ServiceRequestId, and what is read from its tables; their folder."""
    service, form = request.param
    folder = tmp_path_factory.mktemp(f"{service}_{form}")
    cohort = study_cohort()
    cohort = cohort[cohort["service"] == service]
    write_tables(cohort, folder, form=form)
    read = read_tables(folder)
    first = read.patients.sort_values("ReferralRequestReceivedDate").drop_duplicates("LocalPatientId")
    ids = first.set_index("LocalPatientId")["ServiceRequestId"]
    return cohort.set_index(cohort["patient_id"].map(ids).rename("ServiceRequestId")).sort_index(), read, folder


def beside(folder, name, key) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", index_col=key, dtype=str, keep_default_na=False)


def texts(table: pd.DataFrame) -> pd.DataFrame:
    """As a CSV has them: empty where missing."""
    return table.apply(lambda column: (column.dt.strftime("%Y-%m-%d") if column.dtype.kind == "M" else column).astype(
        "str").fillna("").str.removesuffix(".0"))


def in_treatment(read) -> pd.DataFrame:
    discharged = read.patients.set_index("ServiceRequestId")["ServDischDate"]
    return read.contacts[read.contacts["Date"] <= read.contacts["ServiceRequestId"].map(discharged)]


def test_every_patient_has_attributes_and_discharge_back(written):
    cohort, read, _ = written
    patients = read.patients.set_index("ServiceRequestId").loc[cohort.index]
    lists = code_lists()
    found = pd.DataFrame({
        "patient_id": patients["LocalPatientId"], "discharge_date": patients["ServDischDate"],
        "gender": patients["Gender"].map(lists["nhs_gender"]), "age": patients["AgeAtReferral"],
        "ethnicity": patients["EthnicCategory"].map(lists["nhs_ethnic_category"])})
    pd.testing.assert_frame_equal(found, texts(cohort[list(found)]), check_names=False)


def test_first_and_last_scores_are_those_of_the_cohort(written):
    cohort, read, folder = written
    scores = in_treatment(read)
    measures = scores["CodedAssToolType"].map({code: name for name, code in TOOLS.items()})
    kinds = measures.map({"PHQ-9": "phq9", "GAD-7": "gad7"}).fillna("adsm").where(measures.notna())
    points = pd.to_numeric(scores["PersScore"])
    points = points.mask(measures == "MI", points * MI_ITEMS).round()
    scores = scores.assign(kind=kinds, points=points, measure=measures)
    scores = scores.dropna(subset="kind").sort_values("Date")
    found = {}
    for name in ("phq9", "gad7", "adsm"):
        of_kind = scores[scores["kind"] == name].groupby("ServiceRequestId")
        days = of_kind["Date"].agg(["min", "max"])
        found[f"{name}_baseline"] = of_kind["points"].first()
        found[f"{name}_end"] = of_kind["points"].last()[days["min"] < days["max"]]
    found = pd.DataFrame(found).reindex(cohort.index)
    alone = beside(folder, "end_only", "ServiceRequestId").apply(pd.to_numeric)
    assert found.loc[alone.index, alone.columns].where(alone.notna()).isna().all(axis=None)
    alone["adsm_end"] = alone["adsm_end"].mask(cohort["adsm"] == "MI", alone["adsm_end"] * MI_ITEMS).round()
    found = found.combine_first(alone)[SCORES]
    agreed = cohort["consent_upflow"] != "no"
    pd.testing.assert_frame_equal(found[agreed], cohort.loc[agreed, SCORES].astype(float), check_names=False)
    assert found.loc[~agreed, "phq9_end"].notna().all()  # so that there is something to withhold
    adsm = scores[scores["kind"] == "adsm"].drop_duplicates(["ServiceRequestId", "measure"])
    assert (cohort["adsm"].loc[adsm["ServiceRequestId"]] == adsm["measure"].to_numpy()).all() and len(adsm) > 20


@pytest.mark.parametrize("counted", ["CareContactId", "Date"])  # the NHS's treatment contacts, and days attended
def test_sessions_are_the_attended_contacts_up_to_discharge(written, counted):
    cohort, read, _ = written
    treated = in_treatment(read)
    treated = treated[treated["AttendOrDNACode"].isin(["5", "6"]) & treated["AppType"].isin(["02", "03", "05"])]
    found = treated.groupby("ServiceRequestId")[counted].nunique().reindex(cohort.index)
    told = cohort["sessions"].notna()
    assert (found[told] == cohort.loc[told, "sessions"]).all() and (found >= 2).all()


def test_the_rest_of_the_cohort_lies_beside_the_tables(written):
    cohort, read, folder = written
    assert [path.name for path in read.others] == ["end_only.csv", "local.csv", "survey.csv"]
    pd.testing.assert_frame_equal(beside(folder, "local", "ServiceRequestId"), texts(cohort[LOCAL]))
    answers = texts(cohort.set_index("patient_id")[FOLLOW_UP_DATA])
    answers = answers[(answers != "").any(axis=1)].sort_index()
    survey = beside(folder, "survey", "LocalPatientId")
    pd.testing.assert_frame_equal(survey, answers[list(survey)], check_names=False)
    assert (answers.drop(columns=list(survey)) == "").all(axis=None)


def test_later_referrals_begin_after_discharge_and_are_about_other_contacts(written):
    cohort, read, _ = written
    later = read.patients[~read.patients["ServiceRequestId"].isin(cohort.index)].set_index("LocalPatientId")
    silent = cohort[FOLLOW_UP_DATA].isna().all(axis=1)
    assert len(later) == round(RE_REFERRED * silent.sum())
    discharged = cohort.set_index("patient_id")["discharge_date"].loc[later.index]
    days = pd.to_datetime(later["ReferralRequestReceivedDate"]) - discharged
    assert days.dt.days.between(14, 420).all() and (days.dt.days < 274).any() and (later["ServDischDate"] == "").any()
    assert {"720433000"} <= {*read.contacts.loc[
        read.contacts["ServiceRequestId"].isin(later["ServiceRequestId"]), "CodedAssToolType"]}


def test_what_real_tables_have_besides_is_there_and_each_row_is_accounted_for(written):
    _, read, _ = written
    contacts = read.contacts
    for name, there in (("CodedAssToolType", ["446517006", "1065441000000103", "WSAS item 1", "473354003"]),
                        ("AppType", ["02", "03", "05", "06"]), ("AttendOrDNACode", ["2", "3", "4", "5", "6", "7"])):
        assert {*there} <= {*contacts[name]}, name
    assert (contacts.loc[contacts["AppType"] == "06", "PersScore"] == "").all()
    rows = read.refused["refused"].value_counts()
    count = read.read
    assert count["IDS101"] == len(read.patients) + rows["row"]
    assert sum(count[name] for name in ("IDS201", "IDS606", "IDS607")) == (
        len(contacts) + rows["contact"] + count["contacts_with_scores"])
    assert rows["contact"] > 100 and set(read.refused["reason"]) == {"older_version"}
    assert (contacts["LocalPatientId"] != "").all()


def test_derived_columns_of_what_comes_back_say_the_same(tmp_path):
    cohort = study_cohort().query("service == 'D' and consent_upflow != 'no'").set_index("patient_id")
    write_tables(study_cohort().query("service == 'D'"), tmp_path, form="as_returned")
    derived = read_tables(tmp_path).patients.sort_values("ReferralRequestReceivedDate")
    derived = derived.drop_duplicates("LocalPatientId").set_index("LocalPatientId").loc[cohort.index]
    told, alone = texts(cohort), cohort["phq9_baseline"].isna()  # whose only score is no last one
    assert (derived["PHQ9_FirstScore"] == told["phq9_baseline"]).all()
    assert (derived["PHQ9_LastScore"] == told["phq9_end"].mask(alone, "")).all()
    assert (derived["Age_ReferralRequest_ReceivedDate"] == told["age"]).all()
    assert {*derived["ReliableImprovement_Flag"]} == {"True", ""}


def test_identifiers_are_of_nobody_and_are_not_read(tmp_path):
    cohort = study_cohort().query("service == 'D'")
    write_tables(cohort, tmp_path)
    people = pd.concat(pd.read_csv(path, dtype=str) for path in tmp_path.rglob("IDS001*.csv"))
    numbers = people.groupby("LocalPatientId")["NHSNumber"].unique().str[0]
    assert numbers.is_unique and numbers.str.startswith("999").all() and numbers.map(nhs_number.is_valid).all()
    assert people["Postcode"].str.startswith("ZZ99 ").all()
    assert not {"NHSNumber", "PersonBirthDate", "Postcode"} & {*read_tables(tmp_path).patients}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    cohort = study_cohort().query("service == 'D'")
    first, second, other = (write_tables(cohort, tmp_path / name, seed=seed) for name, seed in
                            (("a", 1), ("b", 1), ("c", 2)))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[-3].read_bytes() != other[-3].read_bytes()  # other ids of the referrals
