"""A study whose notebooks take no time: what an export says is what cleaning does."""

from pathlib import Path

import nbformat
from conftest import study_text
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from durability_utils.outcomes.response import RESPONSE_RATES
from durability_utils.outcomes.transitions import SIX_MONTHS
from durability_utils.runs.heads import EACH_SERVICE, EACH_STEP, Head, read_heads
from durability_utils.runs.plan import NOTEBOOKS
from durability_utils.study.holds import Holds
from durability_utils.study.study_file import Study, read_study

HEADS = {head.name: head for head in read_heads(NOTEBOOKS)}
CLEANING, DESK = "01_cleaning", "07_follow_up_desk"

PARAMETERS = {"study": "durability_2016.yaml", "service": "A", "step": "all", "results": "../results",
              "as_of": "2017-06-30"}

CLEAN = """
import os, sys
from pathlib import Path
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import read_study
export = read_study(study).services[service].file[0]
folder = Path(results) / read_study(study).id / service / "cleaning"
folder.mkdir(parents=True, exist_ok=True)
(folder / "cohort.parquet").write_text(export.read_text())
print(export.resolve(), file=sys.stderr)
match export.read_text():
    case "unusable": raise InputError(f"service {service}: {export.name}: line 3: no number")
    case "bug": raise ValueError(f"what is {export.resolve()}")
    case "dies": os._exit(1)
    case "leaves": sys.exit(0)
"""

TABLES = {
    "02_response_rates": ("response_rates.csv", "service,discharged,consented,first_follow_up,second_follow_up,"
                          "both_follow_ups,either_follow_up\\nA,200,100,40,30,20,50\\n"),
    "03_reliable_improvement": ("reliable_improvement_6m.csv", "end,follow_up,n\\n"
                                "no_reliable_improvement,reliable_improvement,17\\n"
                                "reliable_improvement,no_reliable_improvement,10\\n"
                                "reliable_improvement,reliable_improvement,61\\n"),
    "06_published_figures": ("published_figures.csv", "figure,verdict\\na,agrees\\nb,agrees\\nc,differs\\n"
                "d,paper_contradicts_itself\\n"),
}
HOLDS = {"response_rates.csv": RESPONSE_RATES, "reliable_improvement_6m.csv": SIX_MONTHS["improvement"],
         "published_figures.csv": Holds(words=("figure", "verdict"))}


def make_notebook(name: str, code: str, *parameters: str, **rows: str) -> nbformat.NotebookNode:
    """A notebook that declares the given parameters, runs `code`, and has the head of the real notebook `name`.

    `rows` of the head (`runs_for="each service"`) take the place of the real ones, or are its rows.
    """
    real = HEADS.get(name)
    rows = (rows_of(real) if real else {}) | {row.replace("_", " "): text for row, text in rows.items()}
    table = "\n".join(f"| {row} | {text} |" for row, text in rows.items())
    declared = "\n".join(f'{key}: str = "{PARAMETERS[key]}"' for key in parameters)
    return new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}, cells=[
        new_markdown_cell(f"# Is this {name}?\n\n| | |\n|---|---|\n{table}"),
        new_code_cell(declared, metadata={"tags": ["parameters"]}),
        new_code_cell(code),
        new_code_cell("print('to the end')"),
    ])


def rows_of(head: Head) -> dict[str, str]:
    """The rows of a head as a table says them, without the prose."""
    names = {row: " and ".join(f"`{name}`" for name in getattr(head, row)) for row in ("reads", "writes")}
    restricted = {"restricted": "patients' ids"} if head.restricted else {}
    return {"runs for": ", ".join(sorted(head.runs_for))} | names | restricted


def analysis(name: str) -> str:
    """Code that writes the table of a notebook."""
    if name not in TABLES:
        return "1 + 1"
    table, text = TABLES[name]
    service = "service" if "service" in parameters_of(name) else "'all'"
    step = "step" if "step" in parameters_of(name) else "'all'"
    return (f"from pathlib import Path\nfolder = Path(results, 'durability_2016', {service}, {step}, 'tables')\n"
            f"folder.mkdir(parents=True, exist_ok=True)\n(folder / '{table}').write_text('{text}')\n"
            f"(folder / '{table}').with_suffix('.json').write_text({HOLDS[table].as_json()!r})")


def parameters_of(name: str) -> tuple[str, ...]:
    runs_for = HEADS[name].runs_for
    return ("study", "results", *(["service"] if EACH_SERVICE in runs_for else []),
            *(["step"] if EACH_STEP in runs_for else []), *(["as_of"] if name == DESK else []))


def run_key(run) -> tuple[str, str, str]:
    return run.name[:2], run.service, run.step


def make_study(folder: Path, exports: dict[str, str], published: bool = False, **keys) -> tuple[Study, Path]:
    """A study in `folder` with an export for each service and more keys; the folder of its notebooks."""
    for name in ("parameters", "data", "notebooks"):
        (folder / name).mkdir()
    for service, content in exports.items():
        (folder / "data" / f"{service}.csv").write_text(content, encoding="utf-8")
    if published:
        keys["published"] = "published.yaml"
        (folder / "parameters" / "published.yaml").write_text("figures: {}\n", encoding="utf-8")
    services = {service: {"file": f"../data/{service}.csv"} for service in exports}
    path = folder / "parameters" / "durability_2016.yaml"
    path.write_text(study_text(study="durability_2016", title="Gains <kept>, synthetic cohort", discharged=None,
                               anxiety_measure="gad7", services=services, **keys), encoding="utf-8")
    for name in HEADS:
        code = CLEAN if name == CLEANING else analysis(name)
        nbformat.write(make_notebook(name, code, *parameters_of(name)), folder / "notebooks" / f"{name}.ipynb")
    return read_study(path), folder / "notebooks"
