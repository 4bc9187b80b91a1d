"""The outcome rules on 1 million patients, against the same rule in plain NumPy, in R's data.table, and row by row.

All classify the same patients at end, 6 months and 12 months, and at 6 months with the 12-month answer carried back,
and have to agree: on every patient, of R on how many have each code. The row-by-row way is timed on 20 thousand; R
where it is installed with data.table. `python tests/benchmarks/outcome_rules.py`, a minute.
"""

import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from durability_utils.outcomes.rules import IMPROVEMENT, RECOVERY, carry_back, classify
from durability_utils.study.columns import FOLLOW_UPS, columns_with, dictionary
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

PATIENTS, ROWS = 1_000_000, 20_000
TIMES = ("end", "6m", "12m")
SCORES = ("phq9", "gad7", "adsm")
RULES = read_study(PROJECT / "parameters" / "durability_2016.yaml").rules
MEASURES = RULES.measures


def cohort(n: int) -> pd.DataFrame:
    """Patients with random scores, a tenth of them missing, and three in ten with an ADSM, as cleaning types them."""
    random = np.random.default_rng(2016)
    adsm = np.where(random.random(n) < 0.3, random.choice(RULES.adsms, n), None)
    ends = pd.Series(adsm).map({name: MEASURES[name].range for name in RULES.adsms})
    least, most = (ends.str[at].fillna(0).to_numpy() for at in (0, 1))

    def scores(highest, dtype, lowest=0):
        drawn = lowest + np.floor(random.random(n) * (highest - lowest + 1))
        return pd.Series(np.where(random.random(n) < 0.1, np.nan, drawn)).astype(dtype)

    columns = {"adsm": pd.Series(adsm, dtype="str")}
    for time_ in ("baseline", *TIMES):
        columns |= {f"phq9_{time_}": scores(27, "Int64"), f"gad7_{time_}": scores(21, "Int64"),
                    f"adsm_{time_}": scores(most, "Float64", least).mask(columns["adsm"].isna())}
    types = {"whole_number": "Int64", "score": "Float64", "date": "datetime64[us]"}
    for name in (name for time_ in FOLLOW_UPS for name in columns_with(time=time_) if name not in columns):
        columns[name] = pd.Series(None, range(n), dtype=types.get(dictionary().at[name, "type"], "str"))
    return pd.DataFrame(columns)


def by_package(patients: pd.DataFrame) -> list[np.ndarray]:
    """The codes of improvement and of recovery at each time, -1 where a patient does not count."""
    carried = carry_back(patients)
    found = [classify(table, time_, RULES)
             for table, time_ in (*((patients, time_) for time_ in TIMES), (carried, "6m"))]
    return [table[outcome].cat.codes.to_numpy() for table in found for outcome in ("improvement", "recovery")]


def by_numpy(patients: pd.DataFrame) -> list[np.ndarray]:
    """The same from the same table, with one float array a score and one of ADSM numbers (-1: none)."""
    arrays = {f"{name}_{time_}": patients[f"{name}_{time_}"].to_numpy(float, na_value=np.nan)
              for name in SCORES for time_ in ("baseline", *TIMES)}
    arrays["adsm"], names = pd.factorize(patients["adsm"])
    limits = {key: np.array([getattr(MEASURES[name], key) for name in (*names, "GAD-7")], float)
              for key in ("reliable_change", "caseness")}
    silent = {time_: np.isnan([arrays[f"{name}_{time_}"] for name in SCORES]).all(axis=0) for time_ in TIMES[1:]}
    carry = silent["6m"] & ~silent["12m"]
    arrays |= {f"{name}_carried": np.where(carry, arrays[f"{name}_12m"], arrays[f"{name}_6m"]) for name in SCORES}
    codes = []
    for time_ in (*TIMES, "carried"):
        later = {name: arrays[f"{name}_{time_}"] for name in SCORES}
        use = (arrays["adsm"] >= 0) & ~np.isnan(arrays["adsm_baseline"]) & ~np.isnan(later["adsm"])
        which = np.where(use, arrays["adsm"], len(names))
        before = np.where(use, arrays["adsm_baseline"], arrays["gad7_baseline"])
        after = np.where(use, later["adsm"], later["gad7"])
        phq9, anxiety = arrays["phq9_baseline"] - later["phq9"], np.round(before - after, 6)
        change, cut = limits["reliable_change"][which], limits["caseness"][which]
        better, worse = (phq9 >= 6) | (anxiety >= change), (phq9 <= -6) | (anxiety <= -change)
        missing = np.isnan(phq9) | np.isnan(anxiety)
        improvement = np.where(missing, -1, 1 + (better & ~worse) - (worse & ~better).astype(int))
        case = (arrays["phq9_baseline"] >= 10) | (before >= cut)
        well = (later["phq9"] < 10) & (after < cut)
        codes += [improvement, np.where(missing | ~case, -1, (improvement == 2) & well)]
    return codes


