"""What a service's codes for gender, consent and the like probably mean: from labels, national lists, plain words."""

import re
from dataclasses import dataclass

from durability_utils.new_study.words import Told
from durability_utils.study.column_maps import code_lists, normalise

NOTHING = {"", "null", "na", "n/a", "#n/a", "nan", ".", "_", "-", "--", "?", "missing", "nil", "unknown", "not_known",
           "not_recorded", "not_applicable", "blank"}


@dataclass(frozen=True)
class Codes:
    """What the codes of a column mean, as a column map says it.

    `codes`: the name of a list, or code -> canonical code, or None where they need no translation. `known`: code
    (normalised) -> canonical code, of all that are understood. `doubt`: what a person has to look at, or nothing.
    """

    codes: str | dict[str, str] | None
    known: dict[str, str]
    doubt: str = ""


def guess_codes(told: Told, found: list[str], allowed: list[str], labels: dict[str, str]) -> Codes:
    """What a column's codes mean.

    `found`: the codes, the commonest first; `allowed`: the canonical codes; `labels`: normalised code -> label, where
    the file has labels.
    """
    words = {_letters(word): code for code in reversed(allowed) for word in (*told.codes.get(code, "").split(", "), code)}
    own, spelt = ({normalise(code): code for code in codes} for codes in (allowed, reversed(found)))
    labelled = {code: words.get(_letters(label), "") for code, label in labels.items()
                if _letters(label) in words or normalise(label) in NOTHING}
    if spelt.keys() & labelled.keys():
        return Codes(labelled, own | labelled)
    plain = {code: words[_letters(text)] for code, text in spelt.items() if _letters(text) in words}
    lists = {name: {normalise(code): meaning for code, meaning in code_lists()[name].items()} for name in told.lists}
    best = max(lists, key=lambda name: len(lists[name].keys() & spelt.keys()), default="")
    listed = {code: meaning for code, meaning in lists.get(best, {}).items() if code in spelt}
    if len(listed) > len(plain):
        return Codes(best, own | lists[best], _direction(best, {spelt[code]: listed[code] for code in listed}))
    doubts = []
    if told.habit.keys() & spelt.keys() and "0" not in spelt:  # 0 and 1 tell it themselves
        plain |= told.habit
        doubts = [f"read as {_shown(told.habit)}; nothing in the export says so"]
    # where nobody refused yet, the map still has to know a refusal: an unknown code would keep what has to be removed
    opposites = {normalise(told.opposites[code]): told.opposites[code] for code in plain.keys() & told.opposites.keys()}
    plain |= {code: words[code] for code in opposites}
    for code, meaning in plain.items():
        others = [other for other in allowed if len(code) == 1 and other.startswith(code) and other not in plain.values()]
        doubts += [f"{spelt[code]} is read as {meaning}; or is it {other}?" for other in others]
    if plain.keys() <= own.keys():
        return Codes(None, own)
    spelt = {code: code for code in plain} | opposites | spelt
    translated = sorted(plain.items(), key=lambda entry: allowed.index(entry[1]))
    return Codes({spelt[code]: meaning for code, meaning in translated}, own | plain, "; ".join(doubts))


def _letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text.casefold()))


def _direction(name: str, meanings: dict[str, str]) -> str:
    """A doubt where the codes are plain numbers, which a service may count in its own way."""
    if any(re.search(r"[^\W\d]|^0\d", code) or len(code) > 3 for code in meanings):
        return ""
    return f"plain numbers, read as in {name}: {_shown(dict(sorted(meanings.items())[:3]))}"


def _shown(meanings: dict[str, str]) -> str:
    return ", ".join(f"{code} = {meaning or 'missing'}" for code, meaning in meanings.items())
