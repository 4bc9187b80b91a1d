"""The report of a run: every executed notebook as a page without code, a page a service, and one that leads to them.

Pages open without a network: style and images stand in the file, and a content policy forbids the rest. The first page
sorts and searches by one script, which the policy names by its hash; without it everything is there.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import accumulate, chain
from pathlib import Path
from typing import NamedTuple

import mistune
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from durability_utils.analyses.published import SETTINGS
from durability_utils.outcomes.proportions import Proportion, proportion
from durability_utils.results import read_cohort
from durability_utils.runs.answers import OUTCOMES, Answers, england, in_words, read_answers, read_table, too_few
from durability_utils.runs.plan import POOLED, Result, Run, is_current, read_record
from durability_utils.runs.provenance import commit, versions
from durability_utils.shown import NOT_APPLICABLE, number, unbroken
from durability_utils.study.errors import InputError
from durability_utils.study.findings import FINDINGS_FILE
from durability_utils.study.labels import label
from durability_utils.study.study_file import STEPS, Study

STEP_NAMES = {"all": "all steps", "step2": "step 2", "step3": "step 3"}
STATUS_NAMES = {"succeeded": "", "unchanged": "", "failed": "failed", "skipped": "skipped", "outdated": "out of date",
                "not_run": "not run"}
COMPARISON = "published_figures.csv"
FIGURES = {"reliable_improvement_6m.png": "Is reliable improvement kept?",
           "reliable_recovery_6m.png": "Is reliable recovery kept?"}
FLOW = "response_flow.csv"


class Column(NamedTuple):
    """A column of the table of rates: its words, where its number stands among the Answers, and the table that holds
    it, by which it is known why a number is absent."""

    words: str
    part: str
    key: tuple[str, str] | None
    table: str


_KEPT = {"6m": "reliable_{}_6m.csv", "12m": "definitions.csv"}
COLUMNS = {
    "Everyone discharged": [
        Column(part.capitalize(), part, None, "response_rates.csv") for part in ("consented", "answered")],
    "Everyone who finished": [
        Column(f"{words} at end, {of}", "end", (outcome, denominator), "services_rates.csv")
        for outcome, words in (("improvement", "Reliably improved"), ("recovery", "Reliably recovered"))
        for denominator, of in (("nhs", "NHS rate"), ("paired", "paired"))],
    "Of those followed up": [
        Column(f"{outcome.capitalize()} kept at {time.removesuffix('m')} months", "kept", (outcome, time),
               _KEPT[time].format(outcome))
        for outcome in ("improvement", "recovery") for time in _KEPT],
}
TABLES = {column.table for columns in COLUMNS.values() for column in columns}  # which the answers are read from
SYNTHETIC = ("Synthetic data. They were made up to match published figures; no clinical, policy or safety conclusion "
             "can be drawn from them.")

# what looks like HTML in a study's title is shown, not obeyed; the exporter's own would cost seconds to import
_markdown = mistune.create_markdown(escape=True)
_TABLE = re.compile(r'<table border="1" class="dataframe">.*?</table>', re.DOTALL)
_EMPTY_HEAD = re.compile(r"<th[^>]*></th>")
_ANY_TABLE = re.compile(r'(?<!aria-label="table">\n)<table.*?</table>', re.DOTALL)  # not one in a box of its own
_ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<t([dh])[^>]*>(.*?)</t[dh]>", re.DOTALL)
pages = Environment(loader=PackageLoader("durability_utils", "templates"), autoescape=True, undefined=StrictUndefined,
                     trim_blocks=True, lstrip_blocks=True)


# -- one page a notebook ---------------------------------------------------------------------------

def page(executed: str, run: Run) -> str:
    """The executed notebook (its JSON) as a page without code."""
    from nbformat import v4

    notebook = v4.reads(executed)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if output.output_type == "error":  # a traceback is code; the notebook keeps it
            output.traceback = [f"{output.ename}: {output.evalue}"]
    body, _ = _exporter().from_notebook_node(notebook)
    return pages.get_template("report_page.html").render(
        title=run.head.question, study=run.study.title, synthetic=synthetic_notice(run.study),
        body=_scrollable(words_on_the_left(body)),
        service=service_name(run.service), step=STEP_NAMES[run.step], notebook=run.target.name)


def words_on_the_left(html: str) -> str:
    """HTML in whose tables by pandas columns of words, headers included, have the class `words`
    (long ones also `sentences`).

    A table with cells over several columns or rows stays as it is.
    """
    return _TABLE.sub(lambda found: _marked_words(found[0]), html)


def _scrollable(html: str) -> str:
    """HTML whose tables a keyboard can scroll, and whose headers all say something."""
    box = '<div class="scroll" tabindex="0" role="group" aria-label="Table; it may be wider than the page">'
    return _EMPTY_HEAD.sub("<td></td>", _ANY_TABLE.sub(rf"{box}\g<0></div>", html))


def _marked_words(table: str) -> str:
    rows = [_CELL.findall(row) for row in _ROW.findall(table)]
    below = [[text for *_, text in row] for row in rows if any(kind == "d" for kind, *_ in row)]
    if not below or "span=" in table:
        return table
    columns = [_kind(column) for column in zip(*below, strict=True)]

    def marked(row: str) -> str:
        kinds = iter(columns)
        return _CELL.sub(lambda cell: re.sub("^<t.", rf'\g<0>{next(kinds, "")}', cell[0]), row)

    return _ROW.sub(lambda row: marked(row[0]), table)


def _kind(column: tuple[str, ...]) -> str:
    words = [text for text in column if text[:1].isalpha() and text not in ("NaN", "nan", "None")]
    if not words:
        return ""
    return ' class="words sentences"' if max(map(len, words)) > 60 else ' class="words"'


def warm_up() -> None:
    """Import what pages and rates need while nobody waits for it: two seconds."""
    _exporter()
    proportion(1, 2)


@cache
def _exporter():
    # imported here because it costs a second that `durability list` need not wait for
    from nbconvert.exporters import HTMLExporter, TemplateExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Exporter(HTMLExporter):
        """Without a second parse of the finished page, for words that our figures bring themselves."""

        def from_notebook_node(self, nb, resources=None, **options):
            return TemplateExporter.from_notebook_node(self, nb, resources, **options)

    exporter = Exporter(template_name="basic", exclude_input=True, exclude_input_prompt=True,
                        exclude_output_prompt=True, exclude_anchor_links=True, optimistic_validation=True)
    exporter.register_filter("highlight_code", lambda code, **_: code)  # named by the template; code is left out
    # a study's title is put into Markdown: what looks like HTML there is shown, not obeyed
    renderer = IPythonRenderer(escape=True, exclude_anchor_links=True)
    exporter.register_filter("markdown2html", lambda text: MarkdownWithMath(renderer=renderer).render(text))
    return exporter


def answer(executed: str) -> str:
    """The first paragraph below the heading `Answer` of an executed notebook (its JSON); blank where there is none.

    With one that ends in a colon comes the list that follows.
    """
    from nbformat import v4

    cells = iter(v4.reads(executed).cells)
    if not any(re.match("#+ Answer", cell.source) for cell in cells):  # leaves the iterator behind the heading
        return ""
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        if text := output.get("data", {}).get("text/markdown"):
            first, gap, rest = text.strip().partition("\n\n")
            return first + gap + rest.partition("\n\n")[0] if first.endswith(":") else first
    return ""


# -- the page that leads to them, and a page a service ---------------------------------------------

class _Report:
    """What all pages of one report share: the latest results of a study, and its rates by service and step."""

    def __init__(self, study: Study, output: Path, runs: list[Run], results: list[Result]):
        self.study, self.root = study, output / study.id
        self.services = [POOLED, *study.services]
        self.there = [service for service in self.services if (self.root / service).is_dir()]  # these have a page
        found = {result.run.target: result for result in results}
        self.latest = [found.get(run.target) or recorded(run) for run in runs if not run.restricted]
        self.answers = {(service, step): read_answers(self.root / service / step / "tables")
                        for service in self.services for step in STEPS}
        self.shared = {"study": study, "synthetic": synthetic_notice(study),
                       "groups": COLUMNS, "few": study.few, "discharged": discharged(study),
                       "starts": [*accumulate(map(len, COLUMNS.values()))],
                       "in_words": lambda service: in_words(self.answers[service, "all"], study.few),
                       "name": service_name, "strips": lambda service, outcome: strips(
                           self.answers[service, "all"], outcome, study.few)}

    def row(self, service: str, step: str) -> dict:
        """A row of the table of rates: `cells` (text, share to sort by, why it is absent)."""
        answers = self.answers[service, step]
        status = {table: next((STATUS_NAMES[result.status] for result in self.latest if (
            result.run.service, result.run.step) == (service, step) and result.run.head.owns(table)), "")
            for table in TABLES}
        return {"step": STEP_NAMES[step], "first": step == STEPS[0], "cells": [
            (*cell, status[column.table] or NOT_APPLICABLE) for cell, column in zip(
                rate_cells(answers, self.study.few), chain(*COLUMNS.values()), strict=True)]}

    def findings(self, service: str) -> list[dict[str, str]]:
        return [row for result in self.latest if result.run.cleans and result.run.service == service
                for row in looks_wrong(result)]

    def link(self, result: Result, start: Path) -> str | None:
        page = result.run.target.with_suffix(".html")
        return page.relative_to(start).as_posix() if page.is_file() else None


def pages_of(study: Study, output: Path, runs: list[Run], results: list[Result],
             of_all: Sequence[dict[str, str]] = ()) -> dict[Path, str]:
    """The first page and the page of each service by their paths: `results`, and for the study's
    other runs what an earlier one left on disk.

    Restricted runs are not in it. `of_all`: what looks wrong in all services together, as rows of `findings.csv`.
    """
    report = _Report(study, output, runs, results)
    script = pages.loader.get_source(pages, "report_index.js")[0]
    cleaned = [result for result in report.latest if result.run.cleans]
    first = pages.get_template("report_index.html").render(
        **report.shared, services=report.services, there=report.there,
        rows={service: [report.row(service, step) for step in STEPS] for service in report.services},
        problems=[(result.run.label, STATUS_NAMES[result.status], result.message, report.link(result, report.root))
                  for result in report.latest if result.status in ("failed", "skipped", "outdated")],
        findings=[(service, rows) for service, rows in [
            *((service, report.findings(service)) for service in study.services), (POOLED, of_all)] if rows],
        looked_at=sum(result.status in ("succeeded", "unchanged") for result in cleaned),
        uncleaned=[result.run.service for result in cleaned if result.status == "failed"],
        published=published_in_words(published_counts(report.latest)), versions=versions(), git=commit(),
        finished=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"), script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode())
    return {report.root / "index.html": first} | {
        report.root / service / "index.html": _service_page(report, service) for service in report.there}


def _service_page(report: _Report, service: str) -> str:
    folder = report.root / service / "all"
    few = report.answers[service, "all"].are_few(report.study.few)
    padded = [None, *report.there, None]
    place = padded.index(service)
    here = [result for result in report.latest if result.run.service == service]
    return pages.get_template("report_service.html").render(
        **report.shared, service=service, there=(), neighbours=(padded[place - 1], padded[place + 1]), are_few=few,
        rows={service: [report.row(service, step) for step in STEPS]}, flow=flow(folder),
        tables=(folder / "tables").is_dir(),
        england=england_line(report.study, report.root.parent, service, report.answers[service, "all"]),
        too_few={outcome: too_few(report.answers[service, "all"], outcome) for outcome in OUTCOMES},
        pictures=[] if few else [(words, counts, base64.b64encode(path.read_bytes()).decode())
                                 for path, words, counts in figures(folder)],
        findings=report.findings(service),
        steps=[(STEP_NAMES.get(step, step), notebooks) for step in ("cleaning", *STEPS)
               if (notebooks := [(result.run.head, STATUS_NAMES[result.status], result.status,
                                  report.link(result, report.root / service), _answer_of(result))
                                 for result in here if result.run.folder.name == step])])


def strips(answers: Answers, outcome: str, few: int) -> list[dict]:
    """For each time what a strip of the picture shows, in per cent: the share, its interval, and what is possible;
    none of few patients."""
    return [{"time": time, "words": unbroken(kept, between="/"), "share": 100 * kept.share,
             "interval": (100 * kept.low, 100 * kept.high),
             "reach": tuple(100 * end for end in answers.reach.get((outcome, time), ())[:2])}
            for (of, time), kept in answers.kept.items() if of == outcome and kept.of >= max(few, 1)]


def rate_cells(answers: Answers, few: int) -> list[tuple[str, str, float | str]]:
    """For each of COLUMNS n/N, the per cent with its interval, and what the column is sorted by; blank where absent."""
    values = (getattr(answers, column.part) for column in chain(*COLUMNS.values()))
    return [_cell(value.get(column.key) if column.key else value, few)
            for value, column in zip(values, chain(*COLUMNS.values()), strict=True)]


def _cell(value: Proportion | None, few: int) -> tuple[str, str, float | str]:
    if value is None:
        return "", "", ""
    counts, _, interval = unbroken(value, few, "/").partition("\u00a0")
    return counts, interval, value.share if interval else ""


def _answer_of(result: Result) -> Markup:
    """The answer of a notebook as HTML, from its provenance."""
    text = read_record(result.run).get("answer", "") if result.status in ("succeeded", "unchanged", "outdated") else ""
    return Markup(_markdown(text))


def flow(folder: Path) -> list[tuple[str, str]]:
    """From discharge to the tables: words and count of each stage, of one service's folder of all steps."""
    return [(row["stage"].capitalize(), number(int(row["n"]))) for row in read_table(folder / "tables" / FLOW)]


