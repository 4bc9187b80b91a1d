"""The study file: what one study is, which services it has, by which rules it counts."""

import datetime as dt
import os.path
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from durability_utils.study.errors import InputError
from durability_utils.study.findings import check_names
from durability_utils.study.measures import THRESHOLDS, read_measures
from durability_utils.study.parameters import FileModel, Number, Text, holds, read_checked
from durability_utils.study.rules import ANXIETY_RULES, RELAPSE_RULES, Rules

DISCLOSURE_RULES = ("none", "nhs", "opensafely")
REFERRALS = ("first", "last", "all")
STEPS = ("all", "step2", "step3")
FEW = 10
SAFE_NAME = re.compile(r"[A-Za-z0-9_-]+")

_ServiceId = Annotated[str, holds(lambda name: SAFE_NAME.fullmatch(name) and name.casefold() != "all",
                                  "a plain name (letters, digits, - and _; not `all`)")]
_Path = Annotated[Path, BeforeValidator(  # from the study file's folder; what is no text is refused as no Path
    lambda text, info: info.context / text if isinstance(text, str) and text else text)]


def _files(value, info):
    """The paths of one text, of a list of them, or of a pattern as `a_*.csv`: the files in the order of their names."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        return texts
    paths = [info.context / text for text in texts]
    # a pattern that fits nothing is a file that is not there
    return tuple(file for path in paths for file in (
        (sorted(path.parent.glob(path.name)) if "*" in path.name else None) or [path]))


_Files = Annotated[tuple[Path, ...], BeforeValidator(_files), Field(
    min_length=1, description="a path, a list of paths, or a pattern as north_*.csv")]
# no tab, no break of a line, and nothing that XML, and so a Word file, cannot hold; a Word file's own title has room
# for 255 characters, a service's name among them
_Title = Annotated[Text, holds(lambda title: len(title) <= 200 and not any(
    unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in "\ufffe\uffff" for letter in title))]
# os.path, since Path.is_file raises OSError where a name is too long
_PathOfFile = Annotated[_Path, holds(os.path.isfile)]


class Service(FileModel):
    """A service: the files of its export, of a long one's contacts (none: in `file`), and of what is joined to it.

    `columns`: its column map; None: canonical names. Several files of one kind are read as one.
    """

    file: _Files
    columns: _Path = None
    contacts: _Files = ()
    joined: dict[str, _Files] = Field({})

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of it that is read, those in a folder of tables too, the column map aside."""
        named = (*self.file, *self.contacts, *(file for files in self.joined.values() for file in files))
        folders = {*filter(os.path.isdir, named)}
        return tuple(file for path in named for file in (
            sorted(filter(os.path.isfile, path.rglob("*"))) if path in folders else [path]))


_ServiceLine = Annotated[Service, holds(
    lambda service: service.columns or not (service.contacts or service.joined),
    "a column map after columns:, since it says how contacts and joined files are read"), Field(
    description="{file: ..., columns: ...}")]
_Window = Annotated[list[int], Field(min_length=2, max_length=2), AfterValidator(tuple)]


class _StudyFile(FileModel):
    """The keys of a study file."""

    study: Annotated[str, holds(SAFE_NAME.fullmatch)] = Field(description="a plain name (letters, digits, - and _)")
    title: _Title = Field(description="a line of text, at most 200 characters, without control characters")
    measures: str = Field(description="a version in parameters/measures.yaml")
    discharged: Annotated[dict[Literal["from", "to"], dt.date], holds(
        lambda days: len(days) == 2 and days["from"] <= days["to"])] = Field(
        None, description="{from: YYYY-MM-DD, to: YYYY-MM-DD}, `from` on or before `to`")
    minimum_sessions: int = Field(ge=0, description="a whole number, 0 or more")
    carry_back: bool
    anxiety_measure: Literal[*ANXIETY_RULES]
    relapse: Literal[*RELAPSE_RULES] = RELAPSE_RULES[0]
    thresholds: dict[str, dict[Literal[*THRESHOLDS], Number]] = Field({}, description=(
        f"one line a measure, as in PHQ-9: {{reliable_change: 5}}, with any of {', '.join(THRESHOLDS)}"))
    table1_services: list[str] = Field(None, min_length=1, description="a list of services of this study")
    follow_up_windows: Annotated[dict[Literal["6m", "12m"], _Window], holds(
        lambda days: len(days) == 2 and 1 <= days["6m"][0] <= days["6m"][1] < days["12m"][0] <= days["12m"][1],
    )] = Field(None, description=(
        "{6m: [91, 273], 12m: [274, 456]}: first and last day after discharge, 1 or more, the 12-month window after "
        "the 6-month one"))
    referrals: Literal[*REFERRALS] = REFERRALS[0]
    follow_ups_after_re_referral: bool = False
    published: _PathOfFile = Field(None, description="the path of a YAML file that is there")
    notebooks: list[_PathOfFile] = Field([], description="a list of paths of notebooks that are there")
    disclosure: Literal[*DISCLOSURE_RULES] = None
    few: int = Field(FEW, ge=0, description="a whole number, 0 or more")
    acknowledged: dict[str, Text] = Field({}, description=(
        "one line a finding, `name_of_finding: why` or `service/name_of_finding: why`"))
    services: Annotated[dict[_ServiceId, _ServiceLine], holds(
        lambda services: len({name.casefold() for name in services}) == len(services),
        "ids that differ by more than letter case")] = Field(min_length=1, description=(
            "for each service an id, in quotes where YAML reads it as something else, and {file: ..., columns: ...}"))


@dataclass(frozen=True)
class Study:
    """A validated study file. `discharged` is (first day, last day), both included, or None.

    `disclosure`: the rule by which `durability share` shows small numbers; None where the file has none.
    `follow_up_windows`: for `6m` and `12m` the first and last day after discharge, both included; or None.
    `notebooks`: those of one's own, which run after cleaning like the project's. `referrals`: which of a patient's
    several referrals in the study count, one of REFERRALS; `follow_ups_after_re_referral`: whether scores after a later
    one began can be follow-ups of an earlier. `acknowledged`: why a finding, by its name or `service/name`, is no
    surprise. `few`: a report gives no rate of fewer patients than that, but their counts.
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
    referrals: str = REFERRALS[0]
    follow_ups_after_re_referral: bool = False
    acknowledged: dict[str, str] = field(default_factory=dict)
    few: int = FEW


def read_study(path: str | Path) -> Study:
    """Read a study file; InputError, for an unknown, missing or mistyped key, names file, key, found and expected."""
    path = Path(path)
    found = read_checked(_StudyFile, path)
    table1 = found.table1_services or list(found.services)
    try:
        if not set(table1) <= found.services.keys():
            raise InputError(f"table1_services: found [{', '.join(table1)}], expected services of this study "
                             f"({', '.join(found.services)})")
        check_names(found.acknowledged, found.services)
        rules = Rules(read_measures(found.measures), found.anxiety_measure, found.carry_back, found.minimum_sessions)
        for measure, values in found.thresholds.items():
            rules = rules.changed(measure, **values)
        rules = rules.changed(relapse=found.relapse)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None
    return Study(
        path=path, id=found.study, title=found.title, rules=rules,
        discharged=found.discharged and (found.discharged["from"], found.discharged["to"]),
        table1_services=tuple(table1), published=found.published, services=found.services, disclosure=found.disclosure,
        follow_up_windows=found.follow_up_windows, notebooks=tuple(found.notebooks), referrals=found.referrals,
        follow_ups_after_re_referral=found.follow_ups_after_re_referral,
        acknowledged=found.acknowledged, few=found.few,
    )
