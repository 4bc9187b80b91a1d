"""The synthetic cohort as six services would send it: six formats, six vocabularies, and dirt.

Names, codes and date styles are those of the column maps, read backwards. Dirt is what cleaning must refuse
or repair; it changes no published figure. The same cohort and seed give the same bytes.
"""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat

from durability_utils.study.column_maps import code_lists, read_column_map
from durability_utils.study.columns import dictionary
from durability_utils.study.parameters import PROJECT, read_yaml
from durability_utils.synthetic.cohort import ID_SPREAD, patient_id
from durability_utils.synthetic.scores import ITEMS, random_generator

FILES = {"A": "service_a.csv", "B": "service_b.csv", "C": "service_c.txt", "D": "service_d.xlsx",
         "E": "service_e.sav", "F": "service_f.csv"}
LINE_ENDS = {"A": "\r\n", "B": "\r\n", "C": "\n", "F": "\n"}
MISSING = {"A": ("NULL", "NULL"), "B": ("-99", ""), "C": (".", "."), "D": ("999", "N/A"), "E": ("-99", ""),
           "F": (" ", " ")}                                # in columns of numbers, and in the others
# columns that no map reads; not all of service A's are plain ASCII
UNMAPPED = {"A": ("Team", ("Café Süd", "Market Street • evenings", "Zoë and Chloë")),
            "F": ("Reporting period", ("June 2016",))}
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TOTALS = [f"{name}_{time}" for name in ITEMS for time in ("6m", "12m")]
WRITTEN = dt.datetime(2017, 8, 1)                          # a fixed day, so that the same cohort gives the same bytes

# Dirt: what it is, and how many of it (at most) each service's export holds.
DIRT = {
    "exact_copy": ("rows copied exactly", {"A": 2, "B": 5, "D": 3, "E": 1}),
    "conflicting_rows": ("patients with two rows that differ", {"A": 1, "B": 2, "C": 2, "F": 1}),
    "outside_window": ("rows discharged in May or July", {"B": 6, "C": 9, "D": 4, "E": 3, "F": 2}),
    "unreadable_date": ("rows whose discharge date is none", {"A": 1, "B": 1, "C": 2, "D": 1, "E": 1, "F": 1}),
    "single_session": ("rows of patients seen once", {"B": 7, "C": 12, "E": 4, "F": 3}),
    "no_id": ("rows without an id", {"B": 1, "D": 1, "E": 1}),
    "too_high": ("scores above the measure's range", {"A": 2, "B": 6, "C": 8, "D": 3, "E": 4, "F": 3}),
    "too_old": ("ages that nobody has", {"B": 2, "C": 1, "E": 1}),
    "not_a_number": ("scores that are no whole number", {"A": 1, "B": 3, "C": 4, "D": 2, "E": 2, "F": 3}),
    "unknown_code": ("codes that no list knows", {"B": 4, "C": 3, "D": 2, "E": 2, "F": 2}),
    "unclear_consent": ("consent to contact blank or unclear, so none", {"B": 9, "C": 14, "E": 5}),
    "wrong_year": ("follow-ups dated before discharge", {"B": 1}),
    "wrong_total": ("follow-up totals that their items contradict", {"A": 2, "B": 3, "C": 1, "F": 1}),
    "partial_total": ("totals added up over half-answered questionnaires", {"B": 2, "F": 2}),
    "no_upflow": ("patients without up-flow consent whose treatment data are there", {"B": 99, "D": 99, "F": 99}),
    "no_contact": ("patients without contact consent who have a follow-up", {"B": 2, "C": 1, "D": 1}),
    "trailing_blanks": ("cells with outer blanks", {"A": 15, "B": 40, "C": 25, "D": 10, "F": 12}),
    "decimal_numbers": ("whole numbers written 12.0", {"A": 10, "B": 60, "C": 30, "F": 20}),
    "letter_case": ("codes in another letter case", {"A": 12, "B": 30, "C": 60, "D": 12, "F": 20}),
}


