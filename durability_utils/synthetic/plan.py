"""Who is in the synthetic cohort: services, follow-ups, and the joint plan of outcomes behind the published tables.

The published figures are margins of one joint table. What they leave open is decided here, once, in constants.
"""

import numpy as np
import pandas as pd

from durability_utils.synthetic.scores import random_generator

# Per-service figures are published as ranges only. This allocation satisfies every total and both ends of
# every range: discharged, consented, first follow-up, second follow-up, both.
SERVICES = {
    "A": (132, 65, 17, 10, 5),
    "B": (900, 60, 40, 40, 27),
    "C": (1000, 62, 5, 0, 0),
    "D": (350, 50, 10, 4, 2),
    "E": (400, 44, 7, 2, 2),
    "F": (245, 42, 6, 1, 0),
}
NO_UP_FLOW, NO_UP_FLOW_BOTH, INCOMPLETE = 15, 2, ("step2", "step3", "step3")

# The joint plan of the 88 who count: improvement at end, 6m (and 12m for those who completed both), then
# recovery at the same times. D deterioration, N none, I improvement; r recovery, n none, - below caseness.
# Lost gains stay lost at 12 months, so that 29 -> 24 -> 23 and 19 -> 14 -> 12 hold however they are counted.
PLAN = {
    "step2": {
        "NN nn": 2, "NI nr": 3, "NI nn": 1, "II rr": 9, "II nr": 1, "II rn": 1, "II nn": 2, "II --": 1,
        "NNN nnn": 1, "NII nrr": 1, "INN rnn": 1, "III rrr": 5, "III rrn": 1, "III nrr": 1, "III nnn": 1,
        "III nnr": 1,
    },
    "step3": {
        "ND nn": 1, "NN nn": 3, "NN --": 1, "NI nr": 1, "ID rn": 1, "IN rn": 2, "IN nn": 2, "II rr": 15,
        "II nr": 1, "II nn": 5, "II --": 1,
        "NNI nnr": 1, "NIN nrn": 1, "NII nnn": 1, "INN rnn": 3, "INN nnn": 1, "III rrr": 7, "IIN rrn": 1,
        "III rnn": 1, "III nnn": 4, "III nnr": 1, "III ---": 1,
    },
    "": {"II --": 1},                       # Table 2 less Tables 3 and 4: no recorded step
}

# Table 1 fits the printed means, letters and p only over one service of this size; available cases by group.
TABLE1_SERVICE, TABLE1_STEP2 = "A", 3
TABLE1_N = {
    "age": (67, 43, 22), "phq9_baseline": (66, 43, 22), "phq9_change": (65, 43, 22),
    "gad7_baseline": (67, 43, 22), "gad7_change": (67, 43, 21), "sessions": (67, 41, 22),
}

ADSM = {"PTSD": "IES-R", "OCD": "OCI", "Social phobia": "SPIN", "Health anxiety": "HAI", "Agoraphobia": "MI"}
PROBLEM_SHARES = {                          # of those who did not take part: plausible, nothing is published
    "Depressive disorder": 0.31, "Generalised anxiety disorder": 0.19, "Mixed anxiety and depression": 0.14,
    "Recurrent depressive disorder": 0.08, "PTSD": 0.06, "Panic disorder": 0.05, "Adjustment disorder": 0.03,
    "OCD": 0.03, "Social phobia": 0.03, "Health anxiety": 0.02, "Specific phobia": 0.02, "Agoraphobia": 0.01,
    "": 0.03,
}


def joint_plan() -> pd.DataFrame:
    """The plan of the 88 who count, one row a cell.

    Columns: `step` (blank: not recorded), `follow_ups` (completed: 1 or 2), `improvement` and `recovery` (letters
    at end, 6m and 12m, see PLAN), `n` (patients).
    """
    rows = [(step, len(path.split()[0]) - 1, *path.split(), n)
            for step, cells in PLAN.items() for path, n in cells.items()]
    return pd.DataFrame(rows, columns=["step", "follow_ups", "improvement", "recovery", "n"])


def planned_patients(pools: dict[str, tuple], published: dict, seed: int) -> pd.DataFrame:
    """The 3027 patients before they have scores, one row each.

    `pools`: for each ADSM the `candidates` that can fill a path. Columns: `service`; `answered` (both, 6m, 12m, none,
    no_consent); `role` of participants (counted: the 88, incomplete: 3, no_up_flow: 15); `step` and `path` as in
    PLAN where it says so; `problem`; `adsm`; `gad7_end_missing` (bool, one patient).
    """
    _check_plan(published)
    return _problems(_paths(_roles(seed), seed), pools, published, seed)


