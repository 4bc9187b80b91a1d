"""Cleaning and classifying one service's CSV export of 3 thousand to 3 million patients: seconds and memory a patient.

The export is that of the study's service B, with its dirt, repeated under new ids. Each size runs in a process of its
own; imports are done before the clock starts, and their memory is subtracted. `python tests/benchmarks/cleaning.py`,
about eight minutes, and 1.5 GB of disk while it runs.
"""

import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from durability_utils.runs.provenance import PROJECT

SIZES = (3_000, 30_000, 300_000, 3_000_000)
STUDY = PROJECT / "parameters" / "durability_2016.yaml"
SERVICE = "B"


def write_large_export(source: Path, separator: str, encoding: str, id_column: str, path: Path, patients: int) -> None:
    """The export over and over, each time with the number of the repetition before the ids."""
    with source.open(encoding=encoding, newline="") as file:
        header, *rows = csv.reader(file, delimiter=separator)
    position, written = header.index(id_column), 0
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(header)
        while written < patients:
            batch = rows[:patients - written]
            prefix = f"{written}-"
            writer.writerows([*row[:position], row[position] and prefix + row[position], *row[position + 1:]]
                             for row in batch)
            written += len(batch)


def main() -> None:
    from durability_utils.study.column_maps import read_column_map
    from durability_utils.study.study_file import read_study

    service = read_study(STUDY).services[SERVICE]
    columns = read_column_map(service.columns)
    measured = {}
    print("  patients  seconds   of it cleaning   microseconds a patient   peak MB   KB a patient")
    with TemporaryDirectory() as folder:
        for patients in SIZES:
            export = Path(folder, "export.csv")
            write_large_export(service.file[0], columns.file.separator, columns.file.encoding,
                               columns.columns["patient_id"].source, export, patients)
            answer = subprocess.run([sys.executable, __file__, export], check=True, capture_output=True, text=True)
            cleaning, total, memory = json.loads(answer.stdout)
            measured[patients] = total / patients
            print(f"{patients:10}{total:9.2f}{cleaning:17.2f}{1e6 * total / patients:25.1f}{memory:10.0f}"
                  f"{1e3 * memory / patients:15.2f}", flush=True)
    print(f"seconds a patient, 3 million against 30 thousand: {measured[SIZES[-1]] / measured[30_000]:.2f}")


def measure(export: Path) -> None:
    """In a process of its own: seconds of cleaning, of all, and the memory that they took, in MB."""
    from dataclasses import replace

    from durability_utils.cohort.cleaning import clean_service
    from durability_utils.outcomes.rules import carry_back, classify
    from durability_utils.study.columns import LATER_TIMES
    from durability_utils.study.study_file import read_study

    study = read_study(STUDY)
    service = study.services[SERVICE]
    clean_service(study, SERVICE)  # what is imported late or read once
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    study = replace(study, services={SERVICE: service.model_copy(update={"file": (export,)})})
    started = time.perf_counter()
    cohort = clean_service(study, SERVICE).cohort
    cleaned = time.perf_counter()
    carried = carry_back(cohort)
    for table, when in (*((cohort, when) for when in LATER_TIMES), (carried, "6m")):
        classify(table, when, study.rules)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([cleaned - started, ended - started, (peak - imported) / 1024]))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