def figures(folder: Path) -> list[tuple[Path, str, str]]:
    """The pictures of a service's page that are there, each with what it asks and with its counts in words."""
    return [(path, words, _counts(folder / "tables" / f"{path.stem}.csv"))
            for name, words in FIGURES.items() if (path := folder / "figures" / name).is_file()]


def _counts(table: Path) -> str:
    """A six-month table for those who do not see its picture: where those of each status at end were at 6 months."""
    later = {}
    for row in read_table(table):
        later.setdefault(row["end"], []).append((int(row["n"]), label(row["follow_up"])))
    return " ".join(f"Of {sum(n for n, _ in there)} with {label(end)} at end, at 6 months: "
                    f"{', '.join(f'{n} {words}' for n, words in there if n)}."
                    for end, there in later.items() if any(n for n, _ in there))


def england_line(study: Study, results: Path, service: str, answers: Answers) -> str:
    """What England's services reached in the year of the study, or nearest to the service's discharges."""
    day = study.discharged and study.discharged[0]
    if answers.end and not day:
        try:
            day = read_cohort(results, study, service, ["discharge_date"])[0]["discharge_date"].median()
        except InputError:  # no cohort is left of it
            return ""
    return england(answers, day, study.few)


def looks_wrong(result: Result) -> list[dict[str, str]]:
    """The rows of `findings.csv` that a cleaning left; none where it failed."""
    return [] if result.status == "failed" else read_table(result.run.folder / FINDINGS_FILE)


