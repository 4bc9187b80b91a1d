"""What a paper needs beside its tables: the methods in words, as the study file sets them, and reporting checklists."""

import re
from importlib.metadata import version

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from durability_utils.runs.provenance import versions
from durability_utils.runs.report import pages, synthetic_notice
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import Study

CHECKLISTS = PROJECT / "data" / "checklists.csv"
_texts = Environment(loader=PackageLoader("durability_utils", "templates"), undefined=StrictUndefined,
                     trim_blocks=True, lstrip_blocks=True)
_texts.filters |= {"number": "{:g}".format, "day": lambda date: f"{date.day} {date:%B %Y}"}


def methods(study: Study) -> dict[str, str]:
    """The methods section of a paper on this study, heading to paragraph: what its settings say was done, and by whom
    a method was proposed. No number in it is a result. To be pasted, read, and cut to what the paper reports.
    """
    text = _texts.get_template("methods.md").render(
        study=study, rules=study.rules, software=versions() | {"durability_utils": version("durability-utils")})
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {heading: " ".join(body.split()) for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


def checklists() -> pd.DataFrame:
    """Where each item of the reporting statements is found: `statement, item, part, asks for, found in`, as text.

    STROBE (von Elm et al. 2007) for observational studies, RECORD (Benchimol et al. 2015) for routinely collected data.
    """
    return pd.read_csv(CHECKLISTS, dtype=str, keep_default_na=False)


def page(study: Study) -> str:
    """The report's page of both, as HTML."""
    return pages.get_template("report_methods.html").render(
        study=study, synthetic=synthetic_notice(study), methods=methods(study), checklists=checklists())
