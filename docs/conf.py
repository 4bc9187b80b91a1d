"""The book of everything, made by `make book`: these pages, the notebooks as they are committed, the docstrings.

Its source is the whole project, so that a link from one file to another holds in the book as it does beside it. It is
read from a disk, without a network: nothing here may fetch a script, a font or a picture.
"""

import json
import re
import runpy
import shutil
import tomllib
from itertools import groupby
from pathlib import Path

from durability_utils.runs.heads import number
from durability_utils.runs.report import words_on_the_left

metadata = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project = "Do patients who got better stay better?"
version = release = metadata["version"]

root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/**"]
exclude_patterns = [".*", "build", "results", "data", "parameters", "tests", "durability_utils",
                    "notebooks/start_here.ipynb", "notebooks/lessons/solutions"]
extensions = ["myst_nb", "sphinx.ext.autodoc"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other packages, whose own pages are elsewhere

# -- notebooks: as they are, never executed --------------------------------------------------------
nb_execution_mode = "off"
nb_code_prompt_show = "Show code"
nb_code_prompt_hide = "Hide code"
nb_ipywidgets_js = {}  # sliders need JupyterLab; a still picture stands below each
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "image/png", 1)]
myst_enable_extensions = []
myst_heading_anchors = 3

# -- docstrings: plain text, `names` in backticks --------------------------------------------------
default_role = "code"
add_module_names = False
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"

# -- pages -----------------------------------------------------------------------------------------
html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["book.css"]
html_js_files = ["scroll.js"]
html_extra_path = ["extra"]  # the page that leads from the book's folder to its first page
html_copy_source = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}


SYNTHETIC = """
```{admonition} Synthetic data
:class: caution
Nobody on this page exists, and its numbers support no clinical conclusion.
```
"""


def notebook_page(app, name: str, source: list[str]) -> None:
    """A notebook as a page: the number that others call it by, a banner, words of tables on the left, and of pictures.

    The code of a study notebook is folded away; in a lesson and in an example it is what there is to learn.
    """
    path = Path(name)
    if path.parts[0] != "notebooks" and path.parent.name != "examples":
        return
    notebook = json.loads(source[0])
    first, *_ = notebook["cells"]
    title, _, rest = "".join(first["source"]).partition("\n")
    first["source"] = f"{title.replace('# ', f'# {number(path)} · ', 1)}\n{SYNTHETIC}{rest}"
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        if path.parent.name == "notebooks":
            cell["metadata"].setdefault("tags", []).append("hide-input")
        for data in (output["data"] for output in cell["outputs"] if "text/html" in output.get("data", {})):
            data["text/html"] = words_on_the_left("".join(data["text/html"]))
        titles = [output["metadata"]["image/png"]["alt"] for output in cell["outputs"]
                  if "alt" in output.get("metadata", {}).get("image/png", {})]
        if titles:
            cell["metadata"]["mystnb"] = {"image": {"alt": "; ".join(titles)}}
    source[0] = json.dumps(notebook)


def package_pages(app, config) -> None:
    """A page a room of the package, docs/api/<room>.md, with the docstrings of its modules."""
    rooms, folder = runpy.run_path(str(Path(app.confdir) / "rooms.py")), Path(app.confdir) / "api"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shown = sorted(module for module in rooms["imports"]() if not re.search(r"\.cli$|\.lessons\.l\d", module))
    for room, modules in groupby(shown, rooms["room_of"]):
        sections = [f"## {module.rpartition('.')[2]}\n\n" * (module.count(".") > 1)
                    + f"```{{eval-rst}}\n.. automodule:: {module}\n```" for module in modules]
        lead = [f"# {room}"] if sections[0].startswith("```") else [f"# {room}", f"{rooms['says'](room)}."]
        (folder / f"{room}.md").write_text("\n\n".join([*lead, *sections, ""]), encoding="utf-8")


def parameters(found: re.Match) -> str:
    """The lines of a signature's parameters, each in a box of its own."""
    lines = found[1].replace("<dd>", "<span>").replace("</dd>", "</span>")
    return f'<span class="sig-params">{lines}</span>'


PAGE_TEXTS = {}  # by the address of a page, what the search may quote of it


def finished_page(app, name: str, template: str, context: dict, doctree) -> None:
    """A page as it is written: said as HTML has it for who does not see it, and its text kept for the search.

    Captions have a level, folded code the name that is printed, and parameters are no list of words to define. A page
    that is opened from a disk may not read the others, so texts.js has what a search quotes of them.
    """
    if name == "search":
        app.add_js_file("texts.js")
    if doctree is not None:
        text = re.sub(r"<script.*?</script>|<style.*?</style>|<a class=\"headerlink\".*?</a>", "", context["body"],
                      flags=re.S)
        text = " ".join(re.sub(r"<(?!/?section)[^>]*>", " ", text).split())
        PAGE_TEXTS[f"{name}.html"] = f'<div role="main">{text}</div>'
    for part in ("body", "furo_navigation_tree"):
        if part in context:
            made = context[part].replace('role="heading"', 'role="heading" aria-level="2"')
            made = made.replace('<summary aria-label="Toggle hidden content">', "<summary>")
            context[part] = re.sub(r'<dl>\n((?:<dd><em class="sig-param">.*</dd>\n)+)</dl>', parameters, made)


def search_texts(app, exception) -> None:
    """Write texts.js, which the page of the search answers itself from."""
    if exception is None and app.builder.name == "html":
        (Path(app.outdir) / "_static" / "texts.js").write_text(
            f"const TEXTS = {json.dumps(PAGE_TEXTS, ensure_ascii=False)};\n"
            "window.fetch = async (page) => new Response(TEXTS[page.replace(/^(\\.\\/)+/, '')]);\n", encoding="utf-8")


def without_field_numbers(app, what: str, name: str, member, skip: bool, options) -> bool | None:
    """Leave out what Python says of a named tuple's fields; the docstring of the tuple says more."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app) -> None:
    app.connect("config-inited", package_pages)
    app.connect("source-read", notebook_page)
    app.connect("autodoc-skip-member", without_field_numbers)
    app.connect("html-page-context", finished_page, priority=900)  # after the theme's
    app.connect("build-finished", search_texts)