def recorded(run: Run) -> Result:
    """How an earlier run ended by its provenance; `outdated` where its inputs have changed since."""
    record = read_record(run)
    if not record:
        return Result(run, "not_run")
    if record["status"] == "succeeded" and not is_current(run, record):
        return Result(run, "outdated", "what it was made from has changed since; run it again", record["seconds"])
    return Result(run, record["status"], record["message"], record["seconds"])


def last_commands(results: Path) -> list[dict]:
    """What the last command ran for each study below a folder of results; the latest first.

    Keys: `study`; `services` (ids, `all` among them); `ended` (local time); `runs` (how many by status, as in
    `{"succeeded": 63}`); `report` (the path of its first page, None where it is not there).
    """
    found = []
    for path in results.glob("*/run.json"):
        command = json.loads(path.read_text(encoding="utf-8"))
        report = path.with_name("index.html")
        found.append({
            "study": command["study"], "services": sorted({run["service"] for run in command["runs"]}),
            "ended": datetime.fromisoformat(command["ended"]).astimezone(),
            "runs": dict(Counter(run["status"] for run in command["runs"])),
            "report": report if report.is_file() else None,
        })
    return sorted(found, key=lambda command: command["ended"], reverse=True)


def published_counts(results: list[Result]) -> dict[str, int] | None:
    """How many published figures have each verdict, how many compared are `settings`, and `why` any differ, as far as
    the file of published figures says; None where these results hold no good comparison."""
    folders = [result.run.folder for result in results
               if result.run.head.owns(COMPARISON) and result.status in ("succeeded", "unchanged")]
    rows = read_table(folders[0] / "tables" / COMPARISON) if folders else []
    verdicts = [row["verdict"] for row in rows]
    settings = sum(row["figure"].startswith(SETTINGS) for row in rows if row["verdict"] != "paper_contradicts_itself")
    return {name: verdicts.count(name) for name in ("agrees", "differs", "paper_contradicts_itself")} | {
        "settings": settings, "why": [row["note"] for row in rows if row["verdict"] == "differs" and row.get("note")],
    } if rows else None


