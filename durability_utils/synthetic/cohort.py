"""A synthetic study cohort that gives back every published figure of the durability study.

The study printed tables; its patients' data are not public. Candidates are drawn from a plain model of
scores, classified by `outcomes.py`, and selected to fill the cells of one joint plan: draw first, then
select. Nobody in it exists, and no clinical conclusion can rest on it.
"""

import numpy as np
import pandas as pd

from durability_utils.study.columns import TREATMENT_DATA, dictionary
from durability_utils.study.parameters import PROJECT, read_yaml
from durability_utils.synthetic import scores as model
from durability_utils.synthetic.plan import SERVICES, TABLE1_N, TABLE1_SERVICE, planned_patients
from durability_utils.synthetic.scores import DRAWN_SCORES, ITEMS, TABLE1_SCORES, random_generator

DURABILITY_2016 = PROJECT / "parameters" / "published" / "durability_2016.yaml"

# Plausible shares, for those who did not take part and where nothing is published.
ETHNICITY_SHARES = {
    "white_british": 0.80, "white_other": 0.06, "asian_pakistani": 0.03, "asian_indian": 0.02,
    "black_african": 0.02, "black_caribbean": 0.02, "white_irish": 0.01, "mixed_white_and_black_caribbean": 0.01,
    "asian_other": 0.01, "mixed_other": 0.01, "other": 0.005, "not_stated": 0.005,
}
EMPLOYMENT_SHARES = {
    "employed": 0.56, "unemployed": 0.14, "long_term_sick": 0.09, "student": 0.07, "homemaker": 0.06,
    "retired": 0.06, "not_working": 0.01, "volunteer": 0.005, "not_stated": 0.005,
}
STEP_N = {"step2": 33, "step3": 57}         # participants with a step whose treatment data may flow up
# With spreads like these, the printed letters and p-values of Table 1 come out; one a group.
TABLE1_SD = {"age": (14, 14, 14), "sessions": (4, 8, 8)}
ITEM_SERVICES = ("A", "B", "C", "F")        # the others export totals only
# Share of those not consenting whose scores at end never reached the study, by service.
UNREPORTED = {"B": 0.35, "C": 0.60, "D": 0.10, "E": 0.25, "F": 0.45}
ID_STYLES = {"A": "{:03d}", "B": "TT-{:05d}", "C": "c{:05d}", "D": "4{:05d}", "E": "E{:04d}", "F": "{:03d}"}
MIXED_SHARE = 0.3                           # of participants who could have a mixed change: how many get one
ID_SPREAD = 3                               # ids leave gaps: the numbers 1 to 3 n hold n patients


def study_cohort(seed: int = 2016, scale: int = 1) -> pd.DataFrame:
    """The clean cohort: `service` and the columns of the data dictionary, one row a patient, 3027 x `scale` rows.

    The same seed gives the same cohort, another seed another valid one. With `scale` k it is the same cohort
    k times as large: every count is multiplied by k, and each copy of a patient has an id of its own.
    """
    published = read_yaml(DURABILITY_2016)
    sizes = {"": 40_000} | dict.fromkeys(("IES-R", "OCI", "HAI", "SPIN"), 15_000)
    pools = {adsm: model.candidates(seed, adsm, n) for adsm, n in sizes.items()}
    patients = planned_patients(pools, published, seed)
    patients = patients.join(_scores(patients, pools, published, seed))
    patients = _background(_sessions(patients, published, seed), published, seed)
    patients = _withheld(_consent(_follow_ups(patients, seed), seed), seed)
    return _columns(_with_ids(patients, seed, scale))


def patient_id(service: str, number: int) -> str:
    """The id of a service's patient of that number, in the service's own style; never ten digits long."""
    return ID_STYLES[service].format(number)


# -- scores ----------------------------------------------------------------------------------------

def _scores(patients: pd.DataFrame, pools: dict, published: dict, seed: int) -> pd.DataFrame:
    """The score columns of everyone, follow-ups of participants only."""
    ours = patients["service"] == TABLE1_SERVICE
    takes_part = patients["role"] != ""
    parts = [_participants(patients[takes_part & ours], pools, published, seed),
             _participants(patients[takes_part & ~ours], pools, None, seed)]
    for group, answered in enumerate(("no_consent", "none")):
        rows = (patients["answered"] == answered) & ours
        parts.append(_silent(patients[rows], group, published, seed))
    parts.append(_elsewhere(patients[~takes_part & ~ours], seed))
    return pd.concat(parts)[DRAWN_SCORES]