def write_exports(cohort: pd.DataFrame, folder: str | Path, seed: int = 2016) -> list[Path]:
    """Write the six exports of a `study_cohort` into a folder; returns their paths, in the order of the services."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = {service: Path(folder, name) for service, name in FILES.items()}
    for service, path in paths.items():
        write_export(cohort, service, path, seed)
    return list(paths.values())


def write_export(cohort: pd.DataFrame, service: str, path: Path, seed: int = 2016) -> None:
    """Write the export of one of the six services, or of one like it."""
    writers = {".xlsx": _write_excel, ".sav": _write_spss}
    writers.get(path.suffix, _write_text)(export_cells(cohort, service, seed)[0], service, path)


def dirt_inventory(cohort: pd.DataFrame, seed: int = 2016) -> pd.DataFrame:
    """The dirt in the exports of this cohort: `dirt`, `what`, and for each service how many (of what: `what`)."""
    counts = {service: export_cells(cohort, service, seed)[1] for service in FILES}
    rows = [{"dirt": dirt, "what": what, **{service: counts[service][dirt] for service in FILES}}
            for dirt, (what, _) in DIRT.items()]
    return pd.DataFrame(rows)


def export_cells(cohort: pd.DataFrame, service: str, seed: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """One service's export as text, under the canonical names but in its own words, and the counts of its dirt."""
    rng = random_generator(seed, f"dirt {service}")
    recorded = cohort.columns[cohort.notna().any()].drop("service")
    truth = cohort.loc[cohort["service"] == service, recorded].reset_index(drop=True)
    cells = truth.apply(_texts)
    counts = {dirt: amounts.get(service, 0) for dirt, (_, amounts) in DIRT.items()}
    for dirt, spoil in VALUE_DIRT.items():
        counts[dirt] = spoil(cells, counts[dirt], rng)
    cells = pd.concat([cells, _refused_rows(cells, service, counts, rng)], ignore_index=True)
    cells = _in_own_words(cells, service, rng)
    for dirt, spoil in SPELLING_DIRT.items():
        spoil(cells, counts[dirt], rng)
    copies = cells.iloc[rng.choice(len(truth), counts["exact_copy"], replace=False)]
    return pd.concat([cells.iloc[rng.permutation(len(cells))], copies], ignore_index=True), counts


# -- dirt in values: each function spoils n cells or patients in place and returns how many it found ---------

def _spoiler(where: Callable[[pd.DataFrame], pd.DataFrame], value: Callable):
    # spoils cells of those where the table `where(cells)` is true; `value`: of a cell, its place among them, and rng
    def spoil(cells, n, rng):
        holds = where(cells)
        rows, columns = np.nonzero(holds.to_numpy())
        chosen = rng.permutation(len(rows))[:n]
        for place, i in enumerate(chosen):
            row, column = rows[i], holds.columns[columns[i]]
            cells.at[row, column] = value(cells.at[row, column], place, rng)
        return len(chosen)
    return spoil


def _unknown(columns: list[str], *values: str):
    # spoils cells that are missing in truth, so that they are missing again after cleaning
    return _spoiler(lambda cells: (cells[columns] == "") & (cells[["consent_upflow"]] != "no").to_numpy(),
                    lambda _cell, _place, rng: str(rng.choice(values)))


def _partial_total(cells, n, rng):
    # as a spreadsheet adds up: what was not answered counts as zero
    found = 0
    for total in TOTALS:
        items = cells.filter(regex=f"^{total}_item")
        rows = cells.index[(cells[total] == "") & (items != "").any(axis=1)][:n - found]
        cells.loc[rows, total] = [str(sum(int(item) for item in items.loc[row] if item)) for row in rows]
        found += len(rows)
    return found


def _no_upflow(cells, n, rng):
    rows = cells.index[cells["consent_upflow"] == "no"][:n]
    ranges = {"sessions": (3, 20), "phq9_baseline": (9, 22), "phq9_end": (1, 14), "gad7_baseline": (8, 20),
              "gad7_end": (1, 12)}
    for column, (low, high) in ranges.items():
        cells.loc[rows, column] = rng.integers(low, high, len(rows)).astype(str)
    cells.loc[rows, "step"] = rng.choice(["step2", "step3"], len(rows))
    return len(rows)


