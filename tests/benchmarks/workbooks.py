"""Reading one service's Excel workbook of 3.5 to 350 thousand patients, 29 columns: seconds and memory a patient.

The workbook is that of the study's service D, with its dirt, repeated under new ids. Each size runs in a process of its
own; imports are done before the clock starts, and their memory is subtracted. `python tests/benchmarks/workbooks.py`,
about a minute.
"""

import json
import re
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from durability_utils.cohort.exports import read_export
from durability_utils.runs.provenance import PROJECT
from durability_utils.study.column_maps import read_column_map

SIZES = (3_500, 35_000, 350_000)
SOURCE = PROJECT / "data" / "raw" / "service_d.xlsx"
COLUMNS = PROJECT / "parameters" / "columns" / "service_d.yaml"
SHEET = "xl/worksheets/sheet1.xml"


def write_large_workbook(path: Path, patients: int) -> None:
    """The rows of the sheet's XML over and over, each with its own line, and the repetition before the ids.

    Five digits before their six: of ten digits one in eleven would be taken for an NHS number.
    """
    with zipfile.ZipFile(SOURCE) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        head, *rows = re.split("(?=<row )", source.read(SHEET).decode())
        header, rows[-1], tail = rows.pop(0), *rows[-1].partition("</sheetData>")[::2]
        for part in source.namelist():
            if part != SHEET:
                copy.writestr(part, source.read(part))
        with copy.open(SHEET, "w", force_zip64=True) as sheet:
            sheet.write((head + header).encode())
            for patient in range(patients):
                again, row = divmod(patient, len(rows))
                row = re.sub(r'r="([A-Z]*)[0-9]+"', rf'r="\g<1>{patient + 2}"', rows[row])
                sheet.write(re.sub('(<c r="A[0-9]+"[^>]*><v>)', rf"\g<1>{again + 10_000}", row).encode())
            sheet.write(f"</sheetData>{tail}".encode())


def main() -> None:
    print("  patients  seconds   million cells a second   peak MB   KB a patient")
    with TemporaryDirectory() as folder:
        for patients in SIZES:
            workbook = Path(folder, "export.xlsx")
            write_large_workbook(workbook, patients)
            answer = subprocess.run([sys.executable, __file__, workbook], check=True, capture_output=True, text=True)
            rows, columns, seconds, memory = json.loads(answer.stdout)
            assert rows == patients
            print(f"{patients:10}{seconds:9.2f}{rows * columns / seconds / 1e6:25.2f}{memory:10.0f}"
                  f"{1e3 * memory / patients:15.2f}", flush=True)


def measure(workbook: Path) -> None:
    """In a process of its own: rows and columns read, seconds, and the memory that they took, in MB."""
    columns = read_column_map(COLUMNS)
    read_export(SOURCE, columns, [])  # what is imported late
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    table = read_export(workbook, columns, ["patient_id", "consent_contact", "discharge_date"])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([*table.shape, seconds, (peak - imported) / 1024]))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
