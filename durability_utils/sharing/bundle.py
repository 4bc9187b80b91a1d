"""The bundle that may leave the service: pages, tables, figures, workbook, document, all under disclosure control.

Nothing in it comes from the notebooks: it is made from the tables of a run as `audit` lets them through.
"""

import base64
import json
import shutil
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import pandas as pd

from durability_utils.figures import label, scope
from durability_utils.results import cleaning_folder, read_cohort, write_figure, write_table
from durability_utils.runs.batch import write
from durability_utils.runs.heads import PUBLISHED
from durability_utils.runs.papers import checklists, methods
from durability_utils.runs.plan import every_run
from durability_utils.runs.provenance import commit, hashes, versions
from durability_utils.runs.report import STEP_NAMES, is_synthetic, pages, recorded, service_name
from durability_utils.sharing import releases
from durability_utils.sharing.audit import KNOWN, OUTCOMES, control_safely, is_known
from durability_utils.sharing.disclosure import WORDS, Controlled, Count, Tables, table_of
from durability_utils.sharing.leaks import leaks
from durability_utils.sharing.shared_figures import shared_figures
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds, read_holds
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import STEPS, Study

PROVENANCE = "provenance.json"
SYNTHETIC = "Synthetic data: made up to match published figures. No clinical conclusion can be drawn from them."


class Section(NamedTuple):
    """A part of a page or of the document: heading with its level, text, table, and figures by the path of the PNG."""

    level: int
    heading: str
    text: str = ""
    table: pd.DataFrame | None = None
    figures: Sequence[str] = ()


def share(study: Study, results: Path, output: Path, rule: str, withhold: bool = False,
          override: str = "") -> list[str]:
    """Write the bundle of a study's results to `output`, in the place of an earlier one, and return what it lacks.

    withhold: leave out what it would tell beside earlier releases. override: why it may tell that. Raises InputError,
    and writes nothing, where the results are not those of the study file and exports as they are, `output` holds
    something else, the bundle would hold what must not leave (see `leaks`), or it would tell more beside an earlier
    release than each of them does (see `releases`).
    """
    lacking = _check_results(study, results)
    _check_output(study, output)
    controlled = control_safely(read_tables(study, results), rule, study.table1_services)
    register, patients = releases.register(results, study), {}
    if rule != "none":
        patients = releases.patients_of(results, study, register)
        if not override and (earlier := releases.earlier(register, patients)):
            controlled = _beside_earlier(controlled, study, earlier, patients, withhold)
    aside = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        write_bundle(study, controlled, aside, lacking, override)
        private = [PROJECT, results, study.path.parent,
                   *(file.parent for entry in study.services.values() for file in entry.files)]
        if found := leaks(aside, patient_ids(study, results), private):
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            raise InputError(f"nothing was shared: {'; '.join(found[:5])}{more}")
        if rule != "none":
            releases.enter(register, patients, controlled, study.table1_services, override)
        old = output.with_name(f".{output.name}.old")
        if output.exists():
            output.replace(old)
        aside.replace(output)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return lacking


# -- what it is made from --------------------------------------------------------------------------

def _check_results(study: Study, results: Path) -> list[str]:
    """What the bundle will lack because its notebook failed; InputError where the results are not up to date."""
    lacking = []
    for result in map(recorded, every_run(study, results)):
        if PUBLISHED in result.run.head.reads or result.run.restricted:
            continue
        if result.status in ("not_run", "outdated"):
            words = "has not been run" if result.status == "not_run" else "is out of date"
            raise InputError(f"{result.run.label} {words} in {results.name}; give the command `durability run` for "
                             "this study first")
        if result.status != "succeeded":
            lacking.append(result.run.label)
    return lacking


