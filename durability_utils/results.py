"""The folders that runs leave behind: where a cohort lies, how a table and a figure are written.

`<results>/<study>/<service>/<step>/` holds `tables/` and `figures/`; `<results>/<study>/<service>/cleaning/`
holds the cohort, `<results>/<study>/<service>/restricted/` what shows patients' ids for the follow-up desk. Files are
written aside and moved into place, so that none is ever half written.
"""

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow.parquet import ParquetFile

from durability_utils.study.dictionary import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect_columns
from durability_utils.study.holds import Holds
from durability_utils.study.study_file import STEPS, Study

_FORMULA_STARTS = ("=", "+", "-", "@")
_NEGATIVE = re.compile(r"-\d+(\.\d+)?")
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def step_folder(results: str | Path, study: Study, service: str, step: str) -> Path:
    """The folder of one service and step; InputError where the study has no such service or step."""
    if service not in (*study.services, "all"):
        raise InputError(f"service: '{service}' is not in {study.path.name}; "
                         f"expected one of {', '.join(study.services)}, all")
    if step not in STEPS:
        raise InputError(f"step: expected one of {', '.join(STEPS)}, found '{step}'")
    return Path(results) / study.id / service / step


def cleaning_folder(results: str | Path, study: Study, service: str) -> Path:
    """The folder of one service's cohort; InputError where the study has no such service."""
    if service not in study.services:
        raise InputError(f"service: '{service}' is not in {study.path.name}; "
                         f"expected one of {', '.join(study.services)}")
    return Path(results) / study.id / service / "cleaning"


def restricted_folder(results: str | Path, study: Study, service: str) -> Path:
    """The folder of what shows patients' ids of one service; InputError where the study has no such service."""
    return cleaning_folder(results, study, service).with_name("restricted")


def owner_only(folder: Path) -> None:
    """Make the folder where it is not there, and let nobody but its owner into it, or read what is in it.

    Windows has no such modes: there the rights are those of the place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():  # what it leads to is not in the folder
            path.chmod(0o700 if path.is_dir() else 0o600)


@contextmanager
def for_owner_only(folder: Path) -> Iterator[None]:
    """Whatever is written meanwhile is its owner's only, from the first byte on, and so is what is in the folder."""
    owner_only(folder)
    usual = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(usual)


