"""A service's answer as a Word file of one or two pages, for a manager who gets it by mail."""

from datetime import date
from io import BytesIO
from pathlib import Path

import docx
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from durability_utils.results import write_aside
from durability_utils.runs.answers import in_words, read_answers
from durability_utils.runs.plan import Run
from durability_utils.runs.report import (
    COLUMNS,
    STEP_NAMES,
    TABLES,
    discharged,
    england_line,
    figures,
    flow,
    looks_wrong,
    rate_cells,
    recorded,
    service_name,
    synthetic_notice,
)
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import STEPS, Study

_NOTE = ("Rates are n/N (per cent, 95 % interval by Wilson's method). NHS rate: of everybody who finished treatment; "
         "who lacks a score counts as not improved and not recovered. Paired: of those with all scores. Recovery "
         "leaves out those below caseness at baseline. Kept: of those improved or recovered at end with all scores at "
         "follow-up, those who still were.{carried} At 6 and at 12 months partly other patients answered: the "
         "difference is no change over time. Of fewer than {few} patients counts are given, and no rate.")


def document(study: Study, runs: list[Run], service: str) -> bytes:
    """The Word file of a service, or of `all`, from what the last run left of its `runs`.

    Raises InputError where that is nothing, or no longer what the study's files give.
    """
    here = [run for run in runs if run.service == service]
    results = [recorded(run) for run in here if run.head.cleans or any(map(run.head.owns, TABLES))]
    if old := next((result.run.label for result in results if result.status == "outdated"), None):
        raise InputError(f"{old} is out of date; give the command `durability run` for this study first")
    folder, results_folder = here[0].results / study.id / service / "all", here[0].results
    answers = {step: read_answers(folder.with_name(step) / "tables") for step in STEPS}
    sentences = in_words(answers["all"], study.few)
    if not sentences:
        raise InputError(f"service {service} has no results in {results_folder.name}; give the command `durability "
                         "run` for this study first")
    paper = _blank(f"{service_name(service)}: {study.title}")
    paper.add_heading(service_name(service), 0)
    day = date.today()
    rules = study.rules.note and f"Other rules than the measures' own: {study.rules.note}"
    about = [study.title, discharged(study), f"Written on {day.day} {day:%B %Y}."]
    for text in filter(None, [". ".join(filter(None, about)), synthetic_notice(study), rules]):
        paper.add_paragraph(text)
    paper.add_heading("Are gains kept?", 1)
    for sentence in sentences:
        paper.add_paragraph(sentence)
    if stages := flow(folder):
        paper.add_heading("From discharge to the tables", 1)
        _add_table(paper, ["Patients", "n"], stages, first=8)
    if not answers["all"].are_few(study.few):
        _add_rates(paper, study, answers)
        for picture, words, counts in figures(folder):
            paper.add_heading(words, 1)
            paper.add_picture(str(picture), width=Cm(15))._inline.docPr.set("descr", f"{words} {counts}")
    if england := england_line(study, results_folder, service, answers["all"]):
        paper.add_heading("England", 1)
        paper.add_paragraph(england)
    if asked := sum(len(looks_wrong(result)) for result in results if result.run.cleans):
        paper.add_paragraph(f"The plausibility screen has {asked} {'question' if asked == 1 else 'questions'} about "
                            "this service's export: see its page in the report.")
    written = BytesIO()
    paper.save(written)
    return written.getvalue()


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    write_aside(path, lambda aside: aside.write_bytes(content))


def _blank(title: str):
    paper = docx.Document()
    paper.core_properties.author = paper.core_properties.comments = ""
    paper.core_properties.title, paper.core_properties.language = title, "en-GB"
    paper.styles.element.find(f".//{qn('w:rPrDefault')}//{qn('w:lang')}").set(qn("w:val"), "en-GB")
    page = paper.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2.2)
    page.top_margin = page.bottom_margin = Cm(1.8)
    paper.styles["Normal"].font.size = Pt(10)
    paper.styles["Normal"].paragraph_format.space_after = Pt(4)
    paper.styles["Title"].font.size = Pt(20)
    paper.styles["Heading 1"].font.size = Pt(12)
    paper.styles["Heading 1"].paragraph_format.space_before = Pt(8)
    return paper


def _add_rates(paper, study: Study, answers: dict) -> None:
    """Rates by step: a row a rate, since a page is higher than wide."""
    paper.add_heading("Rates by step", 1)
    columns = [column for columns in COLUMNS.values() for column in columns]
    cells = {step: [" ".join(filter(None, cell[:2])) or "\u2013" for cell in rate_cells(answers[step], study.few)]
             for step in STEPS}
    _add_table(paper, ["", *(STEP_NAMES[step].capitalize() for step in STEPS)],
               [[column.words, *(cells[step][at] for step in STEPS)] for at, column in enumerate(columns)])
    carried = " At 6 months a 12-month answer stands in for a missing one." if study.rules.carry_back else ""
    paper.add_paragraph(_NOTE.format(few=study.few, carried=carried)).runs[0].font.size = Pt(8.5)


def _add_table(paper, head: list[str], rows: list, first: float = 5.5) -> None:
    """A table whose first column is `first` centimetres wide."""
    table = paper.add_table(1 + len(rows), len(head), style="Light Shading")
    table._tbl.tblPr.find(qn("w:tblLook")).set(qn("w:val"), "0620")  # three rules: no bands, no bold first column
    for name in ("firstColumn", "noHBand"):
        table._tbl.tblPr.find(qn("w:tblLook")).set(qn(f"w:{name}"), "01"[name == "noHBand"])
    for column, width in zip(table.columns, [first, *[3.7] * (len(head) - 1)], strict=True):
        column.width = Cm(width)
    for cells, texts in zip(table.rows, [head, *rows], strict=True):
        for cell, text in zip(cells.cells, texts, strict=True):
            cell.text = text
            cell.paragraphs[0].paragraph_format.space_after = Pt(3)
            for part in cell.paragraphs[0].runs:
                part.font.size = Pt(9)