def _beside_earlier(controlled: Controlled, study: Study, earlier: list[releases.Release],
                    patients: releases.Patients, withhold: bool) -> Controlled:
    """What may be shared after earlier releases; InputError where that is less, unless it is to be left out."""
    safe = releases.control_again(controlled, study.table1_services, earlier, patients)
    fallen = sorted([*map(str, safe.hidden - controlled.hidden),
                     *(f"the mean of {count}" for count in safe.without_means - controlled.without_means)])
    if fallen and not withhold:
        more = f" and {len(fallen) - 5} more" if len(fallen) > 5 else ""
        raise InputError(f"nothing was shared: beside what was shared on {earlier[-1].made[:10]} it would tell of "
                         f"single patients by {', '.join(fallen[:5])}{more}; wait until more patients have come, "
                         "repeat with --withhold, which leaves these numbers out, or with --override and why they may "
                         "be told, which is recorded")
    return safe


def _check_output(study: Study, output: Path) -> None:
    """Only an earlier bundle of the same study may be replaced."""
    if output.is_dir() and any(output.iterdir()):
        with suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads((output / PROVENANCE).read_text(encoding="utf-8"))["study"] == study.id:
                return
        raise InputError(f"{output.name}: holds something else than an earlier bundle of this study; choose another "
                         "--output")
    if output.is_file():
        raise InputError(f"{output.name}: is a file; expected a folder for the bundle after --output")


def read_tables(study: Study, results: Path) -> Tables:
    """The private tables of a study's results by service, step and name, those of which all is known that they hold."""
    tables = {}
    for file in sorted((results / study.id).glob("*/*/tables/*.json")):
        service, step, holds = file.parts[-4], file.parts[-3], read_holds(file)
        if service in (*study.services, "all") and step in STEPS:
            # a category called NA is no missing value; only numbers are missing where blank
            cells = pd.read_csv(file.with_suffix(".csv"), dtype=str, keep_default_na=False)
            numbers = {column: pd.to_numeric(cells[column], errors="coerce") for column in holds.numbers & set(cells)}
            table = table_of(service, step, cells.assign(**numbers), holds)
            if table.is_controlled and all(map(is_known, table.every_count)):
                tables[service, step, file.stem] = table
    return tables


def patient_ids(study: Study, results: Path) -> set[str]:
    """The ids of everybody in an export of the study: those in a cohort, and those refused."""
    cohort, _ = read_cohort(results, study, "all", ["patient_id"])
    refused = [pd.read_csv(file, dtype=str, keep_default_na=False, usecols=["patient_id"])["patient_id"]
               for service in study.services
               if (file := cleaning_folder(results, study, service) / "rejected.csv").is_file()]
    return set(cohort["patient_id"]).union(*refused) - {""}


# -- what is in it ---------------------------------------------------------------------------------

def write_bundle(study: Study, controlled: Controlled, folder: Path, lacking: list[str], override: str = "") -> None:
    """Write all files of the bundle below `folder`."""
    caption = f"{study.title}. {WORDS[controlled.rule]}"
    services = [name for name in ("all", *study.services) if any(name == service for service, *_ in controlled.tables)]
    for (service, step, name), table in controlled.tables.items():
        write_table(table, folder / "tables" / service / step / f"{name}.csv")
    for service, step in product(services, STEPS):
        for name, figure in shared_figures(service, step, controlled.tables, caption).items():
            path = folder / "figures" / service / step / name
            write_figure(figure, path.with_suffix(".png"))
            with mpl.rc_context({"svg.hashsalt": name}):  # else its ids would be drawn at random
                figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    sections = {service: _service_sections(service, controlled, folder) for service in services}
    first = [_about(study, controlled, lacking), Section(2, "Key rates", _KEY_RATES, _key_rates(services, controlled))]
    paper = [*(Section(2, heading, text) for heading, text in methods(study).items()),
             Section(2, "Checklists", "Where each item of STROBE (observational studies) and of RECORD (routinely "
                     "collected data) is found.", checklists())]
    links = {"index": "Overview", **{service: service_name(service) for service in services}, "methods": "Methods"}
    for name, title, parts in [("index", study.title, first), ("methods", "Methods in words, and checklists", paper),
                               *((service, service_name(service), sections[service]) for service in services)]:
        _write_page(folder / f"{name}.html", title, study, controlled.rule, parts, links)
    everything = [*first, *(section for service in services
                            for section in (Section(1, service_name(service)), *sections[service])),
                  Section(1, "Methods in words, and checklists"), *paper]
    _write_document(folder / "tables.docx", study.title, everything)
    _write_workbook(folder / "tables.xlsx", first, controlled)
    record = {"study": study.id, "title": study.title, "disclosure": controlled.rule, "lacking": lacking,
              "shared_although": override,
              "made": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(), "git": commit(),
              "study_file": _hash(study.path),
              "exports": {service: [*map(_hash, entry.files)] for service, entry in study.services.items()}}
    write(folder / PROVENANCE, json.dumps(record, indent=1, ensure_ascii=False))


