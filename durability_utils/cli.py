"""The command `durability`: run the notebooks of a study, check its exports, list what would run."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import durability_utils
from durability_utils import batch
from durability_utils.batch import Result, Run
from durability_utils.errors import InputError
from durability_utils.parameters import read_yaml
from durability_utils.study import Study, read_study

app = typer.Typer(help=durability_utils.__doc__, no_args_is_help=True, add_completion=False,
                  rich_markup_mode=None, pretty_exceptions_enable=False)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]
Output = Annotated[Path, typer.Option(help="The folder that holds the results.", file_okay=False)]
Services = Annotated[list[str], typer.Option("--service", help="Only this service, or `all`; may be repeated.")]
Steps = Annotated[list[str], typer.Option("--step", help="Only this step: all, step2 or step3; may be repeated.")]
Notebooks = Annotated[list[str], typer.Option("--notebook", help="Only this notebook, by name or number (03); "
                                              "may be repeated. Cleaning runs with whatever needs it.")]
Jobs = Annotated[int, typer.Option(min=1, help="Notebooks at a time.")]
RESULTS = Path("results")
CORES = os.cpu_count() or 1


@app.command()
def run(study_file: StudyFile, output: Output = RESULTS, service: Services = (), step: Steps = (),
        notebook: Notebooks = (), jobs: Jobs = CORES) -> None:
    """Run the notebooks and write a report. Exit code 1: something failed; 2: nothing could be run."""
    with _refusals():
        study = read_study(study_file)
        runs = batch.plan(study, output, service, step, notebook, batch.NOTEBOOKS)
        output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    from durability_utils import report  # statsmodels comes with it: not for `list` and `--help`

    report.index_path(study, output).unlink(missing_ok=True)
    results = []
    with _progress(len(runs)) as show:
        for running, result in batch.run_all(runs, jobs):
            if result:
                results.append(result)
            show(running, result)
            if result and result.run.target.is_file():
                report.write_page(result.run)
    report.write_index(study, output, results)
    for result in results:
        if result.status == "failed":
            typer.echo(_failure(result), err=True)
    _sum_up(study, output, results, time.monotonic() - started)
    raise typer.Exit(int(any(result.status != "succeeded" for result in results)))


@app.command("list")
def list_runs(study_file: StudyFile, output: Output = RESULTS, service: Services = (), step: Steps = (),
              notebook: Notebooks = ()) -> None:
    """List what would run, and where each executed notebook would lie."""
    with _refusals():
        runs = batch.plan(read_study(study_file), output, service, step, notebook, batch.NOTEBOOKS)
    for planned in runs:
        typer.echo(f"{planned.name:<25} {planned.service:<12} {planned.step:<6} {planned.target.as_posix()}")
    typer.echo(f"{len(runs)} runs")


@app.command()
def check(study_file: StudyFile) -> None:
    """Validate study file and exports and print what cleaning would refuse, without a patient's value."""
    with _refusals():
        study = read_study(study_file)
        if study.published:
            read_yaml(study.published)
    from durability_utils.cleaning import clean_service

    unusable = 0
    for service in study.services:
        try:
            cleaned = clean_service(study, service)
        except InputError as error:
            unusable += 1
            typer.echo(f"service {service}: {str(error).removeprefix(f'service {service}: ')}", err=True)
            continue
        refused_rows = int((cleaned.rejected["refused"] == "row").sum())
        typer.echo(f"service {service}: {len(cleaned.cohort) + refused_rows} rows read, "
                   f"{len(cleaned.cohort)} in the cohort")
        typer.echo(_refused(cleaned.rejected), nl=False)
        for words, columns in (("in the map, but not in the export", cleaned.unmatched),
                               ("in the export, but not used", cleaned.unused)):
            if columns:
                typer.echo(f"  {words}: {', '.join(columns)}")
    raise typer.Exit(int(unusable > 0))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (InputError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _refused(rejected) -> str:
    """What was refused, counted by reason, one line each, with the lines of the export where it begins."""
    counts = rejected.groupby(["refused", "reason", "column"], dropna=False, sort=True)["row"]
    lines = [(refused, reason, "" if column != column else column, str(len(rows)), _first(list(rows)))
             for (refused, reason, column), rows in counts]
    if not lines:
        return "  nothing refused\n"
    lines.insert(0, ("refused", "reason", "column", "n", "rows"))
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                   + "\n" for line in lines)


def _first(rows: list[int], most: int = 5) -> str:
    return ", ".join(map(str, sorted(rows)[:most])) + (", ..." if len(rows) > most else "")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[list[Run], Result | None], None]]:
    """A function that shows how far the batch is: a bar in a terminal, else one line a finished run."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    done = 0
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)

        def show(running: list[Run], result: Result | None) -> None:
            nonlocal done
            done += result is not None
            progress.update(task, completed=done, description="; ".join(run.label for run in running))
            if result and progress.disable:
                typer.echo(f"{done}/{total} {result.run.label} {result.status} {result.seconds:.1f} s", err=True)

        yield show


def _failure(result: Result) -> str:
    message = result.message.removeprefix(f"service {result.run.service}: ")  # an export's error names it too
    return f"{result.run.label} failed: {message} ({result.run.target.as_posix()})"


def _sum_up(study: Study, output: Path, results: list[Result], seconds: float) -> None:
    from durability_utils import report

    for result in results:
        log = report.read_table(result.run.folder / "cleaning_log.csv") if result.run.name == batch.CLEANING else []
        if {row["rule"]: row["rows"] for row in log}.get("rows_in_cohort") == "0":
            typer.echo(f"service {result.run.service}: every row was refused, nobody is in its cohort; "
                       f"{(result.run.folder / 'rejected.csv').as_posix()} says why", err=True)
    statuses = [result.status for result in results]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in ("succeeded", "failed", "skipped"))
    typer.echo(f"{counts} in {seconds:.1f} s")
    published = report.published_counts(results)
    if published:
        typer.echo(f"{published['agrees']} of {published['agrees'] + published['differs']} published figures "
                   f"reproduced; in {published['paper_contradicts_itself']} places the paper contradicts itself")
    typer.echo(f"report: {report.index_path(study, output).as_posix()}")
