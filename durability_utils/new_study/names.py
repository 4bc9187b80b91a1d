"""What the name of an export's column may mean. A name only suggests: what its values contradict is dropped later.

Measures are known by their names in `measures.yaml`, everything else by the words in `words.yaml`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property

import pandas as pd

from durability_utils.study.columns import FOLLOW_UPS, TIMES, dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.measures import Measure
from durability_utils.study.parameters import PROJECT, read_yaml

PATH = PROJECT / "parameters" / "words.yaml"
EXACT, UNREAD = -1, 4  # the rank of a canonical name itself; what unexplained words add to a rank
_MONTH = r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* (?:20)?(\d\d)\b"


@dataclass(frozen=True)
class Told:
    """By what a canonical column (with `*` for its time), or one of contacts, is told; keys as in `words.yaml`."""

    column: str
    names: list[str]
    never: str = ""
    doubtful: str = ""
    doubt: str = ""
    untimed: str = ""
    type: str = ""  # of a column of contacts; of others the dictionary says it
    lists: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    opposites: dict[str, str] = field(default_factory=dict)
    habit: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Meaning:
    """A column, with `*` for its time, that a name suggests by the words `said`; `rest`: its other words.
    `rank`: 0 is the surest, EXACT surer. `doubt`: what a person has to look at before relying on it, or nothing.
    `unread`: words of the name that nothing explains."""

    column: str
    told: Told
    rank: int
    said: str
    rest: str
    doubt: str = ""
    unread: str = ""


@dataclass(frozen=True)
class Names:
    """What names mean in an export whose scores are of `measures`; `learned` fills in what its other names tell.

    `numbers`: what T0, T1, ... stand for. `counting`: measures that count their times, PHQ_1, PHQ_2, ...; else PHQ_2 is
    another questionnaire. `one_follow_up`: no name tells which. `discharged`: the month in the middle of the
    discharges, from which months of the calendar are counted.
    """

    measures: dict[str, Measure]
    numbers: dict[int, str] = field(default_factory=dict)
    counting: frozenset[str] = frozenset()
    one_follow_up: bool = False
    discharged: pd.Period | None = None

    @cached_property
    def scores(self) -> dict[Measure, Told]:
        """By what the scores of each measure with columns of its own are told."""
        return {measure: Told(f"{measure.columns}_*", [self.phrases(measure)])
                for measure in self.measures.values() if measure.role != "disorder_specific"}

    def words(self, name: str) -> str:
        """The words of a name in small letters with a blank between them, and its numbers apart from its letters."""
        glued = "|".join({measure.columns.rstrip("0123456789") for measure in self.measures.values()})
        name = re.sub(f"(?<!s)({glued})", r" \1 ", name, flags=re.I)  # PHQfinal; but `score` has no CORE in it
        name = name.replace("%", " percent ")
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
        return " ".join(re.findall(r"\d+|[^\W\d_]+", name.casefold()))

    def learned(self, names: Iterable[str], discharged: pd.Period | None = None) -> "Names":
        """The same with what all names of the export tell together.

        The numbers 6 and 12 are months; others in a row, from 0 or 1, are the times left, where fewer without the last.
        """
        texts = [self.words(name) for name in names]
        counting = frozenset(name for name in self.measures if f"{self.words(name).split()[0]} 1" in texts)
        known = replace(self, counting=counting, discharged=discharged)
        timed = {meaning.rest: known.timed(meaning) for text in texts for meaning in known._untimed(text)
                 if "*" in meaning.column}
        numbers = {_number(rest) for rest, meaning in timed.items() if not meaning} - {None}
        told = any(meaning and f"_{time}" in meaning.column for meaning in timed.values() for time in FOLLOW_UPS)
        months = {number: f"{number}m" for number in numbers & {6, 12}}
        others, left = sorted(numbers - {6, 12}), [time for time in TIMES if time not in months.values()]
        if others and others[0] <= 1 and others[-1] - others[0] < len(left):
            months |= {number: left[number - others[0]] for number in others}
        return replace(known, numbers=months, one_follow_up=not told)

    def meanings(self, name: str) -> list[Meaning]:
        """The canonical columns that a name suggests, the likeliest first; totals, but no items.

        A canonical name itself suggests nothing else. Words that nothing explains make a meaning the last of its place.
        """
        found = []
        for meaning in self._untimed(self.words(name)):
            timed = self.timed(meaning)
            if timed and timed.column in dictionary().index:
                if re.sub(r"[\s-]+", "_", name.strip().casefold()) == timed.column:
                    return [replace(timed, rank=EXACT)]
                found.append(self._with_unread(timed))
            elif not timed and (column := meaning.told.untimed):
                doubt = f"no time in its name; is it at {dictionary().at[column, 'time']}?"
                found.append(self._with_unread(replace(meaning, column=column, rank=3, doubt=doubt)))
        return found

    def _with_unread(self, meaning: Meaning) -> Meaning:
        time = dictionary().at[meaning.column, "time"]
        of_time = ["MONTH, YEAR, WEEK", *read_words()["times"][time]] if time else []
        plain = ", ".join([read_words()["plain"], *of_time])
        unread = " ".join(word for word in meaning.rest.split() if not said(plain, word))
        return replace(meaning, unread=unread, rank=meaning.rank + UNREAD) if unread else meaning

    def unmeant(self, name: str) -> str:
        """Why a name in which words of ours stand suggests nothing; nothing where none stands there."""
        text = self.words(name)
        for measure, by in self.scores.items():
            first = self.words(measure.name).split()[0]
            if first not in text.split():
                continue
            if not (scores := suggested([by], text)):
                return f"by its name another questionnaire than {measure.name}"
            if words := said(read_words()["no_score"], scores[0].rest):
                return f"`{words}` in its name: no score of {measure.name}"
            return f"its name tells no one time of {', '.join(TIMES)}"
        for by in told("columns"):
            if (never := said(by.never, text)) and any(said(phrases, text) for phrases in by.names):
                return f"`{never}` in its name: not {by.column}"
        return ""

    def timed(self, meaning: Meaning) -> Meaning | None:
        """A meaning at the time that its `rest` tells; None where that is none, two, or one that is not ours."""
        def at(time: str, rank: int, words: str, doubt: str = "", more: str = "") -> Meaning:
            column, said = meaning.column.replace("*", time, 1), f"{meaning.said}, {words}{more}"
            left = re.sub(rf"(?<!\S){words}(?!\S)", " ", meaning.rest, count=1)
            return replace(meaning, column=column, rank=rank, said=said, rest=left, doubt=doubt)

        if "*" not in meaning.column:
            return meaning
        times, rest = read_words()["times"], meaning.rest
        for several in (FOLLOW_UPS, ("end", "baseline")):
            for rank in (0, 1):
                found = {time: words for time in several if (words := said(times[time][rank], rest))}
                for time, words in found.items():
                    guessed = rank and time in FOLLOW_UPS
                    doubt = f"`{words}` is read as the {time[:-1]}-month follow-up" if guessed else ""
                    return at(time, rank, words, doubt) if len(found) == 1 else None
            if said(times["other"], rest):
                return None
            if words := said("FU", rest):
                return at("6m", 3, words, "the only follow-up, read as the 6-month one") if self.one_follow_up else None
        for month, year in re.findall(_MONTH, rest) if self.discharged else ():
            later = (pd.Period(f"{month} 20{year}", "M") - self.discharged).n
            if time := "6m" if 4 <= later <= 8 else "12m" if 10 <= later <= 15 else "":
                return at(time, 0, re.search(_MONTH, rest).group(), more=f", {time[:-1]} months after discharge")
        if (number := _number(rest)) not in self.numbers:
            return None
        every = ", ".join(f"{n} = {time}" for n, time in sorted(self.numbers.items()))
        doubt = "" if number in (6, 12) else f"numbered times are read as {every}"
        return at(self.numbers[number], 2, str(number), doubt)

    def phrases(self, measure: Measure) -> str:
        """A measure's name, and its first word unless a number or form behind it makes it the name of another one."""
        first, *rest = self.words(measure.name).split()
        if not rest:
            return rf"(?<!mini ){first}(?! FORM)"
        phrases = [f"{first} {' '.join(rest)}(?! FORM)", first + "".join(rest), rf"{first}(?! \d|(?= FORM))",
                   rf"{first}(?= TIME(?!\S))"]
        return ", ".join([*phrases, rf"^{first}(?= \d+$)"] if measure.name in self.counting else phrases)

    def _untimed(self, text: str) -> list[Meaning]:
        """What a text suggests; where that is a questionnaire, its score, and when and how it was answered."""
        scores = suggested(self.scores.values(), text)[:1]
        begins = {self.words(measure.name).split()[0] for measure in self.scores}
        if not scores and not begins & set(text.split()):
            return suggested(told("columns"), text)
        rest = scores[0].rest if scores else text
        answered = suggested([of for of in told("columns") if of.column.startswith("followup_")], rest)
        return answered if said(read_words()["no_score"], rest) else scores + answered