def _hash(file: Path) -> str | None:
    return next(iter(hashes([file], []).values()), None)


def _about(study: Study, controlled: Controlled, lacking: list[str]) -> Section:
    texts = [*([SYNTHETIC] if is_synthetic(study) else []), WORDS[controlled.rule]]
    if controlled.rule != "none":
        texts += ["Left out are tables (and on pages rows) without any number that may be shown, and levels without "
                  "one."]
    if lacking:
        texts += [f"Missing, because it could not be computed: {', '.join(lacking)}."]
    return Section(2, "About these numbers", " ".join(texts))


def _service_sections(service: str, controlled: Controlled, folder: Path) -> list[Section]:
    sections = []
    for step in STEPS:
        kinds = {name: list(KNOWN).index(controlled.given[of, at, name].first[0].kind)
                 for of, at, name in controlled.tables if (of, at) == (service, step)}
        shown = [name for name in sorted(kinds, key=kinds.get) if controlled.given[service, step, name].holds.title]
        words = "" if shown else "No table has a number that may be shown."
        sections.append(Section(2, STEP_NAMES[step].capitalize(), words))
        for name in shown:
            holds, figure = controlled.given[service, step, name].holds, f"figures/{service}/{step}/{name}.png"
            sections.append(Section(3, f"{holds.title}, {scope(service, step)}", "",
                                    for_reader(holds, controlled.tables[service, step, name]),
                                    [figure] if (folder / figure).is_file() else []))
    return sections


_KEY_RATES = ("Consented: of those discharged. Answered: at least one follow-up, of those who consented. Kept: of "
              "those reliably improved (recovered) at end of treatment, still so at the 6-month follow-up. Per cent "
              "with 95 % intervals by Wilson's method.")


def _key_rates(services: list[str], controlled: Controlled) -> pd.DataFrame:
    def rate(n: Count, of: Count) -> str | None:
        return _rate(str(controlled.shown[n]), *controlled.rates[n, of]) if (n, of) in controlled.rates else None

    rows = []
    for service, step in product(services, STEPS):
        response = (Count(service, step, "response", (stage,))
                    for stage in ("discharged", "consented", "either_follow_up"))
        discharged, consented, answered = (  # of several services the sum
            of.below("total") if of.below("total") in controlled.shown else of for of in response)
        row = {"patients of": f"{service_name(service)}, {STEP_NAMES[step]}",
               "discharged": str(controlled.shown.get(discharged, "\u2013")), "consented": rate(consented, discharged),
               "answered": rate(answered, consented)}
        for outcome, (*_, code) in OUTCOMES.items():
            table = Count(service, step, f"{outcome}_6m", (code,))
            of = table.below("total")
            if kept := rate(table.below(code), of):
                row[f"{outcome} at end, and kept"] = f"{controlled.shown[of]}, {kept}"
        rows.append(row)
    return pd.DataFrame(rows).fillna("\u2013")


