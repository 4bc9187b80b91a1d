"""The book that `make book` makes: complete, without a dead link, and nothing in it comes from a network.

Oracles: the files of the project that it is made from, and what the command `durability` really says.
"""

import importlib
import json
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from lesson_checks import exercises_of, module_of
from typer.testing import CliRunner

from durability_utils.cli import app
from durability_utils.runs.heads import question
from durability_utils.study.parameters import PROJECT

ROOMS = runpy.run_path(str(PROJECT / "docs" / "rooms.py"))
STUDY_NOTEBOOKS = sorted((PROJECT / "notebooks").glob("[0-9]*.ipynb"))
LESSONS = sorted((PROJECT / "notebooks" / "lessons").glob("*.ipynb"))
LESSON_MODULES = sorted(path.stem for path in (PROJECT / "durability_utils" / "lessons").glob("l[0-9]_*.py"))
# words of this project that the list in CONTRIBUTING.md leaves out
MORE_WORDS = {"phq-9", "gad-7", "adsm", "end of treatment", "denominator", "interval", "cut-off", "mixed case",
              "regression to the mean", "disclosure control", "synthetic data", "study file", "column map"}


class Page(HTMLParser):
    """What a page asks a browser for, where its links go, and what may be linked to in it."""

    def __init__(self, path: Path):
        super().__init__()
        self.fetched, self.links, self.ids, self.classes = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        self.classes.append((tag, (given.get("class") or "").split()))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        self.fetched += [given[key] for key in ("src", "srcset", "data", "poster") if tag != "a" and given.get(key)]
        if tag == "link" and given.get("rel") not in ("next", "prev", "index", "search", "genindex"):
            self.fetched.append(given["href"])


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of the book, made as `make book` makes it: every warning stops it."""
    folder = tmp_path_factory.mktemp("made") / "book"
    done = subprocess.run([sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "-E",
                           "-d", folder.with_name("doctrees"), "-c", "docs", ".", folder],
                          cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(book):
    return {path: Page(path) for path in book.rglob("*.html")}


def test_make_book_gives_that_command():
    command = "sphinx-build -W --keep-going --quiet -E -d build/doctrees -c docs . build/book"
    assert command in (PROJECT / "Makefile").read_text(encoding="utf-8")


def leads_somewhere(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    where = urlsplit(link)
    target = (path.parent / unquote(where.path)).resolve() if where.path else path
    if target not in pages:
        return target.is_file()
    return not where.fragment or unquote(where.fragment) in pages[target].ids


@pytest.mark.slow("makes the book: 20 seconds")
class TestBook:
    def test_every_notebook_is_a_page_and_what_it_shows_of_a_machine_is_none(self, book):
        made = {path.relative_to(book).with_suffix("").as_posix() for path in (book / "notebooks").rglob("*.html")}
        assert made == {path.relative_to(PROJECT).with_suffix("").as_posix() for path in (*STUDY_NOTEBOOKS, *LESSONS)}

    def test_nothing_is_fetched_from_outside_the_book(self, book, pages):
        asked = [(path.name, where) for path, page in pages.items() for where in page.fetched]
        styles = [(path.name, where) for path in book.rglob("*.css")
                  for where in re.findall(r"""(?:url\(|@import)\s*["']?([^"')]+)""", path.read_text(encoding="utf-8"))]
        assert len(asked) > len(pages)
        assert not [(name, where) for name, where in asked + styles
                    if (urlsplit(where).scheme or urlsplit(where).netloc) and not where.startswith("data:")]

    def test_what_is_fetched_is_there(self, pages):
        assert not [(path.name, where) for path, page in pages.items() for where in page.fetched
                    if not where.startswith("data:") and not (path.parent / unquote(urlsplit(where).path)).is_file()]

    def test_every_link_within_the_book_leads_somewhere(self, pages):
        inside = [(path, link) for path, page in pages.items() for link in page.links if not urlsplit(link).scheme]
        assert len(inside) > 10 * len(pages)
        assert not [(path.name, link) for path, link in inside if not leads_somewhere(path, link, pages)]

    def test_links_out_of_the_book_are_those_of_sources_and_name_no_file_of_this_machine(self, pages):
        assert {urlsplit(link).scheme for page in pages.values() for link in page.links} <= {"", "http", "https"}

    def test_the_first_page_of_the_folder_leads_to_the_book(self, book):
        assert 'url=docs/index.html"' in (book / "index.html").read_text(encoding="utf-8")
        assert (book / "docs" / "index.html").is_file()

    def test_the_search_knows_every_page(self, book, pages):
        text = (book / "searchindex.js").read_text(encoding="utf-8")
        index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
        made = {path.relative_to(book).with_suffix("").as_posix() for path in pages}
        assert set(index["docnames"]) == made - {"index", "search", "genindex", "py-modindex"}
        hits = index["terms"]["denomin"]  # the stem of denominator
        assert "docs/glossary" in {index["docnames"][hit] for hit in ([hits] if isinstance(hits, int) else hits)}

    def test_every_module_is_on_the_page_of_its_room(self, pages, book):
        shown = {module for module in ROOMS["imports"]() if not re.search(r"\.cli$|\.lessons\.l\d", module)}
        assert shown == {name.removeprefix("module-") for path, page in pages.items() for name in page.ids
                         if name.startswith("module-") and path.stem == ROOMS["room_of"](name)}

    def test_pages_of_notebooks_say_that_their_data_are_synthetic(self, book):
        for page in book.rglob("notebooks/**/*.html"):
            assert "Nobody on this page exists" in page.read_text(encoding="utf-8").partition("<h2>")[0], page.name

    def test_the_search_can_quote_every_page_without_a_network(self, book, pages):
        text = (book / "_static" / "texts.js").read_text(encoding="utf-8").partition(";\n")[0]
        quoted = json.loads(text.removeprefix("const TEXTS = "))
        made = {path.relative_to(book).as_posix() for path in pages}
        assert set(quoted) == made - {"index.html", "search.html", "genindex.html", "py-modindex.html"}
        assert "denominator" in quoted["docs/glossary.html"]
        assert "texts.js" in (book / "search.html").read_text(encoding="utf-8")

    def test_captions_have_a_level_and_folded_code_its_printed_name(self, pages):
        for path in pages:
            text = path.read_text(encoding="utf-8")
            assert text.count('role="heading"') == text.count('role="heading" aria-level="2"'), path.name
            assert "Toggle hidden content" not in text

    def test_every_picture_of_a_notebook_says_what_it_shows(self, book):
        pictures = {page.name: re.findall(r'<img\b[^>]*?\balt="([^"]*)"', page.read_text(encoding="utf-8"))
                    for page in book.rglob("notebooks/**/*.html")}
        assert "From caseness to below it, by the PHQ-9 alone" in pictures["L1_caseness_and_recovery.html"]
        assert not [(page, words) for page, alts in pictures.items() for words in alts
                    if not words or re.search(r"[0-9a-f]{32}|\.png", words)]

    def test_no_page_of_a_lesson_holds_an_answer(self, book):
        for path in LESSONS:
            page = (book / "notebooks" / "lessons" / f"{path.stem}.html").read_text(encoding="utf-8")
            assert "Opens when all answers are right" in page
            for exercise in exercises_of(module_of(path)).values():
                assert exercise.why[:40] not in page, path.name

    def test_code_is_folded_in_study_notebooks_and_open_in_lessons(self, book, pages):
        def folded(path):
            made = pages[book / path.relative_to(PROJECT).with_suffix(".html")]
            return sum(tag == "details" and "hide" in classes for tag, classes in made.classes)

        for path in STUDY_NOTEBOOKS:
            cells = nbformat.read(path, as_version=4).cells
            assert folded(path) == sum(cell.cell_type == "code" for cell in cells)
        assert LESSONS
        assert not [path.name for path in LESSONS if folded(path)]

    def test_the_glossary_has_every_word_of_the_project(self, book, pages):
        words = re.search(r"\*\*Words\*\*: (.*?)\.", (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)[1]
        words = {" ".join(word.split()) for word in words.split(",")}
        assert {"patient", "reliable recovery", "study"} <= words
        glossary = pages[book / "docs" / "glossary.html"]
        assert not {word for word in words | MORE_WORDS if f"term-{word.replace(' ', '-')}" not in
                    {name.lower() for name in glossary.ids}}


@pytest.mark.parametrize("module", LESSON_MODULES)
def test_the_instructor_s_page_says_what_each_exercise_is_for(module):
    page = (PROJECT / "docs" / "instructors.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {module[:2].upper()} .*?(?=^## )", page, re.S | re.M)[0]
    exercises = importlib.import_module(f"durability_utils.lessons.{module}").EXERCISES
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == list(exercises)


class TestStartNotebook:
    notebook = nbformat.read(PROJECT / "notebooks" / "start_here.ipynb", as_version=4)
    code = tuple(cell for cell in notebook.cells if cell.cell_type == "code")
    prose = tuple(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    shown = tuple(cell.outputs[0].data["text/markdown"] for cell in code)
    links = frozenset(re.findall(r"\]\(([^)]+)\)", "\n".join((*prose, *shown))))

    def test_leads_to_every_notebook_and_nowhere_else(self):
        folder = PROJECT / "notebooks"
        assert not [link for link in self.links if not (folder / link).is_file()]
        assert {path.relative_to(folder).as_posix() for path in (*STUDY_NOTEBOOKS, *LESSONS)} <= self.links

    def test_lists_study_notebooks_and_lessons_by_number_and_question(self):
        lists = [[f"[{path.stem.split('_')[0]} {question(path)}]" for path in paths]
                 for paths in (STUDY_NOTEBOOKS, LESSONS)]
        assert [re.findall(r"\[.*?\]", text) for text in self.shown[:2]] == lists

    def test_is_committed_without_the_runs_of_a_machine(self):
        assert [cell.metadata.get("tags") for cell in self.code] == [None, None, ["nbval-ignore-output"]]
        assert self.shown[-1].startswith("**Run this cell to list your runs**")

    def test_leads_a_manager_to_the_report(self):
        (row,) = [line for line in self.prose[0].splitlines() if "**manager**" in line]
        assert "(../docs/one_service.md)" in row and "`durability report`" in row

    def test_no_question_about_news_comes_first_with_make_or_without(self):
        command = 'jupyter labextension disable "@jupyterlab/apputils-extension:announcements"'
        assert all(command in (PROJECT / name).read_text(encoding="utf-8") for name in ("Makefile", "README.md"))

    def test_make_lab_opens_on_it_and_sees_the_results(self):
        command = "jupyter lab --ServerApp.root_dir=. notebooks/start_here.ipynb"
        assert command in (PROJECT / "Makefile").read_text(encoding="utf-8")


def test_the_way_with_an_own_export_is_shown_as_it_is(tmp_path, monkeypatch):
    page = (PROJECT / "docs" / "own_export.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shutil.copy(PROJECT / "data" / "example" / "riverside.csv", tmp_path)
    proposed = CliRunner().invoke(app, ["new", "riverside", "riverside.csv"])
    assert f"$ durability new riverside riverside.csv\n{proposed.output}```" in page
    assert textwrap.indent(proposed.output, "    ") in (PROJECT / "README.md").read_text(encoding="utf-8")
    checked = CliRunner().invoke(app, ["check", "riverside.yaml"])
    assert (proposed.exit_code, checked.exit_code) == (0, 0)
    checked = checked.output.splitlines()
    shown = page.split("$ durability check riverside.yaml\n")[1].split("```")[0].splitlines()
    assert set(shown) - {"    ..."} <= set(checked)
    assert (checked[0], checked[-1]) == (shown[0], shown[-1])
    for line in re.search(r"```yaml\n(.*?)```", page, re.S)[1].splitlines():
        assert line in (tmp_path / "riverside_columns" / "riverside.yaml").read_text(encoding="utf-8")


def test_the_way_with_tables_is_shown_as_it_is(tmp_path, monkeypatch):
    page = (PROJECT / "docs" / "talking_therapies.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PROJECT / "data" / "example" / "lakeside", tmp_path / "lakeside")
    proposed = CliRunner().invoke(app, ["new", "lakeside", "lakeside"])
    assert f"$ durability new lakeside lakeside\n{proposed.output}```" in page
    checked = CliRunner().invoke(app, ["check", "lakeside.yaml"])
    assert (proposed.exit_code, checked.exit_code) == (0, 0)
    shown = page.split("$ durability check lakeside.yaml\n")[1].split("$ durability run")[0].splitlines()
    assert {line for line in shown if line.strip() != "..."} <= set(checked.output.splitlines())
    written = "".join((tmp_path / name).read_text(encoding="utf-8") for name in (
        "lakeside.yaml", "lakeside_columns/lakeside.yaml"))
    for block in re.findall(r"```yaml\n(.*?)```", page, re.S):
        assert not [line for line in block.splitlines() if line not in written]
    command = re.search(r"python -c \"(.*?)\"\n```", page, re.S)[1].replace("\\\n", "").replace('\\"', '"')
    exec(compile(command, "page", "exec"))
    assert len(list((tmp_path / "my_tables").rglob("IDS101*"))) > 20
