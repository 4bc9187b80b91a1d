"""Names that nearly mean a column of ours, and values that nearly are its. Oracle: what a person who knows services'
exports would say of each name and its values, written down by hand."""

import numpy as np
import pandas as pd
import pytest

from durability_utils.new_study.exports import Export
from durability_utils.new_study.proposal import propose
from durability_utils.study.measures import read_measures

MEASURES = read_measures("nhs_talking_therapies")
ROWS = 60
_RNG = np.random.default_rng(9)
_REFERRED = pd.Timestamp("2016-01-04") + pd.to_timedelta(_RNG.integers(0, 90, ROWS), unit="D")
_DISCHARGED = _REFERRED + pd.to_timedelta(_RNG.integers(60, 200, ROWS), unit="D")


def _whole(least, most):
    return [str(number) for number in [*_RNG.integers(least, most + 1, ROWS - 2), least, most]]


VALUES = {
    "totals": _whole(0, 27), "anxiety": _whole(0, 21), "to 6": _whole(0, 6), "to 3": _whole(0, 3), "to 4": _whole(0, 4),
    "to 12": _whole(1, 12), "to 40": _whole(0, 40), "percent": _whole(0, 100), "sums above": _whole(5, 36),
    "changes": _whole(-9, 20), "discharged": list(_DISCHARGED.strftime("%d/%m/%Y")),
    "referred": list(_REFERRED.strftime("%d/%m/%Y")),
    "later": list((_DISCHARGED + pd.Timedelta(days=30)).strftime("%d/%m/%Y")),
    "earlier": list((_REFERRED - pd.Timedelta(days=30)).strftime("%d/%m/%Y")),
    "american": list(_DISCHARGED.strftime("%m/%d/%Y")), "yes and no": ["Y", "N"] * (ROWS // 2),
    "flags": ["True", ""] * (ROWS // 2), "steps": ["2", "3"] * (ROWS // 2), "ages": _whole(18, 80),
    "bands": _whole(1, 6), "words": ["high", "low", "mid"] * (ROWS // 3), "ids": [f"r{n}" for n in range(ROWS)],
    "rounded": [f"{n / 100:.2f}E+12" for n in range(100, 100 + ROWS)], "measures": ["OCI", "SPIN"] * (ROWS // 2),
    "end codes": ["46", "47", "50"] * (ROWS // 3), "mostly blank": [*_DISCHARGED.strftime("%d/%m/%Y")[:9], *[""] * 51],
}


def proposed(**columns):
    """What is proposed of an export with these columns beside the ids: name -> the key in VALUES."""
    values = {name: VALUES[key] for name, key in columns.items()}
    return propose(Export(pd.DataFrame({"Client": [f"p{n}" for n in range(ROWS)]} | values, dtype="str"), MEASURES))


def placed(**columns):
    return {column: guess.source for column, guess in proposed(**columns).placed.items() if column != "patient_id"}


@pytest.mark.parametrize(("name", "values", "reason"), [
    ("PHQ2_First", "to 6", "another questionnaire than PHQ-9"), ("PHQ2_First", "totals", "another questionnaire"),
    ("PHQ_First", "to 6", "suggests phq9_baseline, but nobody is above 6"),
    ("PHQ9_First", "to 6", "nobody is above 6"), ("GAD7_Last", "to 6", "nobody is above 6"),
    ("PHQ9_Last", "to 3", "no value is above 3, as in an item"), ("PHQ9_Last", "percent", "from 0 to 27"),
    ("GAD7_First", "sums above", "from 0 to 21"), ("PHQ9_First", "changes", "from 0 to 27"),
    ("number of scores", "to 12", ""), ("PHQ9 count", "to 12", "`count` in its name: no score of PHQ-9"),
    ("no of PHQ9s", "to 12", "`no of`"), ("Number of first PHQ9", "to 12", "`number`"),
    ("PHQ9 first attempted", "to 12", "`attempted`"), ("PHQ9 last attempted", "yes and no", "`attempted`"),
    ("weeks since last PHQ9", "to 12", "`since`"), ("Days between first and last PHQ9", "totals", "`days`"),
    ("PHQ9 first caseness", "to 12", "`caseness`"), ("PHQ9 last severity", "words", "`severity`"),
    ("PHQ-9 change first to last", "changes", "`change`"), ("GAD7 first item 1", "to 3", "`item`"),
    ("GAD7 last difficulty", "to 3", "`difficulty`"), ("PHQ9 first %", "totals", "`percent`"),
    ("PHQ9 last but one", "totals", "`but one`"), ("WSAS first work item", "to 12", "`work`"),
    ("WSAS first work", "to 12", "`work`"), ("PHQ-A first", "totals", "another questionnaire than PHQ-9"),
    ("PHQ15 first", "totals", "another questionnaire"), ("GAD-2 last", "to 6", "another questionnaire than GAD-7"),
    ("PHQ-9A last", "totals", "another questionnaire"), ("OCI-R first", "to 40", ""), ("SPIN-mini last", "to 12", ""),
    ("mini-SPIN last", "to 12", ""), ("IES-6 first", "to 12", "scores of one measure"),
    ("PHQ9 follow up 6 weeks", "totals", "no one time"), ("PHQ9 FU 1 month", "totals", "no one time"),
    ("PHQ9 first imputed", "totals", "`imputed`"), ("Carer PHQ9 first", "totals", "`carer`"),
    ("PHQ9 6m invited", "totals", "`invited`"), ("6m reminder date", "later", "`reminder`"),
    ("Patient phone number", "ids", "`phone`"), ("Age code", "bands", "`code`"),
    ("PHQ9 baseline and end", "totals", "no one time"), ("PHQ9 3m", "totals", "no one time"),
    ("Discharge letter sent", "later", "`letter` in its name: not discharge_date"),
    ("Date discharge letter", "later", "`letter`"), ("GP letter date", "later", ""), ("last contact date", "later", ""),
    ("Discharge planned", "discharged", "`planned`"), ("Discharge due", "discharged", "`due`"),
    ("Expected date of discharge", "discharged", "`expected`"), ("Discharge approved", "discharged", "`approved`"),
    ("Date of referral to discharge team", "earlier", "`team`"), ("Discharged by", "words", "`by`"),
    ("Discharged", "yes and no", "suggests discharge_date, but"),
    ("Discharged on", "american", "dates have the month first: export them as 2016-06-30 or 30/06/2016"),
    ("Date of consent", "earlier", "`date`"), ("Consent refused", "yes and no", "`refused`"),
    ("Sessions booked", "to 12", "`booked`"), ("Sessions offered", "to 12", "`offered`"),
    ("Sessions cancelled", "to 12", "`cancelled`"), ("Sessions DNA", "to 12", "`dna`"),
    ("Sessions DNAd", "to 12", "not sessions"), ("Missed appointments", "to 12", "`missed`"),
    ("Date of first session", "earlier", "`date`"), ("Age band", "bands", "`band`"),
    ("Age", "bands", "nobody is above 12"),
    ("Therapist gender", "words", "`therapist`"), ("Employment support offered", "yes and no", "`support`"),
    ("Therapist ID", "ids", "`therapist`"), ("CareContactID", "ids", "`contact`"),
    ("Previous referral date", "earlier", "`previous`"), ("Referral source", "words", ""),
    ("Number of referrals", "to 12", ""), ("Caseness", "flags", ""), ("Recovery", "flags", ""),
    ("ReliableImprovement", "flags", ""), ("NoChange", "flags", ""), ("ReliableDeterioration", "flags", ""),
    ("CompletedTreatment", "flags", ""), ("Recovery_Flag", "flags", ""), ("PHQ9_CasenessFirst_Flag", "flags", "")])
def test_no_place(name, values, reason):
    proposal = proposed(**{name: values})
    assert list(proposal.placed) == ["patient_id"]
    assert reason in proposal.unplaced[name]


@pytest.mark.parametrize(("name", "values", "column", "asked"), [
    ("PHQ9_FirstScore", "totals", "phq9_baseline", ""), ("GAD_LastScore", "anxiety", "gad7_end", "after a follow-up?"),
    ("GAD_FirstScore", "anxiety", "gad7_baseline", ""), ("PHQ9_LastScore", "totals", "phq9_end", "after a follow-up?"),
    ("ADSM_FirstScore", "to 40", "adsm_baseline", "of which measure"),
    ("ADSM", "measures", "adsm", ""),
    ("ADSM_LastScore", "to 40", "adsm_end", "of which measure"),
    ("TreatmentCareContact_Count", "to 12", "sessions", ""),
    ("ReferralRequestReceivedDate", "referred", "referral_date", ""),
    ("EndCode", "end codes", "end_reason", "read as in nhs_end_code"),
    ("ServDischDate", "discharged", "discharge_date", ""), ("ServiceRequestId", "ids", "referral_id", ""),
    ("Referral number", "ids", "referral_id", ""), ("Date referred", "referred", "referral_date", ""),
    ("Re-referral date", "later", "re_referred_date", ""), ("Next referral date", "later", "re_referred_date", ""),
    ("Referral closed", "discharged", "discharge_date", ""),
    ("Assessment appointments attended", "to 12", "sessions", "are these the sessions attended?"),
    ("Contacts", "to 12", "sessions", "are these the sessions attended?"),
    ("Group sessions attended", "to 12", "sessions", "`group`"), ("PHQ9 final", "totals", "phq9_end", ""),
    ("PHQ9 first therapist", "totals", "phq9_baseline", "`therapist`"),
    ("Consent to treatment", "yes and no", "consent_contact", "consent to what?"),
    ("Consent to record", "yes and no", "consent_contact", "consent to what?"),
    ("GP consent", "yes and no", "consent_contact", "consent to what?"),
    ("Consent to share with GP", "yes and no", "consent_contact", "consent to what?"),
    ("Consent to SMS", "yes and no", "consent_contact", "consent to what?"),
    ("Consent to research", "yes and no", "consent_contact", "consent to what?"),
    ("Discharged", "mostly blank", "discharge_date", "no day in 85% of the rows"),
    ("Initial step", "steps", "step", "`initial` in the name"), ("Step at referral", "steps", "step", "`referral`"),
    ("Age at discharge", "ages", "age", "`discharge`")])
def test_a_place_and_what_is_asked(name, values, column, asked):
    proposal = proposed(**{name: values})
    guess = proposal.placed[column]
    assert guess.source == name and list(proposal.placed) == ["patient_id", column]
    assert asked in "; ".join(guess.doubts) and bool(guess.doubts) == bool(asked)


@pytest.mark.parametrize(("columns", "column", "taken"), [
    ({"PHQ9 last valid": "totals", "phq9_end": "totals"}, "phq9_end", "phq9_end"),
    ({"Discharge (team North)": "later", "Discharge date": "discharged"}, "discharge_date", "Discharge date"),
    ({"Case closed": "later", "Discharged": "discharged"}, "discharge_date", "Discharged"),
    ({"Discharge letter": "later", "Discharged": "discharged"}, "discharge_date", "Discharged"),
    ({"Consent to treatment": "yes and no", "Consent": "yes and no"}, "consent_contact", "Consent"),
    ({"Consent to GP": "yes and no", "Consent to contact": "yes and no"}, "consent_contact", "Consent to contact"),
    ({"Step at referral": "steps", "Final step": "steps"}, "step", "Final step"),
    ({"Sessions booked": "to 12", "Sessions": "to 12"}, "sessions", "Sessions"),
    ({"Ethnicity group": "words", "Age band": "bands", "Age": "ages"}, "age", "Age"),
    ({"PHQ9 first therapist": "totals", "PHQ9 first": "totals"}, "phq9_baseline", "PHQ9 first"),
    ({"PathwayID": "ids", "ServiceRequestId": "ids"}, "referral_id", "ServiceRequestId"),
    ({"Referral ID": "ids"}, "referral_id", "Referral ID"),
    ({"Discharge date": "earlier", "Case closed": "discharged", "Referral date": "referred"},
     "discharge_date", "Case closed")])
def test_the_nearest_name_is_taken(columns, column, taken):
    assert placed(**columns)[column] == taken


def test_only_a_name_as_sure_makes_a_sure_one_doubtful():
    consent = proposed(**{"Consent to GP": "yes and no", "Consent to contact": "yes and no"})
    assert consent.placed["consent_contact"].doubts == ()
    assert consent.unplaced["Consent to GP"] == "Consent to contact was taken for consent_contact"
    both = proposed(**{"PHQ9 first": "totals", "PHQ9 initial": "totals"}).placed["phq9_baseline"]
    assert both.doubts == ("or is it PHQ9 initial?",)


def test_an_exact_name_whose_values_contradict_is_said_beside_the_near_one():
    proposal = proposed(phq9_end="to 3", **{"PHQ9 last": "totals", "PHQ9 6m": "totals"})
    assert proposal.placed["phq9_end"].source == "PHQ9 last"
    assert proposal.placed["phq9_end"].doubts == ("phq9_end is there too, but no value is above 3, as in an item",)
    assert "no value is above 3" in proposal.unplaced["phq9_end"]


def test_days_before_the_referral_are_no_discharge():
    proposal = proposed(Discharged="earlier", **{"Referral date": "referred"})
    assert list(proposal.placed) == ["patient_id", "referral_date"]
    assert proposal.unplaced["Discharged"] == (
        "its name suggests discharge_date, but 100% of its days lie before those of Referral date")
    proposal = proposed(discharge_date="discharged", Referred="later")  # the exact name stands
    assert "discharge_date" in proposal.placed and "lie after" in proposal.unplaced["Referred"]


def test_a_follow_up_that_is_the_last_score_is_doubted():
    doubts = proposed(PHQ9_last="totals", PHQ9_6m="totals").placed["phq9_6m"].doubts
    assert any("the same as phq9_end in 100% of the rows" in doubt for doubt in doubts)
    table = {"PHQ9_last": "totals", "PHQ9_6m": "anxiety"}
    assert proposed(**table).placed["phq9_6m"].doubts == ()


def test_rounded_ids_are_said():
    table = pd.DataFrame({"Client ID": VALUES["rounded"], "PHQ9 first": VALUES["totals"]}, dtype="str")
    proposal = propose(Export(table, MEASURES))
    assert proposal.placed["patient_id"].doubts == (
        "ids such as 4.51E+12 were rounded by Excel, and patients may share one: export them as text",)
    same = table.assign(**{"Client ID": ["4.51E+12", "4.52E+12"] * (ROWS // 2)})
    assert "rounded by Excel" in propose(Export(same, MEASURES)).unplaced["Client ID"]


def test_a_tables_extract_has_all_its_places():
    names = {"ReferralRequestReceivedDate": "referred", "ServDischDate": "discharged", "EndCode": "end codes",
             "PHQ9_FirstScore": "totals", "PHQ9_LastScore": "totals", "GAD_FirstScore": "anxiety",
             "GAD_LastScore": "anxiety", "ADSM_FirstScore": "to 40", "ADSM_LastScore": "to 40", "ADSM": "measures",
             "TreatmentCareContact_Count": "to 12", "ServiceRequestId": "ids",
             **dict.fromkeys(["Caseness", "Recovery", "ReliableImprovement", "NoChange"], "flags")}
    proposal = proposed(**names)
    assert {guess.source: column for column, guess in proposal.placed.items()} == {
        "Client": "patient_id", "ServiceRequestId": "referral_id", "ReferralRequestReceivedDate": "referral_date",
        "ServDischDate": "discharge_date", "TreatmentCareContact_Count": "sessions", "ADSM": "adsm",
        "PHQ9_FirstScore": "phq9_baseline", "GAD_FirstScore": "gad7_baseline", "ADSM_FirstScore": "adsm_baseline",
        "PHQ9_LastScore": "phq9_end", "GAD_LastScore": "gad7_end", "ADSM_LastScore": "adsm_end",
        "EndCode": "end_reason"}
    assert list(proposal.unplaced) == ["Caseness", "Recovery", "ReliableImprovement", "NoChange"]
