"""What a paper needs beside its tables: the methods in words, as the study file sets them, and reporting checklists."""

import re
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from durability_utils.analyses import attrition, case_mix, funnel, imputation, rates, relapse, weighting
from durability_utils.runs.provenance import versions
from durability_utils.runs.report import pages, synthetic_notice
from durability_utils.study.measures import Measure
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import Study

CHECKLISTS = PROJECT / "data" / "checklists.csv"
STATEMENTS = (
    "STROBE, for observational studies: von Elm E et al. (2007) The Strengthening the Reporting of Observational "
    "Studies in Epidemiology (STROBE) statement, PLoS Medicine 4: e296. RECORD, for routinely collected data: "
    "Benchimol EI et al. (2015) The REporting of studies Conducted using Observational Routinely-collected health Data "
    "(RECORD) statement, PLoS Medicine 12: e1001885. What each asks for is in our words; the statements' own words "
    "count.")
_texts = Environment(loader=PackageLoader("durability_utils", "templates"), undefined=StrictUndefined,
                     trim_blocks=True, lstrip_blocks=True)
_PARTS = {part.__name__.split(".")[-1]: part for part in (
    attrition, case_mix, funnel, imputation, rates, relapse, weighting)}  # whose numbers the text takes from them


def _thresholds(measure: Measure) -> str:
    return (f"{measure.minimum:g} to {measure.maximum:g}, caseness at {measure.caseness:g} or more, reliable change "
            f"{measure.reliable_change:g} points or more")


_texts.filters |= {"number": "{:g}".format, "percent": lambda share: f"{100 * share:g}", "thresholds": _thresholds,
                   "day": lambda date: f"{date.day} {date:%B %Y}"}


def methods(study: Study) -> dict[str, str]:
    """The methods section of a paper on this study, heading to paragraph: what its settings say was done, and by whom
    a method was proposed. No number in it is a result. To be pasted, read, and cut to what the paper reports.
    """
    rules = study.rules
    text = _texts.get_template("methods.md").render(
        study=study, rules=rules, compared=study.table1_services, **_PARTS,
        unconfirmed=[name for name in rules.adsms if not rules.measures[name].confirmed],
        software=versions() | {"durability_utils": version("durability-utils")})
    text, references = text.split("## References\n")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {heading: " ".join(body.split()) for heading, body in zip(parts[1::2], parts[2::2], strict=True)} | {
        "References": " ".join(line for line in references.strip().splitlines() if _is_cited(line, text))}


def _is_cited(reference: str, text: str) -> bool:
    first, year = re.match(r"(.+?) [A-Z]+\b.*?\((\d{4})\)", reference).groups()
    return re.search(rf"\b{first}(?:'s)?(?: et al\.| & [\w-]+)?,? \(?{year}", text) is not None


def checklists() -> pd.DataFrame:
    """Where each item of the reporting STATEMENTS is found: `statement, item, part, asks for, found in`, as text.

    `found in` calls a notebook by its file's name, and the part of it by its heading.
    """
    return pd.read_csv(CHECKLISTS, dtype=str, keep_default_na=False)


def page(study: Study, folder: Path) -> str:
    """The report's page of both, as HTML, to lie in `folder`: a notebook's name leads to its page of all services
    where there is one.
    """
    def linked(text: str) -> Markup:
        def link(name: re.Match) -> str:
            target = f"all/all/{name[0]}.html"
            return f'<a href="{target}">{name[0]}</a>' if (folder / target).is_file() else name[0]

        return Markup(re.sub(r"\b\d\d_\w+", link, str(escape(text))))

    return pages.get_template("report_methods.html").render(
        study=study, synthetic=synthetic_notice(study), methods=methods(study), checklists=checklists(),
        linked=linked, statements=STATEMENTS)