def _participants(patients: pd.DataFrame, pools: dict, published: dict | None, seed: int) -> pd.DataFrame:
    # one candidate of the right ADSM and path for each; with `published` such that Table 1's means come out
    rng = random_generator(seed, f"participants {published is None}")
    options = []
    for _, patient in patients.iterrows():
        pool, paths = pools[patient["adsm"]]
        rows = pool.loc[paths[patient["path"]]]
        if patient["gad7_end_missing"]:
            rows = rows[rows[["adsm_baseline", "adsm_end"]].notna().all(axis=1)].assign(gad7_end=np.nan)
        # mixed changes are rare: a few more of them, so that the rule is seen at work
        wanted = not published and rows["mixed"].any() and rng.random() < MIXED_SHARE
        options.append(rows[rows["mixed"]] if wanted else rows)
    if published:
        scores = _matched(options, 2, published, rng)
    else:
        scores = pd.concat([rows.sample(1, random_state=rng) for rows in options])
    scores = scores.set_index(patients.index)
    for name in ("phq9", "gad7", "adsm"):       # who answered only at 12 months answered then what counts at 6
        six, twelve = f"{name}_6m", f"{name}_12m"
        late = patients["answered"] == "12m"
        scores[twelve] = scores[twelve].mask(late, scores[six]).where(patients["answered"] != "6m")
        scores[six] = scores[six].mask(late)
    return scores


def _matched(options: list[pd.DataFrame], group: int, published: dict, rng: np.random.Generator) -> pd.DataFrame:
    # one candidate for each patient, together with the printed means of this group of Table 1
    n = np.array([TABLE1_N[name][group] for name in TABLE1_SCORES])
    means = [float(published["representativeness"][name]["means"][group]) for name in TABLE1_SCORES]
    picked = model.select([model.table1_values(rows) for rows in options], n, np.rint(n * means), rng)
    return pd.concat([rows.iloc[[row]] for rows, row in zip(options, picked, strict=True)])


def _silent(patients: pd.DataFrame, group: int, published: dict, seed: int) -> pd.DataFrame:
    # Table 1's service, one of the groups without follow-up; the first few lack a PHQ-9 score
    rng = random_generator(seed, f"silent {group}")
    profile = {name: float(published["representativeness"][name]["means"][group]) for name in TABLE1_SCORES}
    pool = model.trajectories(4000, profile, rng)
    options = [pool] * len(patients)
    for i in range(len(patients) - TABLE1_N["phq9_change"][group]):
        lost = "phq9_baseline" if i < len(patients) - TABLE1_N["phq9_baseline"][group] else "phq9_end"
        options[i] = pool.assign(**{lost: np.nan})
    scores = _matched(options, group, published, rng).set_index(patients.index)
    return _without_follow_up(model.with_adsm(scores, patients["adsm"].to_numpy(), rng))