def suggested(columns: Iterable[Told], text: str) -> list[Meaning]:
    """The columns that the words of a name suggest, without their times."""
    found = {}
    for by in columns:
        for rank, phrases in enumerate(by.names):
            if (words := said(phrases, text)) and not said(by.never, text):
                doubtful = said(by.doubtful, text)
                doubt = by.doubt if rank or doubtful else ""
                rank += UNREAD if doubtful else 0
                found.setdefault(by.column, Meaning(by.column, by, rank, words, without(phrases, text), doubt))
    return list(found.values())


def _number(text: str) -> int | None:
    """The number that may count times: at the begin of a text, or behind such a word as wave."""
    words = said("^NUMBER, COUNTED NUMBER", text)
    return int(words.split()[-1]) if words else None


@cache
def read_words() -> dict:
    """The file, with one more of its `groups`: TIME, whatever tells a time of ours."""
    content = read_yaml(PATH, text_only=True)
    content["groups"]["TIME"] = ", ".join(["6, 12", *(", ".join(content["times"][time]) for time in TIMES)])
    return content


@cache
def told(section: str) -> list[Told]:
    """By what each of the `columns`, or the columns of `contacts` in a long export, is told."""
    keys = [key.name for key in fields(Told)][1:]
    for column, entry in read_words()[section].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("names"), list) or not entry.keys() <= {*keys}:
            raise InputError(f"{PATH.name}: {section}: {column}: found {entry}, expected a list of `names`, and of the "
                             f"keys {', '.join(keys)} what it needs")
    return [Told(column, **entry) for column, entry in read_words()[section].items()]


def said(phrases: str, text: str) -> str:
    """The words of a text that are one of the phrases, or nothing; no part of a word is."""
    found = re.search(_pattern(phrases), text) if phrases else None
    return found.group() if found else ""


def without(phrases: str, text: str) -> str:
    """A text without the first words that are one of the phrases."""
    return " ".join(re.sub(_pattern(phrases), " ", text, count=1).split())


@cache
def _pattern(phrases: str) -> str:
    pattern = re.sub(r"(?<=\w)\*|\*(?=\w)", r"\\w*", phrases).replace(" * ", " (?:.* )?").replace(", ", "|")
    groups = read_words()["groups"]
    if unknown := [word for word in re.findall("[A-Z]{2,}", pattern) if word not in groups]:
        raise InputError(f"{PATH.name}: '{phrases[:80]}': no group {unknown[0]}; there are {', '.join(groups)}")
    pattern = re.sub("[A-Z]{2,}", lambda group: _pattern(groups[group.group()]), pattern)
    return rf"(?<!\S)(?:{pattern})(?!\S)"
