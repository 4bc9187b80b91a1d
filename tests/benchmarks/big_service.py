"""One service of a million patients from CSV, Parquet and Excel through the notebooks 01 to 05 and 11.

The exports are those of the study's services B and D, with their dirt, over and over under new ids. Seconds of each
notebook in its cells, and the most memory that one of its processes took. `python tests/benchmarks/big_service.py
1000000`, about ten minutes and 3 GB of disk while it runs; with fewer patients sooner.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml
from cleaning import write_large_export
from workbooks import write_large_workbook

from durability_utils.runs.provenance import PROJECT
from durability_utils.study.column_maps import read_column_map
from durability_utils.study.parameters import read_yaml

STUDY = PROJECT / "parameters" / "durability_2016.yaml"
COLUMNS = {service: PROJECT / "parameters" / "columns" / f"service_{service.lower()}.yaml" for service in "BD"}
NOTEBOOKS = ("01", "02", "03", "04", "05", "11")


def write_exports(folder: Path, patients: int) -> dict[str, dict[str, str]]:
    """The same patients as CSV and as Parquet, others as a workbook; what a study file says of each."""
    columns = read_column_map(COLUMNS["B"])
    separator, encoding = columns.file.separator, columns.file.encoding
    write_large_export(PROJECT / "data" / "raw" / "service_b.csv", separator, encoding,
                       columns.columns["patient_id"].source, folder / "big.csv", patients)
    texts = pd.read_csv(folder / "big.csv", sep=separator, encoding=encoding, dtype=str, keep_default_na=False)
    texts.to_parquet(folder / "big.parquet", index=False)
    write_large_workbook(folder / "big.xlsx", patients)
    return {"csv": {"file": "big.csv", "columns": str(COLUMNS["B"])},
            "parquet": {"file": "big.parquet", "columns": str(COLUMNS["B"])},
            "xlsx": {"file": "big.xlsx", "columns": str(COLUMNS["D"])}}


def main(patients: int) -> None:
    measured = {}
    with TemporaryDirectory(dir=PROJECT / "results") as folder:
        for kind, entry in write_exports(Path(folder), patients).items():
            study = {key: value for key, value in read_yaml(STUDY).items() if key != "published"}
            study |= {"study": kind, "table1_services": [kind], "services": {kind: entry}}
            path = Path(folder, f"{kind}.yaml")
            path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
            words = [word for number in NOTEBOOKS for word in ("--notebook", number)]
            subprocess.run([Path(sys.executable).parent / "durability", "run", path, "--output", Path(folder, "out"),
                            "--quiet", "--service", kind, "--step", "all", *words], check=True)
            runs = json.loads(Path(folder, "out", kind, "run.json").read_text(encoding="utf-8"))["runs"]
            measured[kind] = {run["notebook"]: (run["seconds_in_cells"], run["peak_memory_mb"]) for run in runs}
    print(f"{patients} patients; seconds in cells (MB)\n{'':<28}" + "".join(f"{kind:>16}" for kind in measured))
    for notebook in next(iter(measured.values())):
        cells = (f"{seconds:.1f} ({memory:.0f})" for seconds, memory in (of[notebook] for of in measured.values()))
        print(f"{notebook:<28}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
