"""The synthetic cohort of a service as the Talking Therapies (IAPT) Data Set tables that a service holds.

IDS001, 101, 201, 202, 606 and 607, month by month as they were submitted, or one file a table as they come back. What
the data set has no place for lies beside them: consent, step and the like in `local.csv`, answers after discharge in
`survey.csv`. Identifiers are invented: test NHS numbers, postcodes of nowhere. Nobody in the tables exists.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from durability_utils.outcomes.rules import classify
from durability_utils.study.column_maps import code_lists
from durability_utils.study.columns import FOLLOW_UP_DATA, FOLLOW_UPS, TIMES
from durability_utils.synthetic.scores import RULES, functioning, random_generator

FILES = {"IDS001": "IDS001MPI", "IDS101": "IDS101Referral", "IDS201": "IDS201CareContact",
         "IDS202": "IDS202CareActivity", "IDS606": "IDS606CodedScoreAssessmentRefer",
         "IDS607": "IDS607CodedScoreAssessmentAct"}
# SNOMED codes; of IES-R and of the WSAS's items no public list prints one, so that these stand by name
TOOLS = {"PHQ-9": "720433000", "GAD-7": "445455005", "OCI": "450324005", "SPIN": "445552006", "HAI": "446793008",
         "MI": "473355002", "IES-R": "IES-R"}
OTHER_TOOLS = {"PSWQ": ("446517006", 16, 80), "PHQ-15": ("1065441000000103", 0, 30)}  # lowest and highest score
MI_ACCOMPANIED, MI_ITEMS = "473354003", 27  # the data set has the mean of the items, with two decimals, not the sum
KEYS = {"IDS001": ["LocalPatientId"], "IDS101": ["ServiceRequestId"], "IDS201": ["CareContactId"],
        "IDS202": ["CareActId"], "IDS606": ["ServiceRequestId", "CodedAssToolType", "AssToolCompDate"],
        "IDS607": ["CareActId", "CodedAssToolType"]}
LOCAL = ["consent_contact", "consent_upflow", "primary_problem", "step", "sessions", "employment_baseline",
         "employment_end", "adsm"]
IDS = {"LocalPatientId": "Person_ID", "ServiceRequestId": "Unique_ServiceRequestID",
       "CareContactId": "Unique_CareContactID", "CareActId": "Unique_CareActivityID"}
POSTCODES = ("ZZ99 3WZ", "ZZ99 3VZ", "ZZ99 3CZ")
# shares: of those who did not answer, who are referred again; of records, which a later month corrects
RE_REFERRED, CORRECTED = 0.08, 0.03
TREATED = ["02", "02", "02", "03", "05"]    # AppType of attended contacts


def write_tables(cohort: pd.DataFrame, folder: str | Path, seed: int = 2016, form: str = "as_submitted") -> list[Path]:
    """Write one service of a `study_cohort` as tables into a folder; returns their paths.

    form: `as_submitted`, a folder of tables a month, where a later month has newer versions of some records; or
    `as_returned`, a file a table with all months, marks of the newest versions, further ids, derived columns, and the
    age in place of identifiers.

    Attended contacts are as many as `sessions` says, each on another day up to discharge, all for treatment; where
    it is missing there are some all the same. Who refused the up-flow has made-up scores. A referral that has only a
    score at end has it in `end_only.csv`: among its contacts it would be the first. Some patients are referred again
    after discharge: nothing of that is in the cohort, nor are the WSAS, other tools and contacts missed.
    """
    rng = random_generator(seed, f"tables {cohort['service'].iloc[0]}")
    referrals = _referrals(cohort.reset_index(drop=True), rng)
    tables = _tables(referrals, rng)
    written = {"as_submitted": _submitted, "as_returned": _returned}[form](tables, referrals)
    paths = []
    for name, table in (written | _beside(referrals)).items():
        paths.append(Path(folder, f"{name}.csv"))
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(paths[-1], index=False, encoding="utf-8", lineterminator="\n", date_format="%Y-%m-%d")
    return paths


# -- referrals -------------------------------------------------------------------------------------

def _referrals(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The cohort's referrals, then those after discharge, one a row: as in the cohort, with what the tables add.

    That is `id`, `received`, `first` and `last` session (days), `seen` (how many), `again` (a later referral) and
    `born` (of the first referral, missing where the age is).
    """
    scored = people[people["phq9_end"].notna() & people["gad7_baseline"].notna() & people["phq9_baseline"].notna()
                    & people["gad7_end"].notna()]
    invented = ["phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end"]
    seen = people["sessions"].fillna(pd.Series(rng.integers(3, 12, len(people)))).astype(int)
    first = people.assign(seen=seen, again=False, told=people["consent_upflow"] != "no")
    silent = people[people[FOLLOW_UP_DATA].isna().all(axis=1)]  # an answer after a re-referral would be no follow-up
    later = silent.sample(frac=RE_REFERRED, random_state=rng)
    later = later.assign(seen=rng.integers(2, 7, len(later)), again=True, told=False, adsm=None)
    # after the discharge by three weeks at least, which leave room for the wait and all sessions
    later["discharge_date"] += pd.to_timedelta(67 + 7 * later["seen"] + rng.integers(13, 330, len(later)), unit="D")
    referrals = pd.concat([first, later], ignore_index=True)
    made_up = scored[invented].sample(len(referrals), replace=True, random_state=rng).set_axis(referrals.index)
    referrals[invented] = referrals[invented].where(referrals["told"], made_up)
    last = referrals["discharge_date"] - pd.to_timedelta(rng.integers(0, 7, len(referrals)), unit="D")
    begin = last - pd.to_timedelta(7 * (referrals["seen"] - 1), unit="D")
    received = begin - pd.to_timedelta(rng.integers(14, 61, len(referrals)), unit="D")
    numbers = rng.permutation(3 * len(referrals))[:len(referrals)] + 1
    is_open = referrals["again"] & (rng.random(len(referrals)) < 0.5)
    born = [day - pd.DateOffset(years=int(age)) - pd.Timedelta(int(more), "D") if pd.notna(age) else pd.NaT
            for day, age, more in zip(received, people["age"], rng.integers(0, 360, len(people)), strict=False)]
    return referrals.assign(id=[f"SR{number:06d}" for number in numbers], received=received, first=begin, last=last,
                            open=is_open, born=pd.Series(born))