def read_cohort(results: str | Path, study: Study, service: str,
                columns: list[str] | None = None,
                keep: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The cleaned cohort of a service, or of `all`: one row a patient, the canonical columns after `service`.

    Only `columns` of them are read, if given, and of each service's cohort only what `keep` gives back is pooled: else
    the memory for `all` would grow with the number of services.
    `service` is categorical: a service with nobody in its cohort is one of its categories. Also the ids of the
    services whose cohort is not there (for `all`). Raises InputError where none is there.
    """
    if not isinstance(study, Study):
        raise InputError(f"study: found a {type(study).__name__}, expected what `read_study` gives")
    ids = list(study.services) if service == "all" else [service]
    paths = {name: cleaning_folder(results, study, name) / "cohort.parquet" for name in ids}
    there = [name for name, path in paths.items() if path.is_file()]
    if not there:
        study_file = Path(study.path.parent.name, study.path.name).as_posix()
        raise InputError(
            f"no cleaned cohort of service {' or '.join(ids)}: run the notebook 01_cleaning for it first, or "
            f"`durability run {study_file} --output {Path(results).name} --notebook 01_cleaning`"
        )
    if unknown := [name for name in columns or () if name not in dictionary().index]:
        raise InputError(f"columns: found {unknown[0]!r}, expected those of data/dictionary.csv")
    # as `pandas.read_parquet`, which sets up a data set for each file
    read = (ParquetFile(paths[name]).read(columns).to_pandas() for name in there)
    cohorts = [keep(cohort) if keep else cohort for cohort in read]
    sizes = [len(cohort) for cohort in cohorts]
    cohort = pd.concat(cohorts, ignore_index=True)
    cohort.insert(0, "service", pd.Categorical.from_codes(np.repeat(range(len(there)), sizes), there))
    return cohort, [name for name in ids if name not in there]


def gaps(cohort: pd.DataFrame, absent: list[str]) -> str:
    """A sentence on the services that a result lacks, or nothing: those absent, and those with nobody in the cohort."""
    sizes = cohort.groupby("service", observed=False).size()
    empty = [str(name) for name in sizes.index[sizes == 0]]
    return " ".join(f"{words}: {', '.join(names)}." for words, names in
                    (("Missing services", absent), ("Services with nobody in the cohort", empty)) if names)


def write_table(table: pd.DataFrame, path: str | Path, holds: Holds | None = None) -> None:
    """Write a tidy CSV: one header line, unrounded numbers, and no text that a spreadsheet would run as a formula.

    What it holds is written beside it as JSON; a table that does not say it is never shared. Raises InputError where it
    does not hold what is said.
    """
    path = Path(path)
    expect_columns(table, [], "table")
    if holds:
        holds.check(table, path.name)
    beside = path.with_suffix(".json")
    beside.unlink(missing_ok=True)  # first: an older one says what this table need not hold
    text = table.select_dtypes(["str", "object", "category"]).columns
    safe = table.assign(**{column: table[column].map(not_a_formula) for column in text})
    write_aside(path, lambda aside: safe.to_csv(aside, index=False, encoding="utf-8", lineterminator="\n"))
    if holds:
        write_aside(beside, lambda aside: aside.write_text(holds.as_json(), encoding="utf-8", newline="\n"))


def write_figure(figure, path: str | Path):
    """Write the matplotlib figure as a PNG, and return it for a notebook to show: drawn once is enough."""
    from IPython.display import Image  # here, as all that draws: who only reads cohorts need not wait for it
    from matplotlib.figure import Figure

    path = Path(path)
    if not isinstance(figure, Figure):
        raise InputError(f"figure: found a {type(figure).__name__}, expected a matplotlib Figure (of axes: `.figure`)")
    write_aside(path, lambda aside: aside.write_bytes(png(figure)))
    return Image(path.read_bytes(), width=round(96 * figure.get_figwidth()), alt=figure.get_suptitle())


def png(figure, dpi: int = 144) -> bytes:
    """The figure as a PNG without metadata, in a third of the bytes that all its colours take.

    It has at most 64: the 16 most frequent, those of its areas, as they are, and of those on the edges of lines and
    letters one by one the colour that is farthest from all before it. Every other becomes the nearest of these.
    `dpi`: 144 is one and a half times the 96 an inch at which `write_figure` has it shown.
    """
    import PIL.Image

    pixels = _pixels(figure, dpi)
    found, counts = np.unique(pixels, return_counts=True)
    red, green, blue = channels = np.stack([found & 255, found >> 8 & 255, found >> 16]).astype(np.int32)
    order = np.lexsort((blue, green, red, counts))[::-1]
    found, colours = found[order], channels.T[order]
    chosen, distance, nearest = [], np.full(len(found), np.inf), np.zeros(len(found), np.uint8)
    for place in range(min(64, len(found))):
        chosen.append(place if place < 16 else distance.argmax())
        to_it = ((colours - colours[chosen[-1]]) ** 2).sum(axis=1)
        nearest[to_it < distance] = place
        distance = np.minimum(distance, to_it)
    place_of = np.empty(2 ** 24, np.uint8)  # by the number that red, green and blue are as three bytes
    place_of[found] = nearest
    picture = PIL.Image.fromarray(place_of[pixels])
    picture.putpalette(colours[chosen].astype(np.uint8).tobytes())
    written = BytesIO()
    picture.save(written, "png", dpi=(dpi, dpi), compress_level=6)
    return written.getvalue()


def _pixels(figure, dpi: int) -> np.ndarray:
    """The figure as rows of numbers, each red, green and blue as three bytes.

    As `savefig` draws it, which draws all of it twice where the figure has a layout.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before, canvas, layout = (figure.dpi, figure.canvas), FigureCanvasAgg(figure), figure.get_layout_engine()
    try:
        figure.dpi = dpi
        if layout and figure.axes:
            layout.execute(figure)
            figure.set_layout_engine("none")
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).view("<u4")[..., 0] & 2 ** 24 - 1
    finally:
        figure.dpi, figure.canvas = before
        figure.set_layout_engine(layout or "none")


def not_a_formula(cell):
    """A text as a table holds it: with a leading apostrophe where a spreadsheet would run it as a formula (-1 is none).

    Characters that no spreadsheet and no XML can hold become blanks.
    """
    if not isinstance(cell, str):
        return cell
    cell = cell if cell.isprintable() else _NOT_IN_XML.sub(" ", cell)
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) and not _NEGATIVE.fullmatch(cell) else cell


def write_aside(path: Path, write) -> None:
    """Let `write` write to a hidden file beside `path`, then move it there; nothing is left where it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
