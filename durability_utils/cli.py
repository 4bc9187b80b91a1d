"""The command `durability`: propose a study, check its exports, run, report, share."""

import os
import re
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

import durability_utils
from durability_utils.runs import batch, plan
from durability_utils.runs.plan import Result, Run
from durability_utils.study.column_maps import ColumnMap, read_column_map
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import NO_MEMORY, InputError, lacks_memory
from durability_utils.study.findings import FINDINGS_FILE, PROFILE
from durability_utils.study.parameters import read_yaml
from durability_utils.study.study_file import DISCLOSURE_RULES, Study, read_study

DATA = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".sav", ".dta", ".parquet", ".json", ".zip")
EXAMPLES = """Examples, in the order of a study:

\b
  durability new my_study exports/north.csv exports/south.xlsx
  durability check my_study.yaml
  durability run my_study.yaml
  durability report my_study.yaml --service north
  durability share my_study.yaml --output bundle
  durability list my_study.yaml --service north"""
UsageError = typer.BadParameter.__base__  # typer 0.29 has taken click into itself, earlier ones import it


class _Commands(TyperGroup):
    """Commands that a Ctrl-C ends with one line, whatever they are at: what they write aside is gone by then.

    What is wrong with options or arguments is one line, too; help names arguments without Python's types.
    """

    def make_context(self, *args, **kwargs):
        with _wrong_usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx):
        try:
            with _wrong_usage():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            _stop("stopped; nothing is left half written", 130)

    def get_command(self, ctx, name):
        command = super().get_command(ctx, name)
        for argument in command.params if command else ():
            if argument.param_type_name == "argument":
                argument.display_type_rich = lambda ctx: ""
                argument.get_usage_pieces = lambda ctx, metavar=argument.metavar: [metavar]
        return command


@contextmanager
def _wrong_usage() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        said = error.format_message()
        if error.ctx and "\n" not in said:  # without any argument it is the help itself
            said = f"{said.rstrip('.')}. See {error.ctx.command_path} --help"
        typer.echo(said, err=True)
        raise typer.Exit(2) from None


app = typer.Typer(cls=_Commands, help=durability_utils.__doc__, epilog=EXAMPLES, no_args_is_help=True,
                  add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(help=durability_utils.__doc__)
def in_utf_8() -> None:
    # in another locale, as that of cron with `LC_ALL=C`, Python cannot name every file
    if sys.getfilesystemencoding() != "utf-8":
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONUTF8": "1"})


StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]
Output = Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the results.", file_okay=False,
                                      callback=lambda path: _folder(path))]
Services = Annotated[list[str], typer.Option("--service", metavar="SERVICE",
                                             help="Only this service, or `all`; may be repeated.")]
Steps = Annotated[list[str], typer.Option("--step", metavar="STEP",
                                          help="Only this step: all, step2 or step3; may be repeated.")]
Notebooks = Annotated[list[str], typer.Option("--notebook", metavar="NUMBER",
                                              help="Only this notebook, by number (3 or 03) or name; may be repeated. "
                                              "Cleaning runs with whatever needs it; a restricted one (07) runs only "
                                              "when asked for.")]
Jobs = Annotated[int, typer.Option(metavar="N", min=1, help="Notebooks at a time, on this machine.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Run again what would come out the same, too.")]
Timeout = Annotated[float | None, typer.Option(metavar="SECONDS", min=1,
                                               help="Seconds after which a notebook has failed.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing unless something fails or looks wrong, for cron.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 also where something looks wrong.")]
Scheduler = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on a Dask cluster: tcp://host:8786")]
Results = Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the private results.",
                                       file_okay=False, callback=lambda path: _folder(path))]
BundleFolder = Annotated[Path, typer.Option("--output", metavar="DIR", help="The folder of the bundle.",
                                            callback=lambda path: _folder(path))]
ReportFolder = Annotated[Path | None, typer.Option("--output", metavar="DIR", help="The folder of the Word files; "
                                                   "`reports` among the study's results unless given.")]
Disclosure = Annotated[str | None, typer.Option(metavar="RULE", help="none, nhs or opensafely; else as the study file "
                                                "says.")]