# -- tables, each row with the month in which it was submitted -------------------------------------

def _tables(referrals: pd.DataFrame, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    contacts, starts = _contacts(referrals, rng)
    scores = _scores(referrals, starts, rng)
    of_activity = scores["contact"] >= 0
    day = scores["day"].mask(of_activity, contacts["CareContDate"].reindex(scores["contact"]).to_numpy())
    ids = referrals["id"].to_numpy()[scores["who"]]
    scores = scores.assign(month=day.dt.strftime("%Y-%m"), ServiceRequestId=ids)
    held = ["month", "CodedAssToolType", "PersScore"]
    of_referral = scores.loc[~of_activity, ["ServiceRequestId", *held]].assign(AssToolCompDate=day[~of_activity])
    by_activity = scores.loc[of_activity, held]
    by_activity.insert(1, "CareActId", [f"CA{contact:07d}" for contact in scores.loc[of_activity, "contact"]])
    activities = contacts.loc[contacts["AttendOrDNACode"].isin(["5", "6"]), ["month", "CareContactId"]]
    activities.insert(1, "CareActId", [f"CA{contact:07d}" for contact in activities.index])
    wrong = {"PersScore": "5"}
    return {
        "IDS001": _patients(referrals, rng), "IDS101": _monthly(referrals), "IDS202": activities,
        "IDS201": _corrected(contacts, {"AttendOrDNACode": "3", "AppType": "01"}, rng),
        "IDS606": _corrected(of_referral, wrong, rng), "IDS607": _corrected(by_activity, wrong, rng)}


def _corrected(table: pd.DataFrame, wrong: dict[str, str], rng: np.random.Generator) -> pd.DataFrame:
    """The table with some records wrong in their month and right in the next one."""
    chosen = table.sample(frac=CORRECTED, random_state=rng)
    following = (pd.PeriodIndex(chosen["month"], freq="M") + 1).strftime("%Y-%m")
    return pd.concat([table.drop(chosen.index), chosen.assign(**wrong), chosen.assign(month=following)],
                     ignore_index=True)


def _monthly(referrals: pd.DataFrame) -> pd.DataFrame:
    """IDS101: a referral in each month from its receipt to its discharge, which only the last one has."""
    begin, end = (referrals[name].dt.to_period("M") for name in ("received", "discharge_date"))
    months = (end.astype("int64") - begin.astype("int64") + 1).to_numpy()
    rows = referrals.loc[referrals.index.repeat(months)]
    month = begin.loc[rows.index] + (np.arange(len(rows)) - np.repeat(np.cumsum(months) - months, months))
    done = ((month == end.loc[rows.index]) & ~rows["open"]).to_numpy()
    return pd.DataFrame({
        "month": month.dt.strftime("%Y-%m").to_numpy(), "ServiceRequestId": rows["id"].to_numpy(),
        "LocalPatientId": rows["patient_id"].to_numpy(), "OrgIDComm": "X24",
        "ReferralRequestReceivedDate": rows["received"].to_numpy(), "SourceOfReferralIAPT": "B1",
        "EndCode": np.where(done, np.where(rows["seen"] > 3, "46", "47"), ""),
        "ServDischDate": pd.Series(rows["discharge_date"].to_numpy()).where(done)})


def _patients(referrals: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """IDS001: a patient in each month of a referral; of some the ethnic category is not known in the first."""
    people = referrals[~referrals["again"]].set_index("patient_id")
    codes = {name: {meaning: code for code, meaning in code_lists()[name].items() if meaning}
             for name in ("nhs_gender", "nhs_ethnic_category")}
    about = pd.DataFrame({
        "NHSNumber": [_test_number(number) for number in rng.permutation(len(people) * 9)[:len(people)]],
        "PersonBirthDate": people["born"], "Postcode": rng.choice(POSTCODES, len(people)),
        "Gender": people["gender"].map(codes["nhs_gender"]).fillna("X"),
        "EthnicCategory": people["ethnicity"].map(codes["nhs_ethnic_category"]).fillna("99")})
    rows = _monthly(referrals)[["month", "LocalPatientId"]].drop_duplicates().sort_values("month", ignore_index=True)
    rows = rows.join(about, on="LocalPatientId")
    twice = ~rows["LocalPatientId"].duplicated() & rows["LocalPatientId"].duplicated(keep=False)
    rows.loc[twice & (rng.random(len(rows)) < 0.2), "EthnicCategory"] = "99"
    return rows


def _test_number(number: int) -> str:
    """An NHS number of the range for tests, 999, with its check digit; every eleventh has none, then another's is."""
    while True:
        digits = f"999{number:06d}"
        check = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return f"{digits}{check % 11}"
        number += 500_000


def _contacts(referrals: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """IDS201 (index: number of the contact), and the number of each referral's first attended contact."""
    seen = referrals["seen"].to_numpy()
    starts = np.cumsum(seen) - seen
    who = np.repeat(np.arange(len(referrals)), seen)
    day = referrals["first"].to_numpy()[who] + pd.to_timedelta(7 * (np.arange(len(who)) - starts[who]), unit="D")
    attended = pd.DataFrame({
        "who": who, "CareContDate": day, "PlannedCareContIndicator": rng.choice(["Y", "N"], len(who), p=[0.96, 0.04]),
        "AttendOrDNACode": rng.choice(["5", "6"], len(who), p=[0.9, 0.1]), "AppType": rng.choice(TREATED, len(who))})
    attended.loc[starts, "AppType"] = "03"                 # the first one is an assessment, too
    missed = attended.sample(frac=0.1, random_state=rng)
    missed = missed.assign(CareContDate=missed["CareContDate"] + pd.Timedelta(2, "D"), PlannedCareContIndicator="Y",
                           AttendOrDNACode=rng.choice(["2", "3", "4", "7"], len(missed)), AppType="02")
    after = [referrals.loc[referrals[f"followup_{time}_date"].notna() & ~referrals["again"], f"followup_{time}_date"]
             for time in FOLLOW_UPS]
    after = pd.concat(after) + pd.Timedelta(7, "D")
    calls = pd.DataFrame({"who": after.index, "CareContDate": after.to_numpy(), "PlannedCareContIndicator": "Y",
                          "AttendOrDNACode": "5", "AppType": "06"})
    table = pd.concat([attended, missed, calls], ignore_index=True)
    table.insert(0, "month", table["CareContDate"].dt.strftime("%Y-%m"))
    table.insert(1, "CareContactId", [f"CC{number:07d}" for number in table.index])
    table.insert(2, "ServiceRequestId", referrals["id"].to_numpy()[table.pop("who")])
    return table, starts


def _scores(referrals: pd.DataFrame, starts: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Scores up to discharge: `who`, `CodedAssToolType`, `PersScore` (text), `day`, and `contact` (-1: of no contact).

    Baseline and end are of the first and last contact or of the referral; between them come others of contacts. A
    measure with one score has its baseline only.
    """
    parts, seen = [], referrals["seen"].to_numpy()
    starts = pd.Series(starts, referrals.index)

    def add(rows, tool, texts, day, contact):
        who = referrals.index[rows]
        parts.append(pd.DataFrame({
            "who": who, "CodedAssToolType": tool[rows] if isinstance(tool, pd.Series) else tool,
            "PersScore": texts[rows], "day": day[rows], "contact": contact[rows]}))

    def somewhere():  # of a contact or, as often, of the referral
        return rng.random(len(referrals)) < 0.5

    before = referrals["first"] - pd.to_timedelta(rng.integers(0, 4, len(referrals)), unit="D")
    ends = referrals["last"] + (referrals["discharge_date"] - referrals["last"]) * rng.integers(0, 2, len(referrals))
    for name, measure in (("phq9", "PHQ-9"), ("gad7", "GAD-7"), ("adsm", None)):
        first, last = (referrals[f"{name}_{time}"].astype(float) for time in ("baseline", "end"))
        tool = referrals["adsm"].map(TOOLS) if measure is None else pd.Series(TOOLS[measure], referrals.index)
        is_mean = tool == TOOLS["MI"]
        both = first.notna() & last.notna() & tool.notna()
        add(first.notna() & tool.notna(), tool, _written(first, is_mean), before, starts.where(somewhere(), -1))
        add(both, tool, _written(last, is_mean), ends, (starts + seen - 1).where(somewhere(), -1))
        for session in range(1, seen.max() - 1):
            share = session / (seen - 1).clip(1)
            between = (first + (last - first) * share).round()
            rows = both & (session < seen - 1) & (rng.random(len(referrals)) < 0.4)
            add(rows, tool, _written(between, is_mean), before, starts + session)
    for tool, low, high in OTHER_TOOLS.values():
        rows = pd.Series(rng.random(len(referrals)) < 0.1, referrals.index)
        add(rows, tool, pd.Series(rng.integers(low, high + 1, len(referrals)).astype(str)), before, starts * 0 - 1)
    mobility = (referrals["adsm"] == "MI").fillna(False)
    add(mobility, MI_ACCOMPANIED, pd.Series("2.15", referrals.index), before, starts)
    works, asked = rng.random(len(referrals)) < 0.9, rng.random(len(referrals)) < 0.6
    for time, contact in (("baseline", starts), ("end", starts + seen - 1)):
        items = functioning(referrals[f"phq9_{time}"].to_numpy(float, na_value=np.nan), works, rng)
        for number, item in enumerate(items.T, start=1):
            answers = pd.Series(item, referrals.index)
            add(answers.notna() & asked, f"WSAS item {number}", _written(answers, answers.isna()), before, contact)
    return pd.concat(parts, ignore_index=True)


def _written(values: pd.Series, is_mean: pd.Series) -> pd.Series:
    """Scores as the data set has them: whole numbers, and the mean of the items where `is_mean`."""
    whole = values.map("{:.0f}".format)
    return whole.mask(is_mean, (values / MI_ITEMS).map("{:.2f}".format))


# -- files by name: the tables in either form, and what lies beside them ---------------------------

def _submitted(tables: dict[str, pd.DataFrame], _referrals: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {f"{month}/{FILES[name]}": rows.drop(columns="month")
            for name, table in tables.items() for month, rows in table.groupby("month")}


def _returned(tables: dict[str, pd.DataFrame], referrals: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables with the columns that NHS England adds, and without identifiers."""
    months = sorted(set().union(*(table["month"] for table in tables.values())))
    number = {month: 100_000 + place for place, month in enumerate(months)}
    returned = {}
    for name, table in tables.items():
        newest = table["month"] == table.groupby(KEYS[name])["month"].transform("max")
        flag = {"UsePathway_Flag": np.where(newest, "True", "")} if name == "IDS101" else {
            "IsLatest_SubmissionID": np.where(newest, "1", "0")}
        ids = {other: "X24" + table[local] for local, other in IDS.items() if local in table}
        returned[name] = table.assign(UniqueSubmissionID=table.pop("month").map(number), **ids, **flag).drop(
            columns=["NHSNumber", "PersonBirthDate", "Postcode"], errors="ignore")
    derived = _derived(referrals)
    rows = returned["IDS101"].join(derived, on="ServiceRequestId")
    only_latest = [name for name in derived if name.endswith(("LastScore", "_Flag"))]
    rows.loc[(rows["UsePathway_Flag"] == "") | rows["ServDischDate"].isna(), only_latest] = None
    return {FILES[name]: table for name, table in (returned | {"IDS101": rows}).items()}


def _derived(referrals: pd.DataFrame) -> pd.DataFrame:
    """The derived columns of IDS101, by ServiceRequestId; flags are True or missing."""
    outcome = classify(referrals, "end", RULES)
    is_mean = (referrals["adsm"] == "MI").fillna(False)
    columns = {"PathwayID": "PW" + referrals["id"], "Age_ReferralRequest_ReceivedDate": _ages(referrals)}
    for name, measure in (("PHQ9", "phq9"), ("GAD", "gad7"), ("ADSM", "adsm")):
        first, last = (referrals[f"{measure}_{time}"].astype(float) for time in ("baseline", "end"))
        of_mean = is_mean & (measure == "adsm")
        columns[f"{name}_FirstScore"] = _written(first, of_mean).where(first.notna())
        columns[f"{name}_LastScore"] = _written(last, of_mean).where(first.notna() & last.notna())
    flags = {"Caseness": outcome["case_baseline"], "Recovery": outcome["recovery"] == "reliable_recovery",
             "ReliableImprovement": outcome["improvement"] == "reliable_improvement",
             "NoChange": outcome["improvement"] == "no_reliable_improvement",
             "ReliableDeterioration": outcome["improvement"] == "reliable_deterioration",
             "CompletedTreatment": referrals["seen"] >= 2}
    columns |= {f"{name}_Flag": holds.map({True: "True"}) for name, holds in flags.items()}
    columns |= {"ADSM": referrals["adsm"], "TreatmentCareContact_Count": referrals["seen"], "id": referrals["id"]}
    return pd.DataFrame(columns).set_index("id").rename_axis("ServiceRequestId")


def _ages(referrals: pd.DataFrame) -> pd.Series:
    # a later referral may be one of an older patient
    born = referrals["patient_id"].map(referrals[~referrals["again"]].set_index("patient_id")["born"])
    received = referrals["received"]
    before = received.dt.month * 100 + received.dt.day < born.dt.month * 100 + born.dt.day
    return (received.dt.year - born.dt.year - before).astype("Int64")


def _beside(referrals: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What a service knows of a referral otherwise, and the answers after discharge."""
    ours = referrals[~referrals["again"]]
    known = ours.rename(columns={"id": "ServiceRequestId", "patient_id": "LocalPatientId"})
    is_mean = (known["adsm"] == "MI").fillna(False)
    for name in [f"adsm_{time}" for time in TIMES]:
        known[name] = _written(known[name].astype(float), is_mean).where(known[name].notna())
    alone = pd.DataFrame({f"{name}_end": known[f"{name}_end"].mask(known[f"{name}_baseline"].notna())
                          for name in ("phq9", "gad7", "adsm")})
    alone.insert(0, "ServiceRequestId", known["ServiceRequestId"])
    answers = known[["LocalPatientId", *(name for name in FOLLOW_UP_DATA if known[name].notna().any())]]
    return {"local": known[["ServiceRequestId", *LOCAL]].sort_values("ServiceRequestId"),
            "end_only": alone.dropna(thresh=2).sort_values("ServiceRequestId"),
            "survey": answers.dropna(thresh=2).sort_values("LocalPatientId")}
