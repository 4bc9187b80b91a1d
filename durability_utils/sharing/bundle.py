"""The bundle that may leave the service: pages, tables, figures, workbook, document, all under disclosure control.

Nothing in it comes from the notebooks: it is made from the tables of a run as `audit` lets them through.
"""

import base64
import json
import shutil
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from durability_utils.figures import scope
from durability_utils.results import cleaning_folder, read_cohort, write_figure, write_table
from durability_utils.runs.batch import write
from durability_utils.runs.heads import PUBLISHED
from durability_utils.runs.papers import STATEMENTS, checklists, methods
from durability_utils.runs.plan import every_run
from durability_utils.runs.provenance import commit, versions
from durability_utils.runs.report import STEP_NAMES, pages, recorded, service_name, synthetic_notice
from durability_utils.sharing import releases
from durability_utils.sharing.audit import KNOWN, control_safely, is_known
from durability_utils.sharing.disclosure import WORDS, Controlled, Table, Tables, table_of
from durability_utils.sharing.document import Section, write_document
from durability_utils.sharing.leaks import leaks
from durability_utils.sharing.readable import (
    Found,
    compared_services,
    for_reader,
    paper_tables,
    what_was_found,
    workbook_sheets,
)
from durability_utils.sharing.shared_figures import shared_figures
from durability_utils.sharing.workbook import Sheet, write_workbook
from durability_utils.shown import side
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds, read_holds
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import STEPS, Study

PROVENANCE = "provenance.json"


def share(study: Study, results: Path, output: Path, rule: str, withhold: bool = False, override: str = "",
          show: Callable[[int, int, str], None] = lambda *_: None) -> list[str]:
    """Write the bundle of a study's results to `output`, in the place of an earlier one, and return what it lacks.

    withhold: leave out what it would tell beside earlier releases. override: why it may tell that. show: told how
    much of how much is done of a stage, and which stage that is. Raises InputError, and writes nothing, where the
    results are not those of the study file and exports as they are, `output` holds something else, the bundle would
    hold what must not leave (see `leaks`), or it would tell more beside an earlier release than each of them does (see
    `releases`).
    """
    def stage(number: int, what: str) -> Callable[[int, int], None]:
        show(0, 1, words := f"{number} of 4: {what}")
        return lambda done, of: show(done, of, words)

    stage(1, "looks whether results are up to date")
    lacking = _check_results(study, results)
    _restore(output)
    _check_output(study, output)
    told = stage(2, "hides small numbers, and attacks what is left")
    controlled = control_safely(read_tables(study, results), rule, study.table1_services, told)
    if rule != "none":
        register = releases.register(results, study)
        patients = releases.patients_of(results, study, register)
        if not override and (earlier := releases.earlier(register, patients)):
            controlled = _beside_earlier(controlled, study, earlier, patients, withhold, told)
    aside = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        told = stage(3, "writes pages, tables and figures")
        write_bundle(study, controlled, aside, lacking, override, told)
        told = stage(4, "searches every file for ids")
        private = [PROJECT, results, study.path.parent,
                   *(file.parent for entry in study.services.values() for file in entry.files)]
        if found := leaks(aside, patient_ids(study, results), private, told):
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            raise InputError(f"nothing was shared: {'; '.join(found[:5])}{more}")
        with _uninterrupted():
            # first: a bundle that is not in the register is worse than an entry without a bundle
            entry = releases.enter(register, patients, controlled, study.table1_services, override) if (
                rule != "none") else None
            try:
                _swap(aside, output)
            except BaseException:
                if entry:
                    entry.unlink()
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return lacking


# -- what it is made from --------------------------------------------------------------------------

def _check_results(study: Study, results: Path) -> list[str]:
    """What the bundle will lack, and why; InputError where results are out of date, or nothing was run."""
    every = [recorded(run) for run in every_run(study, results)
             if PUBLISHED not in run.head.reads and not run.restricted]
    if all(result.status == "not_run" for result in every if not result.run.cleans):
        raise InputError(f"no notebook has been run in {results.name}; give the command `durability run` for this "
                         "study first")
    lacking, of = [], Counter(result.run.name for result in every)
    not_run = Counter(result.run.name for result in every if result.status == "not_run")
    for result in every:
        if result.status == "outdated":
            raise InputError(f"{result.run.label} is out of date in {results.name}; give the command `durability run` "
                             "for this study first")
        if result.status != "succeeded":
            name, why = result.run.name, "not run" if result.status == "not_run" else "failed"
            is_whole = not_run[name] == of[name]
            lacking.append(f"{name} ({why}): {result.run.head.question}" if is_whole else f"{result.run.label} ({why})")
    return [*dict.fromkeys(lacking)]