Withhold = Annotated[bool, typer.Option("--withhold", help="Leave out what would tell of single patients beside an "
                                                           "earlier bundle.")]
Override = Annotated[str, typer.Option(metavar="WHY", help="Share it all the same; the sentence is recorded.")]
RESULTS = Path("results")
JOBS = batch.cores() + 1  # while a kernel starts or ends others work


@app.command()
def new(study: Annotated[str, typer.Argument(metavar="MY_STUDY", help="The name of the study: letters, digits, - _")],
        exports: Annotated[list[Path], typer.Argument(metavar="EXPORT...", help="One export a service: a file, or a "
                                                      "folder of Talking Therapies tables.")],
        force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
        with_plan: Annotated[bool, typer.Option("--plan", help="Write the frame of an analysis plan, too.")] = False,
        ) -> None:
    """Propose a study file and column maps.

    They come into this folder: a draft to read and correct. Exit code 2: an export cannot be used, or a file is there
    already; nothing is written then.

    \b
    durability new my_study exports/north.csv exports/south.xlsx
    """
    with _refusals(), _progress() as show:
        show(0, len(exports), "starts")
        from durability_utils.new_study.draft import new_study

        lines = new_study(study, exports, Path(), force, with_plan, show)
    typer.echo("\n".join(lines))


@app.command()
def check(study_file: StudyFile, results: Results = RESULTS, strict: Strict = False) -> None:
    """Check study file and exports.

    Printed is what is read from where, what cleaning would refuse, and what looks wrong. The examples are patients'
    values: what is printed stays with the service. What has changed is told against the last run in --results. Exit
    code 1: an export cannot be used, or looks so wrong that it would be refused; with --strict any warning that is not
    acknowledged.

    \b
    durability check my_study.yaml
    """
    with _refusals():
        study = _study(study_file)
        if study.published:
            read_yaml(study.published)
        cleaning = {run.service: run for run in plan.every_run(study, results, plan.NOTEBOOKS) if run.cleans}
    from durability_utils.cohort import plausibility
    from durability_utils.cohort.cleaning import clean_service
    from durability_utils.cohort.last_month import profile_of, read_profile

    unusable, everything_found, people = 0, [], {}
    for service in study.services:
        try:
            cleaned = clean_service(study, service)
        except (InputError, AssertionError) as error:  # AssertionError: cleaning has lost a row
            unusable += 1
            typer.echo(f"service {service}: {str(error).removeprefix(f'service {service}: ')}", err=True)
            continue
        refused_rows = int((cleaned.rejected["refused"] == "row").sum())
        typer.echo(f"service {service}: {len(cleaned.cohort) + refused_rows} rows read, "
                   f"{len(cleaned.cohort)} in the cohort")
        typer.echo(_mapped(read_column_map(study.services[service].columns), cleaned.absent))
        typer.echo(_refused(cleaned.rejected), nl=False)
        for words, columns in (("in the map, but not in the export", cleaned.unmatched),
                               ("in the export, but not used", cleaned.unused)):
            if columns:
                typer.echo(f"  {words}: {', '.join(columns)}")
        last = cleaning[service]
        before = read_profile(last.folder) if plan.is_left_whole(last, PROFILE) else None
        findings = plausibility.look(study, service, cleaned, profile_of(study, service, cleaned, before))
        typer.echo(_looks_wrong(findings, cleaned))
        everything_found.append(findings)
        people[service] = cleaned.cohort[plausibility.WHO]
    of_all = plausibility.same_people(study, people)
    if len(of_all):
        typer.echo(f"all services\n{_looks_wrong(of_all, None)}")
    levels = ("stop", "warning") if strict else ("stop",)
    wrong = sum(len(plausibility.unacknowledged(findings, level))
                for findings in (*everything_found, of_all) for level in levels)
    raise typer.Exit(int(unusable + wrong > 0))


