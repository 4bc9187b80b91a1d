"""Questionnaires and their thresholds, read from `parameters/measures.yaml`."""

from dataclasses import dataclass

from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT, read_yaml

PATH = PROJECT / "parameters" / "measures.yaml"
# what `Rules.changed` and `thresholds` in a study file may change; in points, or without a unit
THRESHOLDS = ("caseness", "reliable_change", "residual", "reliability", "population_mean", "population_sd")
ROLES = ("depression", "anxiety", "disorder_specific", "functioning", "other")


@dataclass(frozen=True)
class Measure:
    """One questionnaire. Scores in points of the total, or of the item mean where `scale` says so.

    `role`: one of ROLES; `columns`: how the names of its columns begin.

    `caseness` and `reliable_change`: None of a measure that decides nothing. `reliability` (0 to 1), mean and SD of the
    general population: where the file has them, for notebook 09.
    `residual`: the lowest score below the cut-off that is called residual symptoms; None where nobody has said.
    """

    name: str
    role: str
    columns: str
    disorder: str
    window: str
    items: int
    item_range: tuple[int, int]
    minimum: float
    maximum: float
    scale: str
    confirmed: bool
    source: str
    caseness: float | None = None
    reliable_change: float | None = None
    risk_item: int | None = None
    reliability: float | None = None
    population_mean: float | None = None
    population_sd: float | None = None
    residual: float | None = None


def read_measures(version: str) -> dict[str, Measure]:
    """The measures of one version by name, in the order of the file.

    Raises InputError where the version does not exist.
    """
    versions = read_yaml(PATH)
    if version not in versions:
        raise InputError(f"measures: no version '{version}' in {PATH.name}; there are {', '.join(versions)}")
    return {name: _measure(name, entry) for name, entry in versions[version].items()}


def _measure(name: str, entry: dict) -> Measure:
    low, high = entry["range"]
    if entry.get("role") not in ROLES:
        raise InputError(f"{PATH.name}: {name}: role: found {entry.get('role')!r}, expected {' or '.join(ROLES)}")
    known = {key: entry[key] for key in entry.keys() - {"for", "range", "item_range"}}
    return Measure(
        name=name, disorder=entry["for"], minimum=low, maximum=high,
        item_range=tuple(entry["item_range"]), **known,
    )
