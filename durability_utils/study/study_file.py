"""The study file: what one study is, which services it has, by which rules it counts."""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures
from durability_utils.study.parameters import read_yaml
from durability_utils.study.rules import ANXIETY_RULES, Rules

DISCLOSURE_RULES = ("none", "nhs", "opensafely")
STEPS = ("all", "step2", "step3")
SAFE_NAME = re.compile(r"[A-Za-z0-9_-]+")

# key: (type, what was expected, required)
_KEYS = {
    "study": (str, "a plain name (letters, digits, - and _)", True),
    "title": (str, "a line of text", True),
    "measures": (str, "a version in parameters/measures.yaml", True),
    "discharged": (dict, "{from: YYYY-MM-DD, to: YYYY-MM-DD}", False),
    "minimum_sessions": (int, "a whole number, 0 or more", True),
    "carry_back": (bool, "true or false", True),
    "anxiety_measure": (str, " or ".join(ANXIETY_RULES), True),
    "thresholds": (dict, "one line a measure, as in PHQ-9: {reliable_change: 5}", False),
    "table1_services": (list, "a list of services of this study", False),
    "follow_up_windows": (dict, "{6m: [91, 273], 12m: [274, 456]}: first and last day after discharge, 1 or more, "
                                "the 12-month window after the 6-month one", False),
    "published": (str, "the path of a YAML file", False),
    "disclosure": (str, " or ".join(DISCLOSURE_RULES), False),
    "notebooks": (list, "a list of notebooks, as in [my/12_functioning.ipynb]", False),
    "services": (dict, "one line a service: {file: ..., columns: ...}", True),
}


@dataclass(frozen=True)
class Service:
    """One service of a study: its id, its export, and its column map (None: canonical names).

    `contacts`: the second file of a long export; None: its contacts, if any, stand in `file`.
    """

    id: str
    file: Path
    columns: Path | None
    contacts: Path | None = None


@dataclass(frozen=True)
class Study:
    """A validated study file. `discharged` is (first day, last day), both included, or None.

    `disclosure`: the rule by which `durability share` shows small numbers; None where the file has none.
    `notebooks`: those of its own, which run after cleaning like the project's.
    `follow_up_windows`: for `6m` and `12m` the first and last day after discharge, both included; or None.
    """

    path: Path
    id: str
    title: str
    rules: Rules
    discharged: tuple[dt.date, dt.date] | None
    table1_services: tuple[str, ...]
    published: Path | None
    services: dict[str, Service]
    disclosure: str | None = None
    follow_up_windows: dict[str, tuple[int, int]] | None = None
    notebooks: tuple[Path, ...] = ()


def read_study(path: str | Path) -> Study:
    """Read and validate a study file.

    Raises InputError for an unknown, missing or mistyped key, naming the key, the file and what was expected.
    """
    path = Path(path)
    content = read_yaml(path)
    _check_keys(content, path)
    services = {name: _service(name, entry, path) for name, entry in content["services"].items()}
    _check(path, "services", services, _KEYS["services"][1])
    _check(path, "services", len({name.casefold() for name in services}) == len(services),
           "ids that differ by more than letter case")
    table1 = content.get("table1_services", list(services))
    _check(path, "table1_services", table1 and all(isinstance(name, str) and name in services for name in table1),
           f"services of this study ({', '.join(services)}), found {table1}")
    try:
        rules = Rules(read_measures(content["measures"]), content["anxiety_measure"], content["carry_back"],
                      content["minimum_sessions"])
        for measure, values in content.get("thresholds", {}).items():
            rules = rules.changed(measure, **values)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None
    _check(path, "notebooks", all(isinstance(name, str) for name in content.get("notebooks", [])),
           _KEYS["notebooks"][1])
    published = path.parent / content["published"] if "published" in content else None
    _check(path, "published", published is None or published.is_file(), f"{_KEYS['published'][1]} that is there")
    return Study(
        path=path, id=content["study"], title=content["title"], rules=rules,
        discharged=_window(content.get("discharged"), path), table1_services=tuple(table1),
        published=published, disclosure=content.get("disclosure"), services=services,
        follow_up_windows=_follow_up_windows(content.get("follow_up_windows"), path),
        notebooks=tuple(path.parent / name for name in content.get("notebooks", [])),
    )


def _check(path: Path, key: str, holds, expected: str) -> None:
    if not holds:
        raise InputError(f"{path.name}: {key}: expected {expected}")


def _check_keys(content: dict, path: Path) -> None:
    for key, value in content.items():
        if key not in _KEYS:
            raise InputError(f"{path.name}: unknown key '{key}'; known keys: {', '.join(_KEYS)}")
        kind, expected, _ = _KEYS[key]
        # bool is a kind of int to Python, not to a reader
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InputError(f"{path.name}: {key}: expected {expected}, found {value!r}")
    for key, (_, expected, required) in _KEYS.items():
        if required and key not in content:
            raise InputError(f"{path.name}: the key '{key}' is missing; expected {expected}")
    _check(path, "study", SAFE_NAME.fullmatch(content["study"]), _KEYS["study"][1])
    _check(path, "minimum_sessions", content["minimum_sessions"] >= 0, _KEYS["minimum_sessions"][1])
    for key, rules in (("anxiety_measure", ANXIETY_RULES), ("disclosure", DISCLOSURE_RULES)):
        _check(path, key, content.get(key, rules[0]) in rules, _KEYS[key][1])


def _window(entry: dict | None, path: Path) -> tuple[dt.date, dt.date] | None:
    if entry is None:
        return None
    expected = _KEYS["discharged"][1]
    _check(path, "discharged", set(entry) == {"from", "to"}, expected)
    days = (entry["from"], entry["to"])
    # a datetime is a kind of date: a time of day has no meaning here
    _check(path, "discharged", all(type(day) is dt.date for day in days), f"{expected}, found {entry}")
    _check(path, "discharged", days[0] <= days[1], "`from` on or before `to`")
    return days


def _follow_up_windows(entry: dict | None, path: Path) -> dict[str, tuple[int, int]] | None:
    if entry is None:
        return None
    key, expected = "follow_up_windows", _KEYS["follow_up_windows"][1]
    _check(path, key, set(entry) == {"6m", "12m"}, expected)
    _check(path, key, all(isinstance(days, list) and len(days) == 2 and all(type(day) is int for day in days)
                          for days in entry.values()), f"{expected}, found {entry}")
    days = [*entry["6m"], *entry["12m"]]
    _check(path, key, 1 <= days[0] <= days[1] < days[2] <= days[3], f"{expected}, found {entry}")
    return {time: tuple(entry[time]) for time in ("6m", "12m")}


def _service(name: str, entry: dict, path: Path) -> Service:
    key = f"services: {name}"
    _check(path, key, isinstance(name, str), "a service id in quotes, since YAML reads it as something else")
    _check(path, key, SAFE_NAME.fullmatch(name) and name.casefold() != "all",
           "a plain name (letters, digits, - and _; not `all`)")
    _check(path, key, isinstance(entry, dict) and "file" in entry, "{file: ..., columns: ...}")
    for field, value in entry.items():
        _check(path, key, field in ("file", "columns", "contacts"),
               f"the keys file, columns and contacts, found '{field}'")
        _check(path, key, isinstance(value, str) and value, f"a path after {field}:, found {value!r}")
    _check(path, key, "columns" in entry or "contacts" not in entry,
           "a column map after columns:, since it says how the contacts are read")
    paths = {field: path.parent / value for field, value in entry.items()}
    return Service(name, paths["file"], paths.get("columns"), paths.get("contacts"))
