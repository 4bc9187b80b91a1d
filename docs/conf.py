"""The book of everything, made by `make book`: these pages, the notebooks as they are committed, the docstrings.

Its source is the whole project, so that a link from one file to another holds in the book as it does beside it. It is
read from a disk, without a network: nothing here may fetch a script, a font or a picture.
"""

import json
import tomllib
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
html_extra_path = ["extra"]  # the page that leads from the book's folder to its first page
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # a page opened from a disk may not read the others
html_theme_options = {"top_of_page_buttons": []}


def notebook_page(app, name: str, source: list[str]) -> None:
    """A notebook as a page: before its question the number that others call it by, and words of tables on the left.

    The code of a study notebook is folded away; in a lesson and in an example it is what there is to learn.
    """
    path = Path(name)
    if path.parts[0] != "notebooks" and path.parent.name != "examples":
        return
    notebook = json.loads(source[0])
    first, *_ = notebook["cells"]
    first["source"] = "".join(first["source"]).replace("# ", f"# {number(path)} · ", 1)
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        if path.parent.name == "notebooks":
            cell["metadata"].setdefault("tags", []).append("hide-input")
        for data in (output["data"] for output in cell["outputs"] if "text/html" in output.get("data", {})):
            data["text/html"] = words_on_the_left("".join(data["text/html"]))
    source[0] = json.dumps(notebook)


def without_field_numbers(app, what: str, name: str, member, skip: bool, options) -> bool | None:
    """Leave out what Python says of a named tuple's fields; the docstring of the tuple says more."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app) -> None:
    app.connect("source-read", notebook_page)
    app.connect("autodoc-skip-member", without_field_numbers)
