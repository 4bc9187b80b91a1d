"""The report of a run: every executed notebook as a page without code, and one page that leads to them all.

Pages open without a network: style and images stand in the file, and a content policy forbids the rest.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from durability_utils.outcomes.proportions import proportion
from durability_utils.runs.plan import POOLED, Result, Run, is_current, read_record
from durability_utils.runs.provenance import commit, versions
from durability_utils.study.findings import FINDINGS_FILE
from durability_utils.study.holds import read_holds
from durability_utils.study.study_file import STEPS, Study

STEP_NAMES = {"all": "all steps", "step2": "step 2", "step3": "step 3"}
STATUS_NAMES = {"succeeded": "", "unchanged": "", "failed": "failed", "skipped": "skipped", "outdated": "out of date",
                "not_run": "not run"}
RESPONSE = [("response", stage) for stage in ("discharged", "consented", "either_follow_up")]
OUTCOMES = {("improvement_6m", "reliable_improvement"): "improvement", ("recovery_6m", "reliable_recovery"): "recovery"}
# where a rate of the first page comes from, for those that are absent
RATES = {"response_rates.csv": ("discharged", "consented", "answered")} | {
    f"{code}_6m.csv": (name, f"{name}_kept") for (_, code), name in OUTCOMES.items()}
COMPARISON = "published_figures.csv"

_TABLE = re.compile(r'<table border="1" class="dataframe">.*?</table>', re.DOTALL)
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
        title=run.head.question, study=run.study.title, synthetic=is_synthetic(run.study),
        body=_text_tables_scroll(words_on_the_left(body)),
        service=service_name(run.service), step=STEP_NAMES[run.step], notebook=run.target.name)


def _text_tables_scroll(html: str) -> str:
    """Tables of Markdown scroll by keys, too, and a header that heads nothing is none."""
    scrolling = r'<div class="scroll" tabindex="0" role="group" aria-label="table">\g<0></div>'
    return re.sub(r"<table>.*?</table>", scrolling, html.replace("<th></th>", "<td></td>"), flags=re.DOTALL)


def words_on_the_left(html: str) -> str:
    """HTML in whose tables by pandas columns of words, headers included, have the class `words`
    (long ones also `sentences`).

    A table with cells over several columns or rows stays as it is.
    """
    return _TABLE.sub(lambda found: _marked_words(found[0]), html)


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


# -- the page that leads to them -------------------------------------------------------------------

def index(study: Study, output: Path, runs: list[Run], results: list[Result],
          of_all: Sequence[dict[str, str]] = ()) -> str:
    """The page that leads to the others: `results`, and for the study's other runs what an earlier one left on disk.

    Restricted runs are not in it. `of_all`: what looks wrong in all services together, as rows of `findings.csv`.
    """
    found = {result.run.target: result for result in results}
    latest = [found.get(run.target) or recorded(run) for run in runs if not run.restricted]
    return pages.get_template("report_index.html").render(
        study=study, synthetic=is_synthetic(study), rows=[
            _row(study, output, service, step, latest)
            for service in (POOLED, *study.services) for step in STEPS],
        heads=list(dict.fromkeys(result.run.head for result in latest)),
        problems=[(result.run.label, STATUS_NAMES[result.status], result.message, _link(result, output / study.id))
                  for result in latest if result.status in ("failed", "skipped", "outdated")],
        findings=[(service_name(service), rows) for service, rows in [
            *((result.run.service, looks_wrong(result)) for result in latest if result.run.cleans), (POOLED, of_all)
        ] if rows],
        uncleaned=[result.run.service for result in latest
                   if result.run.cleans and result.status == "failed"],
        published=published_counts(latest), versions=versions(), git=commit(),
        finished=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"))


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
    """How many published figures have each verdict; None where these results hold no good comparison."""
    folders = [result.run.folder for result in results
               if result.run.head.owns(COMPARISON) and result.status in ("succeeded", "unchanged")]
    rows = read_table(folders[0] / "tables" / COMPARISON) if folders else []
    verdicts = [row["verdict"] for row in rows]
    return {name: verdicts.count(name) for name in ("agrees", "differs", "paper_contradicts_itself")} if rows else None


def key_rates(folder: Path) -> dict[str, str]:
    """The key rates of one service and step as text, n/N (per cent, 95 % interval); only those with a table."""
    counts, rates = _counts(folder), {}
    if counts.keys() >= set(RESPONSE):
        discharged, consented, answered = map(counts.get, RESPONSE)
        rates = {"discharged": str(discharged), "consented": proportion(consented, discharged).text(),
                 "answered": proportion(answered, consented).text()}
    for (kind, code), name in OUTCOMES.items():
        if (kind, code, code) in counts:
            cells = {what: n for what, n in counts.items() if what[0] == kind and "total" not in what}
            at_end = sum(n for what, n in cells.items() if what[1] == code)
            rates[name] = proportion(at_end, sum(cells.values())).text()
            rates[f"{name}_kept"] = proportion(cells[kind, code, code], at_end).text()
    return rates


def _counts(folder: Path) -> dict[tuple[str, ...], int]:
    """The counts behind key rates by their names, from whatever tables hold them; of several services the sum."""
    counts, kinds = {}, {kind for kind, *_ in (*RESPONSE, *OUTCOMES)}
    for file in folder.glob("*.json"):
        holds = read_holds(file)
        if kinds & holds.kinds:
            rows = read_table(file.with_suffix(".csv"))
            for column, names in holds.names(rows).items():  # the last row is the sum
                counts |= {name: int(float(row[column])) for name, row in zip(names, rows, strict=True)}
    return counts


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV table as text; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _row(study: Study, output: Path, service: str, step: str, latest: list[Result]) -> dict:
    root = output / study.id
    here = [result for result in latest if (result.run.service, result.run.step) == (service, step)]
    tables = root / service / step / "tables"
    return {
        "service": service_name(service), "step": STEP_NAMES[step], "first": step == STEPS[0],
        "rates": key_rates(tables), "tables": f"{service}/{step}/tables/" if tables.is_dir() else None,
        "absent": {  # in place of a rate without a table the status of the notebook that would have written it
            rate: next((STATUS_NAMES[result.status] for result in here if result.run.head.owns(table)), "\u2013")
            for table, rates in RATES.items() for rate in rates},
        "notebooks": [(result.run.head, result.status, STATUS_NAMES[result.status], _link(result, root))
                      for result in here],
    }


def _link(result: Result, root: Path) -> str | None:
    page = result.run.target.with_suffix(".html")
    return page.relative_to(root).as_posix() if page.is_file() else None


# -- words -----------------------------------------------------------------------------------------

def service_name(service: str) -> str:
    return "All services" if service == POOLED else f"Service {service}"


def is_synthetic(study: Study) -> bool:
    return "synthetic" in study.title.casefold()