def _beside_earlier(controlled: Controlled, study: Study, earlier: list[releases.Release],
                    patients: releases.Patients, withhold: bool,
                    show: Callable[[int, int], None] = lambda *_: None) -> Controlled:
    """What may be shared after earlier releases; InputError where that is less, unless it is to be left out."""
    safe = releases.control_again(controlled, study.table1_services, earlier, patients, show)
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


def _old(output: Path) -> Path:
    return output.with_name(f".{output.name}.old")


def _restore(output: Path) -> None:
    """Put the earlier bundle back that a killed `share` had moved aside; removed where another is in its place."""
    if _old(output).is_dir():
        if output.exists():
            shutil.rmtree(_old(output))
        else:
            _old(output).replace(output)


def _swap(aside: Path, output: Path) -> None:
    """Put a new bundle in the place of the earlier one, which comes back where that fails."""
    if output.exists():
        output.replace(_old(output))
    try:
        aside.replace(output)
    except BaseException:
        _restore(output)
        raise
    shutil.rmtree(_old(output), ignore_errors=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold a Ctrl-C back until the end."""
    if threading.current_thread() is not threading.main_thread():  # it is told the main thread alone
        yield
        return
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def read_tables(study: Study, results: Path) -> Tables:
    """The private tables of a study's results by service, step and name, so far as it is known what they hold."""
    tables = {}
    for file in sorted((results / study.id).glob("*/*/tables/*.json")):
        service, step, holds = file.parts[-4], file.parts[-3], read_holds(file)
        if service in (*study.services, "all") and step in STEPS:
            # a category called NA is no missing value; only numbers are missing where blank
            cells = pd.read_csv(file.with_suffix(".csv"), dtype=str, keep_default_na=False)
            numbers = {column: pd.to_numeric(cells[column], errors="coerce") for column in holds.numbers & set(cells)}
            if table := table_to_share(service, step, cells.assign(**numbers), holds):
                tables[service, step, file.stem] = table
    return tables


def table_to_share(service: str, step: str, cells: pd.DataFrame, holds: Holds) -> Table | None:
    """What of a private table disclosure control can deal with, None where it cannot.

    Private columns are left out, and of all patients rows with an unknown kind of count. With any other column the
    whole table is, and so is one of a service or step with such a row: details of few patients.
    """
    cells = cells.drop(columns=[*holds.private], errors="ignore")
    counts = table_of(service, step, cells, holds).counts.values()
    known = [all(map(is_known, row)) for row in zip(*counts, strict=True)]
    if not any(known) or not (all(known) or (service, step) == ("all", "all")):
        return None
    table = table_of(service, step, cells[known].reset_index(drop=True), replace(holds.rows(known), private=()))
    return table if table.is_controlled else None


def patient_ids(study: Study, results: Path) -> set[str]:
    """The ids of everybody in an export of the study, and of their referrals: those in a cohort, and those refused."""
    cohort, _ = read_cohort(results, study, "all", ["patient_id", "referral_id"])
    refused = [pd.read_csv(file, dtype=str, keep_default_na=False, usecols=["patient_id"])["patient_id"]
               for service in study.services
               if (file := cleaning_folder(results, study, service) / "rejected.csv").is_file()]
    return set(cohort["patient_id"]).union(cohort["referral_id"].dropna(), *refused) - {""}


# -- what is in it ---------------------------------------------------------------------------------

def write_bundle(study: Study, controlled: Controlled, folder: Path, lacking: list[str], override: str = "",
                 show: Callable[[int, int], None] = lambda *_: None) -> None:
    """Write all files of the bundle below `folder`. show: told how many pages, and figures of a page, are written."""
    caption = f"{study.title}. {WORDS[controlled.rule]}"
    compared = compared_services(study)
    services = [name for name in ("all", *study.services) if any(name == service for service, *_ in controlled.tables)]
    for (service, step, name), table in controlled.tables.items():
        write_table(table, folder / "tables" / service / step / f"{name}.csv")
    drawn = [*product(services, STEPS)]
    steps = len(drawn) + len(services) + 4  # two pages, a document and a workbook, too
    for done, (service, step) in enumerate(drawn):
        show(done, steps)
        for name, figure in shared_figures(
                service, step, controlled.tables, caption, compared).items():
            path = folder / "figures" / service / step / name
            write_figure(figure, path.with_suffix(".png"))
            with mpl.rc_context({"svg.hashsalt": name}):  # else its ids would be drawn at random
                figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    sections = {service: _service_sections(service, controlled, folder, compared) for service in services}
    notices = [*filter(None, [synthetic_notice(study)]), WORDS[controlled.rule]]
    about, numbered = _about(controlled, lacking), paper_tables(study, controlled)
    paper = [*(Section(2, heading, text.replace("`", "")) for heading, text in methods(study).items()),
             Section(2, "Checklists", f"Where each item of STROBE and of RECORD is found. {STATEMENTS} Notebooks "
                     "(02_response_rates and so on) are pages of the private report; the numbers of them that may be "
                     "shared are in the tables here.", checklists())]
    links = {"index": "Overview", **{service: service_name(service) for service in services}, "methods": "Methods"}
    first = [*([Section(2, "About these numbers", " ".join(about))] if about else []), *(
        table._replace(heading=f"Table {number}. {table.heading}") for number, table in enumerate(numbered, start=1))]
    found = {service: what_was_found(study, controlled, service) for service in services}
    pages_of = [
            ("index", study.title, first, found), ("methods", "Methods in words, and checklists", paper, {}),
            *((service, service_name(service), sections[service], {service: of}) for service, of in found.items())]
    for done, (name, title, parts, told) in enumerate(pages_of, len(drawn)):
        show(done, steps)
        _write_page(folder / f"{name}.html", title, study, notices, parts, links, told)
    show(steps - 2, steps)
    write_document(folder / "tables.docx", study.title, [
        *notices, *(" ".join(of.sentences) for of in [*found.values()][:1]), *about], numbered,
                   [Section(1, "Methods in words"), *paper[:-1], paper[-1]._replace(level=1)])
    checks = Sheet("Checklists", f"Where each item of STROBE and of RECORD is found. {STATEMENTS}", "", checklists())
    show(steps - 1, steps)
    write_workbook(folder / "tables.xlsx", study.title, [*notices, *about],
                   [*workbook_sheets(study, controlled), checks])
    record = {"study": study.id, "title": study.title, "disclosure": controlled.rule, "lacking": lacking,
              "shared_although": override,
              "made": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(), "git": commit()}
    # no hashes of exports: whoever guesses a patient's answers could try his guess on one
    write(folder / PROVENANCE, json.dumps(record, indent=1, ensure_ascii=False))


def _about(controlled: Controlled, lacking: list[str]) -> list[str]:
    texts = []
    if controlled.rule != "none":
        texts.append("Left out are tables and (but for the CSV files) rows without any number that may be shown, and "
                     "levels without one.")
    if lacking:
        texts.append(f"Missing: {'; '.join(lacking)}.".replace("?.", "?"))
    return texts


def _service_sections(service: str, controlled: Controlled, folder: Path, compared: str) -> list[Section]:
    sections = []
    for step in STEPS:
        kinds = {name: list(KNOWN).index(controlled.given[of, at, name].first[0].kind)
                 for of, at, name in controlled.tables if (of, at) == (service, step)}
        shown = [name for name in sorted(kinds, key=kinds.get) if controlled.given[service, step, name].holds.title]
        words = "" if shown else "No table has a number that may be shown."
        sections.append(Section(2, STEP_NAMES[step].capitalize(), words))
        for name in shown:
            holds, figure = controlled.given[service, step, name].holds, f"figures/{service}/{step}/{name}.png"
            some = service == "all" and name.startswith("representativeness")
            sections.append(Section(3, f"{holds.title}, {compared if some else scope(service, step)}", "",
                                    for_reader(holds, controlled.tables[service, step, name]),
                                    [figure] if (folder / figure).is_file() else []))
    return sections


# -- its files -------------------------------------------------------------------------------------

def _write_page(path: Path, title: str, study: Study, notices: list[str], sections: list[Section],
                links: dict[str, str], found: dict[str, Found]) -> None:
    def picture(name: str) -> str:
        return base64.b64encode((path.parent / name).read_bytes()).decode()

    def sides(table: pd.DataFrame) -> list[str]:
        return [side(table.iloc[:, at]) for at in range(table.shape[1])]

    write(path, pages.get_template("share_page.html").render(
        title=title, study=study.title, sections=sections, picture=picture, sides=sides, links=links, here=path.stem,
        notices=notices, found=found))