def _check_plan(published: dict) -> None:
    plan = joint_plan()
    tables = {"improvement": ("DNI", published["reliable_improvement"], ("table2_all", "table3_step2", "table4_step3")),
              "recovery": ("nr", published["reliable_recovery"], ("table5_all", "table6_step2", "table7_step3"))}
    for outcome, (letters, figures, names) in tables.items():
        for name, steps in zip(names, (tuple(PLAN), ("step2",), ("step3",)), strict=True):
            rows = plan[plan["step"].isin(steps)]
            cells = rows.groupby(rows[outcome].str[:2])["n"].sum()
            counts = [[int(cells.get(end + later, 0)) for later in letters] for end in letters]
            assert counts == figures[name], f"the joint plan contradicts {name}: {counts}"


def _roles(seed: int) -> pd.DataFrame:
    # `answered`: which follow-ups came back; `role`: counted (the 88), incomplete (3) or no_up_flow (15)
    rng = random_generator(seed, "roles")
    rows = []
    for service, (discharged, consented, first, second, both) in SERVICES.items():
        silent = consented - (first + second - both)
        sizes = {"both": both, "6m": first - both, "12m": second - both, "none": silent,
                 "no_consent": discharged - consented}
        rows += [(service, answered) for answered, n in sizes.items() for _ in range(n)]
    patients = pd.DataFrame(rows, columns=["service", "answered"])
    elsewhere = patients["service"] != TABLE1_SERVICE
    single = patients.index[patients["answered"].isin(["6m", "12m"]) & elsewhere]
    twice = patients.index[(patients["answered"] == "both") & elsewhere]
    singles = rng.choice(single, NO_UP_FLOW - NO_UP_FLOW_BOTH + len(INCOMPLETE), replace=False)
    patients["role"] = np.where(patients["answered"].isin(["both", "6m", "12m"]), "counted", "")
    patients.loc[singles, "role"] = "no_up_flow"
    patients.loc[singles[:len(INCOMPLETE)], "role"] = "incomplete"
    patients.loc[rng.choice(twice, NO_UP_FLOW_BOTH, replace=False), "role"] = "no_up_flow"
    return patients


def _paths(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    # deals the plan out at random, until Table 1's service has a mix that can meet its printed means
    rng, plan = random_generator(seed, "paths"), joint_plan()
    patients = patients.assign(step="", path="")
    patients.loc[patients["role"] == "incomplete", "step"] = INCOMPLETE
    counted, twice = patients["role"] == "counted", patients["answered"] == "both"
    rows = np.concatenate([patients.index[counted & ~twice], patients.index[counted & twice]])
    ours = (patients.loc[rows, "service"] == TABLE1_SERVICE).to_numpy()
    cells = plan.loc[plan.index.repeat(plan["n"])].sort_values("follow_ups", kind="stable")
    steps, paths = cells["step"].to_numpy(), (cells["improvement"] + " " + cells["recovery"]).to_numpy()
    unimproved, once = cells["improvement"].str.startswith("N").to_numpy(), int((cells["follow_ups"] == 1).sum())
    while True:
        order = np.concatenate([rng.permutation(once), once + rng.permutation(len(cells) - once)])
        here = order[ours]
        if ((steps[here] == "step2").sum() == TABLE1_STEP2 and (steps[here] != "").all()
                and 3 <= unimproved[here].sum() <= 5):
            break
    patients.loc[rows, ["step", "path"]] = np.column_stack([steps, paths])[order]
    return patients


def _problems(patients: pd.DataFrame, pools: dict, published: dict, seed: int) -> pd.DataFrame:
    # An ADSM goes to participants at Step 3, on a path that its candidates know. One is a patient of Table 1's
    # service whose GAD-7 at end is missing: that patient counts by the ADSM.
    rng, joined = random_generator(seed, "problems"), patients["role"] != ""
    percents = published["sample"]["primary_problem_percent"]
    counts = {name: round(percent * int(joined.sum()) / 100) for name, percent in percents.items()}
    problems = pd.Series(rng.choice(list(PROBLEM_SHARES), len(patients), p=list(PROBLEM_SHARES.values())), dtype=object)
    problems[joined] = None
    anyone = (patients["step"] == "step3") & (patients["role"] == "counted") | (patients["role"] == "no_up_flow")
    first = None
    for name in filter(ADSM.get, counts):
        known = patients["path"].map({path: len(rows) >= 20 for path, rows in pools[ADSM[name]][1].items()}).eq(True)
        chosen = rng.permutation(patients.index[anyone & known & problems.isna()])
        if first is None:
            first = next(row for row in chosen if patients.at[row, "service"] == TABLE1_SERVICE)
            chosen = np.append(first, chosen[chosen != first])
        chosen = chosen[:counts[name]]
        problems[chosen] = name
    rest = [name for name, count in counts.items() if name not in ADSM for _ in range(count)]
    rest += [""] * (int(problems.isna().sum()) - len(rest))
    problems[problems.isna()] = rng.permutation(rest)
    return patients.assign(problem=problems, adsm=problems.map(ADSM).fillna(""),
                           gad7_end_missing=patients.index == first)
