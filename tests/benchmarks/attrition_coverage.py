"""Do 95 % intervals of `08_attrition` hold a truth that is known? Simulated cohorts, two reasons for not answering.

`python tests/benchmarks/attrition_coverage.py` tries 40 cohorts of each mechanism and prints what it finds, about two
minutes on two cores. With a number, as in `attrition_coverage.py 500` (about 20 minutes), it stores in `data/` the
results of each cohort (`attrition_cohorts.csv`, written as they come), their summary (`attrition_coverage.csv`) and
seed, settings and versions (`attrition_coverage.json`). Cohorts that are there already are not tried again.
"""

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import product

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: each process has a core

import pandas as pd

from durability_utils.analyses import attrition, imputation
from durability_utils.runs.provenance import versions
from durability_utils.synthetic.attrition import DISCHARGED, MECHANISMS, RESAMPLES, STORED, coverage, tried, true_share

COHORTS = STORED.with_name("attrition_cohorts.csv")
PROCESSES, DIGITS = 2, 6


def try_all(runs: list[tuple[str, int]], append: bool) -> pd.DataFrame:
    """A row of `tried` for each run, in this order, written to COHORTS as they come if `append`."""
    rows, started = [], time.perf_counter()
    with ProcessPoolExecutor(PROCESSES) as processes:
        for row in processes.map(tried, *zip(*runs, strict=True)):
            rows.append(row)
            if append:
                pd.DataFrame([row]).round(DIGITS).to_csv(COHORTS, mode="a", index=False, header=not COHORTS.exists(),
                                                         lineterminator="\n")
            print(f"\r{len(rows)} of {len(runs)}, {time.perf_counter() - started:.0f} s", end="", flush=True)
    print()
    return pd.DataFrame(rows)


def settings(cohorts: int, truth: float) -> dict:
    """How the stored results were made."""
    return {"date": date.today().isoformat(), "seed": attrition.SEED, "cohorts": cohorts, "discharged": DISCHARGED,
            "resamples": RESAMPLES, "imputations": imputation.IMPUTATIONS, "truth": truth, "versions": versions()}


def main(cohorts: int, store: bool) -> None:
    wanted = list(product(MECHANISMS, range(cohorts)))
    if not store:
        print(coverage(try_all(wanted, append=False), true_share()).to_string())
        return
    there = pd.read_csv(COHORTS)[["mechanism", "cohort"]].to_numpy().tolist() if COHORTS.exists() else []
    left = [run for run in wanted if list(run) not in there]
    if left:
        try_all(left, append=True)
    truth = round(true_share(), DIGITS)
    found = coverage(pd.read_csv(COHORTS), truth)
    found.round(DIGITS).to_csv(STORED, index=False, lineterminator="\n")
    text = json.dumps(settings(cohorts, truth), indent=2) + "\n"
    STORED.with_suffix(".json").write_text(text, encoding="utf-8", newline="\n")
    print(found.to_string())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40, store=len(sys.argv) > 1)