def _no_contact(cells, n, rng):
    rows = rng.permutation(cells.index[cells["consent_contact"] == "no"])[:n]
    answer = {"followup_6m_date": "2016-12-19", "followup_6m_mode": "post", "phq9_6m": "7", "gad7_6m": "5"}
    cells.loc[rows, list(answer)] = list(answer.values())
    return len(rows)


VALUE_DIRT = {
    "too_high": _unknown(["phq9_baseline", "phq9_end", "gad7_baseline", "gad7_end"], "28", "33", "88"),
    "too_old": _unknown(["age"], "203", "-4"),
    "not_a_number": _unknown(["phq9_baseline", "phq9_end", "gad7_baseline", "gad7_end"], "12.5", "7.5"),
    "unknown_code": _unknown(["gender", "ethnicity", "employment_baseline", "step"], "77"),
    "unclear_consent": _spoiler(lambda cells: cells[["consent_contact"]] == "no",
                                lambda _cell, place, _rng: "" if place % 3 else "77"),
    "wrong_year": _spoiler(lambda cells: (cells[["followup_6m_date", "followup_12m_date"]] == "")
                           & (cells[["phq9_6m", "phq9_12m"]] != "").to_numpy(), lambda *_: "2016-01-09"),
    "wrong_total": _spoiler(lambda cells: (cells[TOTALS] != "")
                            & (cells[[f"{total}_item1" for total in TOTALS]] != "").to_numpy(),
                            lambda total, *_: str(int(total) + (-2 if int(total) > 2 else 2))),
    "partial_total": _partial_total, "no_upflow": _no_upflow, "no_contact": _no_contact,
}


def _refused_rows(cells: pd.DataFrame, service: str, counts: dict[str, int], rng) -> pd.DataFrame:
    # new patients, who did not consent; cleaning refuses every row of theirs
    changes = {
        "conflicting_rows": [{"age": "41"}, {"age": "47"}],
        "outside_window": [{"discharge_date": str(rng.choice(["2016-05-31", "2016-07-01", "2016-07-04"]))}],
        "unreadable_date": [{"discharge_date": "" if service == "E" else "2016-06-31"}],
        "single_session": [{"sessions": "1"}],
        "no_id": [{"patient_id": ""}],
    }
    silent, number, rows = cells[cells["consent_contact"] == "no"], ID_SPREAD * len(cells), []
    for dirt, versions in changes.items():
        for _ in range(counts[dirt]):
            number += 1
            like = silent.iloc[rng.integers(len(silent))].to_dict() | {"patient_id": patient_id(service, number)}
            rows += [like | version for version in versions]
    return pd.DataFrame(rows)


# -- the service's own words -----------------------------------------------------------------------

def _in_own_words(cells: pd.DataFrame, service: str, rng) -> pd.DataFrame:
    columns, types, own = _column_map(service), dictionary()["type"], {}
    codes = _spelling(service)
    for name, texts in cells.items():
        if types[name] == "date":
            texts = texts.map(lambda day, style=columns[name].dates: _in_date_style(day, style, service, rng))
        elif types[name] in ("code", "measure"):
            texts = texts.map(lambda code, name=name: codes.get(name, {}).get(code, code))
        if name != "patient_id":
            missing = MISSING[service][types[name] not in ("whole_number", "score")]
            texts = texts.mask((texts == "") & (rng.random(len(texts)) < 0.8), missing)
        own[name] = texts
    return pd.DataFrame(own)


def _in_date_style(day: str, style: str, service: str, rng) -> str:
    if not day or style == "iso":
        return day
    year, month, number = day.split("-")
    if style == "excel_serial":
        return str((dt.date.fromisoformat(day) - dt.date(1899, 12, 30)).days) if day != "2016-06-31" else day
    if service == "C":
        return f"{number}-{MONTH_NAMES[int(month) - 1]}-{year}" if rng.random() < 0.2 else f"{number}.{month}.{year}"
    return f"{number}/{month}/{year}"