@app.command()
def run(study_file: StudyFile, output: Output = RESULTS, service: Services = (), step: Steps = (),
        notebook: Notebooks = (), jobs: Jobs = JOBS, fresh: Fresh = False, timeout: Timeout = None,
        quiet: Quiet = False, strict: Strict = False, scheduler: Scheduler = None) -> None:
    """Run the notebooks and write the report.

    What would come out the same is not run again. Exit code 1: something failed, or with --strict a warning is not
    acknowledged; 2: nothing could be run; 130: stopped by Ctrl-C.

    \b
    durability run my_study.yaml
    durability run my_study.yaml --service north --notebook 3
    """
    started = datetime.now(UTC)
    with ExitStack() as held:
        with _refusals():
            if scheduler:  # the other machines know the shared folder by its whole path only
                study_file, output = study_file.resolve(), output.resolve()
            study = _study(study_file)
            everything = plan.every_run(study, output, plan.NOTEBOOKS)
            runs = plan.plan(study, output, service, step, notebook, plan.NOTEBOOKS)
            pool, jobs = _pool(scheduler, jobs, len(runs))
            _refuse_among_exports(everything, output / study.id)
            held.enter_context(batch.alone(study, output))
            for name in ("index.html", "run.json", *(f"{name}/index.html" for name in (plan.POOLED, *study.services))):
                (output / study.id / name).unlink(missing_ok=True)
        results = []
        try:
            with _progress(quiet) as show:
                show(0, len(runs), "starts")
                for running, result in batch.run_all(runs, pool, jobs, timeout, fresh):
                    line = _logged(result, results) if result else ""
                    results += [result] if result else []
                    executed = sum(result.status not in ("unchanged", "skipped") for result in results)
                    show(len(results), len(runs), ", ".join(map(_short, running)),
                         line and f"{len(results)}/{len(runs)} {line}", executed)
                show(len(results), len(runs), "writes the report")
                of_all = _write_report(study, output, everything, results, started)
            warnings = _conclude(study, output, results, of_all, started, quiet)
        except KeyboardInterrupt:
            _stop(f"stopped after {len(results)} of {len(runs)}; the same command runs the rest", 130)
        except (MemoryError, ImportError, RuntimeError) as error:
            if not lacks_memory(f"{type(error).__name__}: {error}"):
                raise
            _stop(f"{study.id}: {NO_MEMORY}; the same command with fewer --jobs runs the rest", 1)
        except OSError as error:
            _stop(f"{study.id}: the results cannot be written ({error.strerror or error}); what stands there is "
                  "complete, and the same command runs the rest", 1)
    failed = any(result.status in ("failed", "skipped") for result in results)
    raise typer.Exit(int(failed or (strict and warnings > 0)))


@app.command()
def report(study_file: StudyFile, service: Services = (), results: Results = RESULTS,
           output: ReportFolder = None) -> None:
    """Write a Word file for each service.

    It has the service's answer on one or two pages, from the results of the last run. Exit code 2: nothing was written,
    because there are no results of a service, or they are not up to date.

    \b
    durability report my_study.yaml
    durability report my_study.yaml --service north --service all --output letters
    """
    with _refusals():
        study = _study(study_file)
        services = plan.chosen("service", service, [plan.POOLED, *study.services])
        with _progress() as show:
            show(0, len(services), "starts")
            from durability_utils.runs import word

            folder = output or results / study.id / "reports"
            runs, documents = plan.every_run(study, results, plan.NOTEBOOKS), {}
            for done, name in enumerate(services):
                show(done, len(services), f"service {name}")
                documents[folder / f"{study.id}_{name}.docx"] = word.document(study, runs, name)
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in documents.items():
            word.write(path, content)
    typer.echo(f"{len(documents)} Word {'file' if len(documents) == 1 else 'files'}: {folder.as_posix()}/")


@app.command()
def share(study_file: StudyFile, output: BundleFolder, results: Results = RESULTS, disclosure: Disclosure = None,
          withhold: Withhold = False, override: Override = "") -> None:
    """Write a bundle that may be passed on.

    It has pages, tables and figures under disclosure control. Exit code 2: nothing was written, because the results are
    not up to date or something must not leave.

    \b
    durability share my_study.yaml --output bundle --disclosure nhs
    """
    with _refusals():
        study = _study(study_file)
        rule = disclosure or study.disclosure
        if rule not in DISCLOSURE_RULES:
            raise InputError(f"disclosure: expected {' or '.join(DISCLOSURE_RULES)}, found {rule or 'nothing'}; say "
                             f"which in {study_file.name}, as in `disclosure: nhs`, or with --disclosure")
        with _progress(timed=False) as show:
            show(0, 1, "starts")
            from durability_utils.sharing.bundle import share as share_results

            lacking = share_results(study, results, output, rule, withhold, override.strip(), show)
    for what in lacking:
        typer.echo(f"not in the bundle: {what}", err=True)
    typer.echo(f"disclosure control: {rule}; no identifier, id or path of this machine was found")
    typer.echo(f"bundle: {(output / 'index.html').as_posix()}")