def _rate(n: str, percent: str, low: str, high: str) -> str:
    """`60 (86 %, 70 to 96)`; the sign alone where it is hidden."""
    if percent.isdecimal():
        return f"{n} ({percent} %, {low} to {high})"
    return n if n == percent else f"{n} ({percent or 'no patients'})"


def for_reader(holds: Holds, table: pd.DataFrame) -> pd.DataFrame:
    """A table under disclosure control as it is read: words for codes, a rate with its interval in one cell.

    Rows without any number that may be shown are left out.
    """
    shown = table[table[list(holds.counts)].map(str.isdecimal).any(axis=1)]
    for prefix, (n, _) in holds.rates.items():
        columns = [n, *(f"{prefix}{end}" for end in ("percent", "low", "high"))]
        rates = [_rate(*row) for row in shown[columns].itertuples(index=False)]
        shown = shown.assign(**{n: rates}).drop(columns=columns[1:])
        shown = shown if prefix else shown.rename(columns={n: f"{n} (per cent, 95 % interval)"})
    if holds.effects:
        shown = shown.assign(**{"95 % interval": shown["low"] + " to " + shown["high"]}).drop(columns=["low", "high"])
    words = shown.columns.intersection(holds.labels)
    return shown.assign(**{column: shown[column].map(label) for column in words}).rename(columns=label)


# -- its files -------------------------------------------------------------------------------------

def _write_page(path: Path, title: str, study: Study, rule: str, sections: list[Section],
                links: dict[str, str]) -> None:
    def picture(name: str) -> str:
        return base64.b64encode((path.parent / name).read_bytes()).decode()

    write(path, pages.get_template("share_page.html").render(
        title=title, study=study.title, sections=sections, picture=picture, links=links, here=path.stem,
        notices=([SYNTHETIC] if is_synthetic(study) else []) + [WORDS[rule]]))


def _write_document(path: Path, title: str, sections: list[Section]) -> None:
    """A Word document of the tables, to paste from."""
    import docx

    document = docx.Document()
    document.core_properties.author = document.core_properties.comments = ""
    document.core_properties.title = title
    document.add_heading(title, 0)
    for section in sections:
        document.add_heading(section.heading, section.level)
        if section.text:
            document.add_paragraph(section.text)
        if section.table is not None:
            rows = [list(section.table.columns), *section.table.astype("str").to_numpy().tolist()]
            table = document.add_table(len(rows), len(rows[0]), style="Light List")
            for row, texts in zip(table.rows, rows, strict=True):
                for cell, text in zip(row.cells, texts, strict=True):
                    cell.text = text
    document.save(path)


def _write_workbook(path: Path, first: list[Section], controlled: Controlled) -> None:
    """An Excel workbook: a sheet a table, all services and steps below each other, numbers as numbers."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    book.properties.creator = ""
    sheets = {"about": pd.DataFrame({"about these numbers": [section.text for section in first]})}
    for name in dict.fromkeys(name for *_, name in controlled.tables):
        parts = [table.assign(patients_of=service, at_step=step) for (service, step, at), table
                 in controlled.tables.items() if at == name]
        table = pd.concat(parts, ignore_index=True)
        sheets[name] = table[["patients_of", "at_step", *parts[0].columns[:-2]]]
    for name, table in {**sheets, "checklists": checklists()}.items():
        sheet = book.create_sheet(name[:31])
        sheet.append(list(table.columns))
        for row in table.astype("object").itertuples(index=False, name=None):
            sheet.append([_number(cell) for cell in row])
        for cells in sheet.iter_rows():
            for cell in cells:
                if cell.data_type == "f":  # a text that begins with = is no formula
                    cell.data_type = "s"
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for column, texts in zip(sheet.columns, table.astype("str").to_dict("list").items(), strict=True):
            longest = max(map(len, [texts[0], *texts[1]]))
            sheet.column_dimensions[column[0].column_letter].width = min(60, longest + 2)
    del book["Sheet"]
    book.save(path)


def _number(text: str) -> str | int | float:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
