"""Do 95 % intervals of `08_attrition` hold a truth that is known? Two populations, three reasons for not answering.

`python tests/benchmarks/attrition_coverage.py 50` tries 50 cohorts of each cell and prints what it finds; with
`--store` the table goes to `data/attrition_coverage.csv`, truths, first cohorts, settings, seed and versions to
`data/attrition_coverage.json`, and the picture beside them. What is stored is of 500 cohorts a cell, half an hour on
two cores.
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

from durability_utils.analyses import attrition_figures, imputation
from durability_utils.results import write_figure
from durability_utils.runs.provenance import versions
from durability_utils.synthetic import attrition

PROCESSES, DIGITS = 2, 6


def try_all(cohorts: int) -> pd.DataFrame:
    """The rows of `tried` for so many cohorts of each of CELLS."""
    runs = list(product(attrition.CELLS, range(cohorts)))
    tries, started = [], time.perf_counter()
    with ProcessPoolExecutor(PROCESSES) as processes:
        for rows in processes.map(attrition.tried, *zip(*runs, strict=True), chunksize=10):
            tries.append(rows)
            print(f"\r{len(tries)} of {len(runs)}, {time.perf_counter() - started:.0f} s", end="", flush=True)
    print()
    return pd.concat(tries, ignore_index=True)


def settings(tries: pd.DataFrame, truths: pd.DataFrame) -> dict:
    """How the stored results were made, and what the first cohort of each cell gave."""
    first = tries[tries["number"] == 0].drop(columns="number").round(DIGITS)
    return {"date": date.today().isoformat(), "seed": attrition.SEED, "cohorts": int(tries["number"].max()) + 1,
            "patients": attrition.PATIENTS, "consenting": attrition.CONSENTING, "answering": attrition.ANSWERING,
            "imputations": imputation.IMPUTATIONS, "truths": truths.round(DIGITS).to_dict("records"),
            "first": json.loads(first.to_json(orient="records")), "versions": versions()}


def main(cohorts: int, store: bool) -> None:
    tries, truths = try_all(cohorts), attrition.truths()
    found = attrition.coverage(tries, truths)
    print(found.round(3).to_string())
    if store:
        found.round(DIGITS).to_csv(attrition.STORED, index=False, lineterminator="\n")
        text = json.dumps(settings(tries, truths), indent=1) + "\n"
        attrition.STORED.with_suffix(".json").write_text(text, encoding="utf-8", newline="\n")
        write_figure(attrition_figures.coverage(*attrition.stored_coverage()), attrition.STORED.with_suffix(".png"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, store="--store" in sys.argv)