def by_row(row: pd.Series) -> pd.Series:
    """The same for one patient, as one would say it."""
    found = []
    answered = {time_: any(pd.notna(row[f"{name}_{time_}"]) for name in SCORES) for time_ in TIMES[1:]}
    carried = "12m" if answered["12m"] and not answered["6m"] else "6m"
    for time_ in (*TIMES, carried):
        use = pd.notna(row["adsm"]) and pd.notna(row["adsm_baseline"]) and pd.notna(row[f"adsm_{time_}"])
        name, column = (row["adsm"], "adsm") if use else ("GAD-7", "gad7")
        values = [row["phq9_baseline"], row[f"phq9_{time_}"], row[f"{column}_baseline"], row[f"{column}_{time_}"]]
        if any(pd.isna(value) for value in values):
            found += [None, None]
            continue
        pairs = [(*values[:2], MEASURES["PHQ-9"]), (*values[2:], MEASURES[name])]
        better = any(before - after >= measure.reliable_change for before, after, measure in pairs)
        worse = any(before - after <= -measure.reliable_change for before, after, measure in pairs)
        improved = IMPROVEMENT[1 + (better and not worse) - (worse and not better)]
        case = any(before >= measure.caseness for before, _, measure in pairs)
        well = all(after < measure.caseness for _, after, measure in pairs)
        found += [improved, RECOVERY[improved == "reliable_improvement" and well] if case else None]
    return pd.Series(found)


def by_data_table(patients: pd.DataFrame) -> tuple[float, str, list[int]]:
    """Seconds, versions, and how many patients have each code at each time, as `by_package` has them."""
    with TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("patients.csv", "measures.csv")]
        scores = [f"{name}_{time_}" for name in SCORES for time_ in ("baseline", *TIMES)]
        patients[["adsm", *scores]].to_csv(files[0], index=False)
        pd.DataFrame([(name, measure.reliable_change, measure.caseness) for name, measure in MEASURES.items()],
                     columns=["measure", "reliable_change", "caseness"]).to_csv(files[1], index=False)
        said = subprocess.run(["Rscript", Path(__file__).with_suffix(".R"), *files], check=True, capture_output=True,
                              text=True).stdout.splitlines()
    return float(said[0]), f"{said[1]}, data.table {said[2]}", [*map(int, said[3].split())]


def timed(work, *arguments):
    times = []
    for _ in range(3):
        started = time.perf_counter()
        found = work(*arguments)
        times.append(time.perf_counter() - started)
    return found, min(times)


def main() -> None:
    patients = cohort(PATIENTS)
    ours, our_seconds = timed(by_package, patients)
    plain, plain_seconds = timed(by_numpy, patients)
    started = time.perf_counter()
    rows = patients.head(ROWS).apply(by_row, axis="columns")
    row_seconds = (time.perf_counter() - started) * PATIENTS / ROWS
    for position, (found, expected) in enumerate(zip(ours, plain, strict=True)):
        names = (IMPROVEMENT, RECOVERY)[position % 2]
        assert (found == expected).all()
        assert (found[:ROWS] == rows[position].map({name: code for code, name in enumerate(names)}).fillna(-1)).all()
    print(f"{PATIENTS} patients at end, 6 months, 12 months, and 6 months with carry back; seconds (ratio)")
    print(f"outcome rules of the package   {our_seconds:8.2f}")
    print(f"plain NumPy                    {plain_seconds:8.2f}   ours: {our_seconds / plain_seconds:.2f} times that")
    print(f"DataFrame.apply, row by row    {row_seconds:8.0f}   {row_seconds / our_seconds:.0f} times ours "
          f"(from {ROWS} rows)")
    if shutil.which("Rscript"):
        r_seconds, versions, counts = by_data_table(patients)
        ours = [np.bincount(found[found >= 0], minlength=3 - position % 2) for position, found in enumerate(ours)]
        assert counts == np.concatenate(ours).tolist()
        print(f"{versions}   {r_seconds:.2f}   {r_seconds / our_seconds:.1f} times ours")


if __name__ == "__main__":
    main()