def _elsewhere(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    # nothing is published about them; a part of those not consenting was never reported
    rng = random_generator(seed, "elsewhere")
    profile = {"phq9_baseline": 14.2, "phq9_change": 5.4, "gad7_baseline": 12.4, "gad7_change": 4.6}
    scores = model.trajectories(len(patients), profile, rng).set_index(patients.index)
    scores = _without_follow_up(model.with_adsm(scores, patients["adsm"].to_numpy(), rng))
    share = patients["service"].map(UNREPORTED).where(patients["answered"] == "no_consent", 0.04)
    luck = rng.random((2, len(patients)))
    for name in ("phq9", "gad7", "adsm"):
        scores[f"{name}_end"] = scores[f"{name}_end"].where(luck[0] > share)
        scores[f"{name}_baseline"] = scores[f"{name}_baseline"].where(luck[1] > share / 2)
    return scores


def _without_follow_up(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.assign(**{column: np.nan for column in DRAWN_SCORES if column.endswith("m")})


# -- what else is known about a patient ------------------------------------------------------------

def _sessions(patients: pd.DataFrame, published: dict, seed: int) -> pd.DataFrame:
    """Adds `sessions` and, where the plan gives none, `step`."""
    rng = random_generator(seed, "sessions")
    sessions = pd.Series(np.nan, patients.index)
    ours, printed = patients["service"] == TABLE1_SERVICE, published["representativeness"]["sessions"]["means"]
    for group, answered in enumerate(("no_consent", "none")):
        rows = patients.index[ours & (patients["answered"] == answered)][-TABLE1_N["sessions"][group]:]  # available
        sums = model.sum_and_squares(len(rows), float(printed[group]), TABLE1_SD["sessions"][group])
        sessions[rows] = model.whole_numbers(len(rows), *sums, 2, 45, rng)
    planned = patients["step"].ne("")
    left = round(float(printed[2]) * TABLE1_N["sessions"][2])      # of Table 1's participants
    for step, sd in (("step2", 2.6), ("step3", 7.8)):
        total = round(published["sample"]["sessions_mean"][step] * STEP_N[step])
        here = patients.index[planned & ours & (patients["step"] == step)]
        there = patients.index[planned & ~ours & (patients["step"] == step)]
        share = round(published["sample"]["sessions_mean"][step] * len(here)) if step == "step2" else left
        left -= share
        for rows, part in ((here, share), (there, total - share)):
            sums = model.sum_and_squares(len(rows), part / len(rows), sd)
            sessions[rows] = model.whole_numbers(len(rows), *sums, 2, 45, rng)
    open_ = patients.index[sessions.isna() & ~ours]
    high = rng.random(len(open_)) < 0.38
    sessions[open_] = 2 + np.rint(rng.gamma(np.where(high, 3.0, 2.2), np.where(high, 3.8, 1.9)))
    return patients.assign(sessions=sessions, step=_steps(patients, sessions, rng))


def _steps(patients: pd.DataFrame, sessions: pd.Series, rng: np.random.Generator) -> pd.Series:
    # longer treatment is Step 3; some of it began at Step 2, and some steps were not recorded
    luck = rng.random((2, len(patients)))
    steps = patients["step"].where(patients["role"] != "", np.where(sessions > 9, "step3", "step2"))
    steps = steps.mask((steps == "step3") & (luck[0] < 0.3), "step2+3")
    return steps.mask((patients["role"] == "") & (luck[1] < 0.05), "")


def _background(patients: pd.DataFrame, published: dict, seed: int) -> pd.DataFrame:
    """Adds age, gender, ethnicity and employment; the printed margins hold for participants."""
    rng, sample = random_generator(seed, "background"), published["sample"]
    n, takes_part = len(patients), (patients["role"] != "").to_numpy()
    joined, share = int(takes_part.sum()), EMPLOYMENT_SHARES
    female, white = (round(sample[f"{name}_percent"] * joined / 100) for name in ("female", "white_british"))
    gender = rng.choice(["female", "male", "other", ""], n, p=[0.63, 0.355, 0.005, 0.01])
    gender[takes_part] = rng.permutation(["female"] * female + ["male"] * (joined - female))
    ethnicity = rng.choice([*ETHNICITY_SHARES, ""], n, p=[*(0.95 * p for p in ETHNICITY_SHARES.values()), 0.05])
    others = {name: p for name, p in ETHNICITY_SHARES.items() if name != "white_british"}
    rest = rng.choice(list(others), joined - white, p=np.array(list(others.values())) / sum(others.values()))
    ethnicity[takes_part] = rng.permutation(["white_british"] * white + list(rest))
    before = rng.choice([*share, ""], n, p=[*(0.94 * p for p in share.values()), 0.06])
    after = np.where(rng.random(n) < 0.07, rng.choice(list(share), n, p=list(share.values())), before)
    after = np.where(rng.random(n) < 0.05, "", after)
    return patients.assign(age=_ages(patients, published, rng), gender=gender, ethnicity=ethnicity,
                           employment_baseline=before, employment_end=after)


def _ages(patients: pd.DataFrame, published: dict, rng: np.random.Generator) -> pd.Series:
    ours, takes_part = patients["service"] == TABLE1_SERVICE, patients["role"] != ""
    groups = [patients["answered"] == "no_consent", patients["answered"] == "none", takes_part]
    ages = pd.Series(18 + np.rint(rng.gamma(2.6, 9.0, len(patients))).clip(0, 74), patients.index)
    ages = ages.mask(rng.random(len(ages)) < 0.01)
    for group, rows in enumerate(groups):
        n, mean = TABLE1_N["age"][group], float(published["representativeness"]["age"]["means"][group])
        sums = model.sum_and_squares(n, mean, TABLE1_SD["age"][group])
        ages[rows & ours] = model.whole_numbers(n, *sums, 19, 78, rng)
    printed = published["sample"]["age"]
    ends = np.array([printed["min"], printed["max"]])
    total, squares = model.sum_and_squares(int(takes_part.sum()), printed["mean"], printed["sd"])
    known = np.append(ages[takes_part & ours], ends)
    rest = int((takes_part & ~ours).sum()) - len(ends)
    drawn = model.whole_numbers(rest, int(total - known.sum()), squares - (known ** 2).sum(),
                                printed["min"] + 1, printed["max"] - 1, rng)
    ages[takes_part & ~ours] = rng.permutation(np.append(drawn, ends))
    return ages


def _follow_ups(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Adds dates, modes and items of the follow-ups; three questionnaires are answered in part only."""
    rng = random_generator(seed, "follow-ups")
    columns = {}
    for time, first, days in (("6m", "2016-12-05", 50), ("12m", "2017-06-05", 56)):
        came_back = patients["answered"].isin([time, "both"])
        delay = np.minimum(rng.gamma(1.6, 8.0, len(patients)), days).astype(int)
        dates = pd.Timestamp(first) + pd.to_timedelta(delay, unit="D")
        dated = came_back & ((rng.random(len(patients)) > 0.03) | (patients["role"] == "incomplete"))
        columns[f"followup_{time}_date"] = pd.Series(dates, patients.index).where(dated)
        modes = rng.choice(["post", "online", "phone"], len(patients), p=[0.46, 0.44, 0.10])
        columns[f"followup_{time}_mode"] = pd.Series(modes, patients.index).where(came_back, "")
    patients = patients.assign(**columns)
    scores = {column: patients[column].copy() for column in DRAWN_SCORES}
    items = {f"{name}_{time}": np.full((len(patients), count), np.nan)
             for time in ("6m", "12m") for name, count in ITEMS.items()}
    for total, cells in items.items():
        for row in np.flatnonzero(patients[total].notna() & patients["service"].isin(ITEM_SERVICES)):
            cells[row] = model.answers(int(patients[total].iloc[row]), cells.shape[1], rng)
    for row in np.flatnonzero(patients["role"] == "incomplete"):
        total = f"{rng.choice(list(ITEMS))}_{patients['answered'].iloc[row]}"
        items[total][row, rng.choice(items[total].shape[1], 2, replace=False)] = np.nan
        scores[total].iloc[row] = np.nan
    named = {f"{total}_item{i}": item for total, cells in items.items() for i, item in enumerate(cells.T, start=1)}
    return patients.assign(**scores).join(pd.DataFrame(named, index=patients.index))


def _consent(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    # up-flow: asked of those who were asked for contact; nobody in Table 1's service refused it
    rng = random_generator(seed, "consent")
    consented = patients["answered"] != "no_consent"
    luck = rng.random(len(patients))
    elsewhere = (patients["service"] != TABLE1_SERVICE) & (patients["role"] == "")
    upflow = np.where(consented, np.where(luck < 0.06, "", "yes"), np.where(luck < 0.25, "yes", ""))
    upflow = np.where(elsewhere & (luck > 0.985), "no", upflow)
    upflow = np.where(patients["role"] == "no_up_flow", "no", upflow)
    return patients.assign(consent_contact=np.where(consented, "yes", "no"), consent_upflow=upflow)


def _withheld(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    # what may not flow up is not in a clean cohort
    refused = patients["consent_upflow"] == "no"
    known = patients.columns.intersection(TREATMENT_DATA)
    patients = patients.assign(**{column: patients[column].mask(refused) for column in known})
    working_days = pd.bdate_range("2016-06-01", "2016-06-30")
    days = random_generator(seed, "discharge").choice(len(working_days), len(patients))
    return patients.assign(discharge_date=working_days[days], primary_problem=patients["problem"])


def _with_ids(patients: pd.DataFrame, seed: int, scale: int) -> pd.DataFrame:
    rng = random_generator(seed, "ids")
    numbers = patients.groupby("service")["service"].transform(
        lambda rows: rng.permutation(ID_SPREAD * len(rows))[:len(rows)] + 1).astype(int)
    size = ID_SPREAD * patients["service"].map({service: row[0] for service, row in SERVICES.items()})
    copies = pd.concat([patients.assign(number=numbers + copy * size) for copy in range(scale)])
    copies = copies.sort_values(["service", "number"], ignore_index=True)
    ids = [patient_id(service, number) for service, number in zip(copies["service"], copies["number"], strict=True)]
    return copies.assign(patient_id=ids)


def _columns(patients: pd.DataFrame) -> pd.DataFrame:
    columns = {"service": patients["service"].astype("str")}
    for name, kind in dictionary()["type"].items():
        dtype = {"date": "datetime64[us]", "whole_number": "Int64", "score": "Float64"}.get(kind, "str")
        # what no service of the study recorded is missing throughout
        values = patients[name] if name in patients else pd.Series(None, patients.index, dtype="object")
        values = values.replace("", None) if dtype == "str" else values
        columns[name] = values.astype(dtype)
    return pd.DataFrame(columns)