def _respelled(respell: Callable[[str], str], *types: str):
    # another spelling of the same value, in cells that are not missing
    def written(cells):
        columns = [name for name, kind in dictionary()["type"].items() if kind in types and name in cells]
        texts = cells[columns].apply(lambda texts: texts.str.strip())
        return ~texts.isin(["", ".", "NULL", "N/A", "-99", "999"])
    return _spoiler(written, lambda cell, *_: respell(cell))


SPELLING_DIRT = {
    "letter_case": _respelled(str.swapcase, "code", "measure"),
    "decimal_numbers": _respelled("{}.0".format, "whole_number"),
    "trailing_blanks": _respelled("{}  ".format, "text", "code", "date"),
}


def _texts(values: pd.Series) -> pd.Series:
    texts = values.dt.strftime("%Y-%m-%d") if values.dtype.kind == "M" else values.astype("str").str.removesuffix(".0")
    return texts.astype("str").fillna("")


def _map_path(service: str) -> Path:
    return PROJECT / "parameters" / "columns" / f"service_{service.lower()}.yaml"


def _column_map(service: str):
    return read_column_map(_map_path(service)).columns


def _spelling(service: str) -> dict[str, dict[str, str]]:
    # for each canonical column: canonical code -> the service's code, as its map spells it
    lists, spelling = code_lists(), {}
    for name, entry in read_yaml(_map_path(service), text_only=True)["columns"].items():
        codes = entry.get("codes", {}) if isinstance(entry, dict) else {}
        codes = lists[codes] if isinstance(codes, str) else codes
        spelling[name] = {meaning: code for code, meaning in codes.items() if meaning}
    return spelling


# -- the service's own file format -----------------------------------------------------------------

def _write_text(cells: pd.DataFrame, service: str, path: Path) -> None:
    columns = read_column_map(_map_path(service))
    table = cells[list(columns.columns)].set_axis([column.source for column in columns.columns.values()], axis=1)
    if service in UNMAPPED:
        name, values = UNMAPPED[service]
        table.insert(1, name, [values[i % len(values)] for i in range(len(table))])
    text = io.StringIO()
    rows = csv.writer(text, delimiter=columns.file.separator, lineterminator=LINE_ENDS[service])
    rows.writerows([table.columns, *table.to_numpy()])
    path.write_bytes(text.getvalue().encode(columns.file.encoding))


def _write_excel(cells: pd.DataFrame, service: str, path: Path) -> None:
    columns = read_column_map(_map_path(service))
    book = openpyxl.Workbook()
    book.active.title = columns.file.sheet
    book.properties.created = WRITTEN
    book.active.append([column.source for column in columns.columns.values()])
    for row in cells[list(columns.columns)].to_numpy():
        book.active.append([int(cell) if re.fullmatch(r"-?\d+", cell) else cell or None for cell in row])
    packed = io.BytesIO()
    book.save(packed)
    # openpyxl stamps the archive with the present time, and compression differs between zlib versions
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2017-08-01T00:00:00Z", source.read(name))
            target.writestr(zipfile.ZipInfo(name, WRITTEN.timetuple()[:6]), content)


def _write_spss(cells: pd.DataFrame, service: str, path: Path) -> None:
    columns, types, codes = _column_map(service), dictionary()["type"], _spelling(service)
    table, labels, formats = {}, {}, {}
    for name, column in columns.items():
        if types[name] == "date":
            table[column.source] = pd.to_datetime(cells[name].replace("", None))
            formats[column.source] = "DATE11"
        elif types[name] == "text":
            table[column.source] = list(cells[name])
        else:
            table[column.source] = pd.to_numeric(cells[name]).astype(float)
            labels[column.source] = {float(code): meaning for meaning, code in codes.get(name, {}).items()}
    labels = {name: meanings for name, meanings in labels.items() if meanings}
    pyreadstat.write_sav(pd.DataFrame(table), path, variable_value_labels=labels, variable_format=formats)
    content = bytearray(path.read_bytes())
    content[92:109] = b"01 Aug 1700:00:00"             # creation date and time in an SPSS file's header
    path.write_bytes(content)
