"""The words by which columns and codes are told: `parameters/words.yaml`, which says what its phrases mean."""

import re
from dataclasses import dataclass, field
from functools import cache

from durability_utils.study.columns import TIMES
from durability_utils.study.parameters import PROJECT, read_yaml

PATH = PROJECT / "parameters" / "words.yaml"


@dataclass(frozen=True)
class Told:
    """By what a canonical column (with `*` for its time), or one of contacts, is told; keys as in `words.yaml`."""

    column: str
    names: list[str]
    never: str = ""
    doubtful: str = ""
    doubt: str = ""
    untimed: str = ""
    kind: str = ""
    lists: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    opposites: dict[str, str] = field(default_factory=dict)
    habit: dict[str, str] = field(default_factory=dict)


@cache
def read_words() -> dict:
    """The file, with one more of its `groups`: TIME, whatever tells a time of ours."""
    content = read_yaml(PATH, text_only=True)
    content["groups"]["TIME"] = ", ".join(["6, 12", *(", ".join(content["times"][time]) for time in TIMES)])
    return content


@cache
def told(section: str) -> list[Told]:
    """By what each of the `columns`, or the columns of `contacts` in a long export, is told."""
    return [Told(column, **entry) for column, entry in read_words()[section].items()]


def said(phrases: str, text: str) -> str:
    """The words of a text that are one of the phrases, or nothing; no part of a word is."""
    found = _pattern(phrases).search(text) if phrases else None
    return found.group() if found else ""


def without(phrases: str, text: str) -> str:
    """A text without the first words that are one of the phrases."""
    return " ".join(_pattern(phrases).sub(" ", text, count=1).split())


@cache
def _pattern(phrases: str) -> re.Pattern:
    return re.compile(rf"(?<!\S)(?:{_alternatives(phrases)})(?!\S)")


def _alternatives(phrases: str) -> str:
    pattern = re.sub(r"(?<=\w)\*|\*(?=\w)", r"\\w*", phrases).replace(" * ", " (?:.* )?").replace(", ", "|")
    return re.sub("[A-Z]{2,}", lambda group: f"(?:{_alternatives(read_words()['groups'][group.group()])})", pattern)