@app.command("list")
def list_runs(study_file: StudyFile, output: Output = RESULTS, service: Services = (), step: Steps = (),
              notebook: Notebooks = ()) -> None:
    """List what would run, and where it would lie.

    \b
    durability list my_study.yaml --service north
    """
    with _refusals():
        runs = plan.plan(_study(study_file), output, service, step, notebook, plan.NOTEBOOKS)
    for planned in runs:
        typer.echo(f"{planned.name:<25} {planned.service:<12} {planned.step:<6} {planned.target.as_posix()}")
    typer.echo(f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}")


def _study(path: Path) -> Study:
    """The study of a study file; an export in its place is answered with the command that it needs."""
    is_folder = path.is_dir()
    if is_folder or (path.suffix.lower() in DATA and path.exists()):
        named = f'"{path.as_posix()}"' if " " in path.as_posix() else path.as_posix()
        raise InputError(f"{path.absolute().name} is {'a folder' if is_folder else 'data'}, not a study file; propose "
                         f"one from it first: durability new MY_STUDY {named}")
    return read_study(path)


def _folder(path: Path) -> Path:
    """A folder that an option names, whether or not it is there; refused where its links lead nowhere."""
    try:
        path.resolve()
    except (OSError, RuntimeError):  # RuntimeError: a circle of links, up to Python 3.12
        raise typer.BadParameter(f"dir '{path}' is a circle of links.") from None
    return path


def _refuse_among_exports(runs: list[Run], results: Path) -> None:
    """What is run again, or fails, is removed from the results: no export may lie among them, nor they in one."""
    results = results.resolve()
    for file in (file.resolve() for run in runs if run.cleans for file in (run.study.path, *run.reads)):
        if results in file.parents or file in (results, *results.parents):
            raise InputError(f"--output: the results would lie where {file.name} lies; choose another folder")


def _pool(scheduler: str | None, jobs: int, runs: int) -> tuple[Executor, int]:
    """Who runs the notebooks, and how many it is given at a time: a cluster all that can run, and it queues them."""
    if scheduler is None:
        return ThreadPoolExecutor(jobs), jobs
    from durability_utils.runs.cluster import workers

    return workers(scheduler), runs