def published_in_words(counts: dict[str, int] | None) -> str:
    """What `published_counts` says, as a sentence: what is counted, and what is not."""
    if not counts:
        return ""
    compared, places = counts["agrees"] + counts["differs"], counts["paper_contradicts_itself"]
    settings = f" ({counts['settings']} of them settings, such as the questionnaires)" if counts["settings"] else ""
    why = "".join(f"; differs: {note}" for note in counts["why"])
    said = f"{counts['agrees']} of {compared} published figures{settings} reproduced{why}"
    return f"{said}; not counted: {places} {'place' if places == 1 else 'places'} where the paper contradicts itself"


# -- words -----------------------------------------------------------------------------------------

def service_name(service: str) -> str:
    return "All services" if service == POOLED else f"Service {service}"


def discharged(study: Study) -> str:
    """When the study's patients were discharged, as `Discharged 1 to 30 June 2016`; nothing where it sets no window."""
    if not study.discharged:
        return ""
    first, last = study.discharged
    month = f" {first:%B}" if (first.month, first.year) != (last.month, last.year) else ""
    year = f" {first.year}" if first.year != last.year else ""
    return f"Discharged {first.day}{month}{year} to {last.day} {last:%B} {last.year}"


def synthetic_notice(study: Study) -> str:
    """What every page of a study of made-up patients says; nothing where its title does not say *synthetic*."""
    return SYNTHETIC if "synthetic" in study.title.casefold() else ""
