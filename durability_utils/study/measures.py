"""Questionnaires and their thresholds, read from `parameters/measures.yaml`."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt

from durability_utils.study.dictionary import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT, Number, Text, holds, read_checked

PATH = PROJECT / "parameters" / "measures.yaml"
# what `Rules.changed` and `thresholds` in a study file may change; in points, or without a unit
THRESHOLDS = ("caseness", "reliable_change", "residual", "noticed_points", "noticed_share", "reliability",
              "population_mean", "population_sd")
SHARES = ("noticed_share", "reliability")  # of the THRESHOLDS those from 0 to 1
DECIDING = ("depression", "anxiety", "disorder_specific")
ROLES = (*DECIDING, "functioning", "other")
_Range = Annotated[list[Number], Field(min_length=2, max_length=2, description="[lowest, highest]"),
                   AfterValidator(tuple)]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One questionnaire. Scores in points of the total, or of the item mean where `scale` says so.

    `role`: one of ROLES; `columns`: how the names of its columns begin. `caseness` and `reliable_change`: None of a
    measure that decides nothing. `reliability` (0 to 1), mean and SD of the general population: where the file has
    them, for notebook 09. `residual`: the lowest score below the cut-off called residual symptoms; None where not said.
    `noticed_points`, `noticed_share`: the smallest fall that patients notice, in points and of the score before (0 to
    1). `confirmed`: whether more than secondary citations support the reliable change; `from_memory`: the keys of which
    no text at hand supports the value.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str = ""  # the key in the file
    role: Literal[*ROLES]
    columns: Text
    disorder: Annotated[Text, Field(alias="for")]
    window: Text
    items: StrictInt
    item_range: _Range
    range: _Range
    scale: Literal["sum", "item_mean"]
    confirmed: StrictBool
    source: Text
    caseness: Number | None = None
    reliable_change: Number | None = None
    risk_item: StrictInt | None = None
    reliability: Number | None = None
    population_mean: Number | None = None
    population_sd: Number | None = None
    residual: Number | None = None
    noticed_points: Number | None = None
    noticed_share: Number | None = None
    from_memory: tuple[Text, ...] = ()

    minimum = property(lambda self: self.range[0], doc="The lowest score that there is.")
    maximum = property(lambda self: self.range[1], doc="The highest score that there is.")


def _has_what_nothing_supports(measure: Measure) -> bool:
    return all(getattr(measure, key, None) is not None for key in measure.from_memory)


def _has_what_its_role_needs(measure: Measure) -> bool:
    return measure.role not in DECIDING or (None not in (measure.caseness, measure.reliable_change)
                                            and f"{measure.columns}_baseline" in dictionary().index)


def _named(measures: dict[str, Measure]) -> dict[str, Measure]:
    roles = [measure.role for measure in measures.values()]
    if not roles.count("depression") == roles.count("anxiety") == 1:
        raise ValueError
    return {name: replace(measure, name=name) for name, measure in measures.items()}


_Measure = Annotated[Measure, holds(_has_what_nothing_supports), holds(_has_what_its_role_needs), Field(
    description=f"caseness, reliable_change and columns of data/dictionary.csv, since {', '.join(DECIDING)} decide; "
    "from_memory only of keys that it has")]
_Version = Annotated[dict[str, _Measure], AfterValidator(_named), Field(
    description="one measure of role depression and one of role anxiety")]


def read_measures(version: str) -> dict[str, Measure]:
    """The measures of one version by name, in the file's order; InputError where it, or what one needs, is missing."""
    versions = read_versions()
    if version not in versions:
        raise InputError(f"measures: found {version!r}, expected a version in {PATH.name}: {', '.join(versions)}")
    return dict(versions[version])


def read_versions() -> dict[str, dict[str, Measure]]:
    """The measures of every version; the file is read anew only where it is another one."""
    return _versions(PATH.read_bytes() if PATH.is_file() else b"")


@cache
def _versions(_written: bytes) -> dict[str, dict[str, Measure]]:
    return read_checked(dict[str, _Version], PATH)