def _stop(message: str, code: int) -> NoReturn:
    """End at once: kernels end with this process, and what they have not finished is run next time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        os.write(2, b"\x1b[?25h")  # a bar that has just begun has hidden the cursor; sys.stderr is that bar's own
    typer.echo(message, err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (InputError, OSError) as error:
        place = getattr(error, "filename", None)  # by its name alone: where it lies is nobody's business
        typer.echo(f"{_name(Path(str(place)))}: {error.strerror}" if place else str(error), err=True)
        raise typer.Exit(2) from None


def _name(path: Path) -> str:
    """The name of a file or folder; of what is written aside, under a hidden name, that of the folder where it lies."""
    aside = next((part for part in (path, *path.parents) if re.match(r"\.[^.]", part.name)), None)
    return f"{aside.absolute().parent.name}/" if aside else path.name


def _mapped(columns: ColumnMap, absent: list[str]) -> str:
    """Which canonical column is read from which of the export; the items of a measure as one."""
    everywhere = columns.everywhere
    read = {name: everywhere[name] for name in dictionary().index if name in everywhere.keys() - {*absent}}
    of_contacts = columns.contacts.columns if columns.contacts else {}
    read |= {f"the contacts' {name}": column for name, column in of_contacts.items()}
    items = {}
    for name, column in read.items():
        items.setdefault(re.sub("_item[0-9]+$", "_item", name), []).append(column.where)
    said = []
    for name, sources in items.items():
        spoken, found = name, sources[0]
        if name.endswith("_item"):
            spoken, found = f"{name}1 to {len(sources)}", f"{sources[0]} to {sources[-1]}"
        if sources[0] is None:
            said.append(f"{spoken} is {read[name].constant!r} in every row")
        else:
            said.append(spoken if sources[0] in (name, f"{name}1") else f"{spoken} from {found}")
    lines = textwrap.wrap(", ".join(said), 112, initial_indent="    ", subsequent_indent="    ")
    return "\n".join([f"  mapped: {len(read)} columns", *lines])


def _refused(rejected) -> str:
    """What was refused, counted by reason, one line each, with the first lines of the export where it stands."""
    groups = rejected.groupby(["refused", "reason", "column"], dropna=False, sort=True)
    lines = [(refused, reason, "" if column != column else column, str(len(rows)),
              _examples(rows, rejected["file"].nunique() > 1))
             for (refused, reason, column), rows in groups]
    if not lines:
        return "  nothing refused\n"
    lines.insert(0, ("refused", "reason", "column", "n", "row: value"))
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                   + "\n" for line in lines)


def _examples(rejected, several: bool, most: int = 5) -> str:
    """Row and value of the first few, of `several` files with the file before its first; a long value is cut, and what
    would move the cursor is written out."""
    rows = rejected.sort_values(["file", "row"]).head(most)
    where = (rows["file"] + " ").mask(rows["file"].duplicated() | (not several), "") + rows["row"].astype("str")
    texts = [f"{line}: {repr(value[:20])[1:-1]}" if value else line
             for line, value in zip(where, rows["value"], strict=True)]
    return ", ".join(texts) + (", ..." if len(rejected) > most else "")


def _looks_wrong(findings, cleaned) -> str:
    """What looks wrong, a paragraph a finding, with the first lines of the export and the values there."""
    from durability_utils.cohort import plausibility

    said = []
    for row in plausibility.rows_of(findings):
        words = [f"{row.level} {row.name} ({plausibility.in_words(row)}): {row.means} {row.do}"]
        if row.lines:
            examples = ", ".join(plausibility.examples(row, cleaned))
            words.append(f"rows {examples}{', ...' if row.count > len(row.lines) else ''}")
        if row.acknowledged:
            words.append(f"acknowledged: {row.acknowledged}")
        for first, text in zip(("    ", *["      "] * 2), words, strict=False):
            said += textwrap.wrap(text, 112, initial_indent=first, subsequent_indent="      ")
    return "\n".join(["  what looks wrong:", *said]) if said else "  nothing looks wrong"


@contextmanager
def _progress(quiet: bool = False, timed: bool = True) -> Iterator[Callable]:
    """A function that shows how far a command is: `show(done, total, what it is at)`, a bar in a terminal.

    Elsewhere, and where a terminal cannot move its cursor, only its fourth argument, a line for a log, is printed. Its
    fifth: how many of those done took time, all unless given. timed: say how much time is left.
    """
    from rich import progress as rich
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    class TimeLeft(rich.ProgressColumn):
        def render(self, task):
            return Text(_time_left(time.monotonic() - began, executed, (task.total or 0) - task.completed))

    began, executed, console = time.monotonic(), 0, Console(stderr=True)

    words = rich.TextColumn("{task.description}", markup=False, table_column=Column(
        ratio=1, no_wrap=True, overflow="ellipsis"))  # what is too long is cut there, and the bar stays
    columns = (rich.BarColumn(20), rich.MofNCompleteColumn(), rich.TimeElapsedColumn(),
               *([TimeLeft()] if timed else []), words)
    is_bar = not quiet and sys.stderr.isatty() and not console.is_dumb_terminal
    with rich.Progress(*columns, console=console, disable=not is_bar, transient=True, expand=True) as progress:
        task = progress.add_task("", total=None)

        def show(done: int, total: int, doing: str, line: str = "", of_these: int | None = None) -> None:
            nonlocal began, executed
            executed = done if of_these is None else of_these
            if not (executed or doing):  # what is unchanged is passed over, and nothing has begun
                began = time.monotonic()
            progress.update(task, completed=done, total=total, description=doing)
            if line and not is_bar and not quiet:
                typer.echo(line, err=True)

        yield show


def _time_left(seconds: float, executed: int, left: int) -> str:
    """How long the runs that are left take, if as long as those that were executed in so many seconds."""
    return f"{timedelta(seconds=round(seconds / executed * left))} left" if executed >= 5 else "-:--:-- left"


def _logged(result: Result, before: list[Result]) -> str:
    """A run in the log; what is unchanged is not, and of what is skipped the first of each service stands for all."""
    if result.status == "unchanged":
        return ""
    if result.status == "skipped":
        service = result.run.service
        is_first = not any(other.status == "skipped" and other.run.service == service for other in before)
        return f"service {service}: skipped, {result.message}" if is_first else ""
    return f"{result.run.label} {result.status} {result.seconds:.1f} s"


def _short(run: Run) -> str:
    """A run in the bar: `B cleaning`, `B step2 03`."""
    words = (run.service, *([run.step] if run.step != "all" else []), "cleaning" if run.cleans else run.head.number)
    return " ".join(words)


def _write_report(study: Study, output: Path, everything: list[Run], results: list[Result],
                  started: datetime) -> list[dict[str, str]]:
    """Write report and account; what looks wrong in the services together, as rows of text."""
    from durability_utils.runs import papers, report  # statsmodels comes with them: not for `list` and `--help`

    of_all = _of_all(study, output)
    for path, text in report.pages_of(study, output, everything, results, of_all).items():
        batch.write(path, text)
    batch.write(output / study.id / "methods.html", papers.page(study, output / study.id))
    batch.write(output / study.id / "run.json", batch.account(study, results, started))
    return of_all


def _conclude(study: Study, output: Path, results: list[Result], of_all: list[dict[str, str]], started: datetime,
              quiet: bool) -> int:
    """Say in a few lines how it went; how many warnings nobody has acknowledged."""
    from durability_utils.runs import report

    for result in results:
        if result.status == "failed":
            message = result.message.removeprefix(f"service {result.run.service}: ")  # an export's error names it too
            typer.echo(f"{result.run.label} failed: {message} ({result.run.target.as_posix()})", err=True)
        log = report.read_table(result.run.folder / "cleaning_log.csv") if result.run.cleans else []
        if {row["rule"]: row["rows"] for row in log}.get("rows_in_cohort") == "0":
            typer.echo(f"service {result.run.service}: every row was refused, nobody is in its cohort; "
                       f"{(result.run.folder / 'rejected.csv').as_posix()} says why", err=True)
    findings = [(result.run.service, row) for result in results if result.run.cleans
                for row in report.looks_wrong(result)] + [("all", row) for row in of_all]
    warnings = [(service, row) for service, row in findings if row["level"] == "warning" and not row["acknowledged"]]
    for service, row in warnings:
        where = f"{row['column']}, " if row["column"] else ""
        typer.echo(f"service {service}: {row['name']} ({where}{row['count']} of {row['of']}): {row['means']}", err=True)
    if quiet:
        return len(warnings)
    for run in (result.run for result in results if result.status in ("succeeded", "unchanged")):
        if run.restricted:
            typer.echo(f"{run.label}: patients' ids are in {run.folder.as_posix()}/ and stay with the service")
    statuses = [result.status for result in results]
    shown = ("succeeded", "failed", "skipped", *(["unchanged"] if "unchanged" in statuses else []))
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in shown)
    typer.echo(f"{counts} in {(datetime.now(UTC) - started).total_seconds():.1f} s")
    if published := report.published_in_words(report.published_counts(results)):
        typer.echo(published)
    typer.echo(f"report: {(output / study.id / 'index.html').as_posix()}")
    return len(warnings)


def _of_all(study: Study, output: Path) -> list[dict[str, str]]:
    """What looks wrong in the services together, as rows of text."""
    folders = [output / study.id / service / "cleaning" for service in study.services]
    if sum((folder / FINDINGS_FILE).is_file() for folder in folders) < 2:
        return []
    from durability_utils.cohort.plausibility import same_people_there

    return same_people_there(study, output).drop(columns="lines").astype("str").to_dict("records")
