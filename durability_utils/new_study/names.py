"""What the name of an export's column may mean. A name only suggests: what its values contradict is dropped later.

The patterns are matched with a name's words as `words` gives them: `PHQ9_Score_FU1` is `phq 9 score fu 1`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_FU = r"f(?:ollow)? ?up?s?"
_MONTHS = r"m(?:o|os|ths?|onths?|fu)?"
_TREATMENT = r"(?: ?(?:treatment|therapy|tx))?"

# PHQ-2, PHQ-4, PHQ-8, PHQ-15 and GAD-2 are other questionnaires
MEASURES = {
    "phq9": r"phq(?: 9|(?! (?:2|4|8|15)(?!\S)))",
    "gad7": r"gad(?: 7|(?! 2(?!\S)))",
    "adsm": r"adsm|(?:disorder )?specific(?: anxiety)?(?: measure)?|spec|anxiety(?: disorder)?(?: measure)?|"
            r"other measure|^other",
}
ITEMS = {"phq9": 9, "gad7": 7}
# For each time patterns from sure to unsure. Follow-ups come first: the `first follow-up` holds no first score.
TIMES = {
    "12m": (rf"(?:12|twelve) {_MONTHS}|(?:m|month) 12|(?:1|one) y(?:ea)?r|y(?:ea)?r 1|52 w(?:ee)?ks?|{_FU} 12",
            rf"{_FU} 2|(?:2 nd|second) {_FU}"),
    "6m": (rf"(?:6|six) {_MONTHS}|(?:m|month) 6|26 w(?:ee)?ks?|{_FU} 6",
           rf"{_FU} 1|(?:1 st|first) {_FU}"),
    "end": (rf"last|latest|final|end|ending|eot|post{_TREATMENT}|clos(?:e|ed|ing)|exit|completion|finish",
            r"disch\w*|dc|after"),
    "baseline": (rf"first|1 st|start|starting|initial|pre{_TREATMENT}|baseline|base|bl|intake|opening",
                 r"assessment|assess|screen(?:ing)?|before|referral|entry|admission"),
}
_OTHER_TIME = rf"\d+ (?:{_MONTHS}|y(?:ea)?rs?|w(?:ee)?ks?)|{_FU} \d+"
_NUMBER = r"(?:^|\b(?:t|tp|time|time ?point|wave|w|visit|v|occasion|total|tot|score|sum) )(\d+)\b"
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"\b({'|'.join(_MONTH_NAMES)})[a-z]* (?:20)?(\d\d)\b"
# With one of these words a column holds no total, though it names a measure and a time.
NO_TOTAL = (r"change|diff|difference|delta|improv\w*|deteriorat\w*|recover\w*|reliab\w*|case|caseness|severity|band|"
            r"category|flag|completed?|(?:q|qu|item|question) \d+|\w*date|mode|n|count|percent\w*")
FOLLOW_UP = {
    "mode": r"mode|how|method|medium|channel|route|by|via",
    "date": r"\w*date|dt|returned|received|completed|answered|when|on",
}
NO_ANSWER = r"sent|due|asked|invited|posted|offered"
# Columns without a time but employment; for each patterns from sure to unsure. One name may match several columns.
COLUMNS = {
    "consent_upflow": (r"up ?flow|cons\w* up|(?:data|shar\w+) (?:cons\w*|ok|agree\w*)|"
                       r"(?:cons\w*|agree\w*|happy|ok|permission) .*(?:data|shar\w+|pass\w*)",),
    "consent_contact": (rf"(?:{_FU}|contact\w*) (?:ok|cons\w*|agree\w*|permission)|consfu|"
                        rf"(?:cons\w*|agree\w*|happy|ok|permission) (?:.* )?(?:contact\w*|{_FU})",
                        r"consent\w*"),
    "gender": (r"gender|sex",),
    "age": (r"age",),
    "ethnicity": (r"ethnic\w*|eth",),
    "employment": (r"employ\w*|emp|work|working|job|occupation\w*",),
    "sessions": (r"sess\w* attended|attended (?:sess\w*|contacts|appointments)|n ?sess\w*|sessions",
                 r"sess\w*|contacts|appointments|attendances|treatment completed total"),
    "end_reason": (r"(?:end|disch\w*|close|closure) (?:code|reason)|reason for (?:end\w*|disch\w*)",),
    "discharge_date": (r"disch\w*|closed|closure|end date|date of end",),
    "primary_problem": (r"(?:main|primary|presenting|provisional) (?:\w+ )?(?:problem|diagnos\w*|dx|complaint)",
                        r"problem|diag\w*|dx|complaint"),
    "step": (r"steps?", r"intensity|pathway|treatment|modality"),
    "patient_id": (r"(?:patient|pat|client|person|pseudo\w*)(?: \w+)? (?:id\w*|ref\w*|no|number|key)|pseudo\w*|pid",
                   r"(?:local|study|record|subject|participant) (?:id\w*|ref\w*|no|number|key)|id|identifier",
                   r"^(?:patient|client|participant|subject)$"),
}
_ACT = r"(?:contact|assess\w*|app\w*|activity|complet\w*|score\w*|measure\w*|session|attend\w*)"
# The columns of a contact in a long export.
CONTACTS = {
    "patient_id": COLUMNS["patient_id"],
    "date": (rf"{_ACT} (?:date|dt)|date of {_ACT}", r"\w*date|dt|day|when"),
    "measure": (r"measure|tool|questionnaire|scale|instrument|assessment", r"\w*code|name|type"),
    "score": (r"score|person score|total|result|value|points",),
    "attended": (r"attend\w*|dna",),
}
NO_CONTACT = r"disch\w*|referral|referred|birth|start|end|ended|closed"
_NO_CONSENT = r"no|not|non|without|refus\w*|declin\w*|withdr\w*|opt\w*|dissent"
# With one of these words, or without a word for contact, nobody can tell what was agreed to.
_OTHER_CONSENT = r"research|gdpr|treatment|sms|texts?|voicemail|e ?mails?|letters?|phone|gp|carers?|marketing"
_ONE_ADSM = r"oci|spin|hai|ies(?: r)?|iesr|mi|pdss|pcl(?: 5)?"


@dataclass(frozen=True)
class Meaning:
    """A canonical column that a name suggests. `rank`: 0 is the surest; `said`: the words that suggest it.

    `doubt`: what a person has to look at before relying on it, or nothing.
    """

    column: str
    rank: int
    said: str
    doubt: str = ""


@dataclass(frozen=True)
class Times:
    """What the numbers (T0, T1) and months (Dec16) in the names of one export stand for.

    `bare`: it counts its times behind the measure, PHQ_1, PHQ_2, ...; else PHQ_2 is another questionnaire.
    """

    numbers: dict[int, str]
    months: dict[str, str]
    one_follow_up: bool
    bare: bool = False


def words(name: str) -> str:
    """The words of a name in small letters with a blank between them, and its numbers apart from its letters."""
    name = re.sub("(phq|gad|adsm)", r" \1 ", name, flags=re.I)  # PHQfinal
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"\d+|[^\W\d_]+", name.casefold()))


def item_families(names: Iterable[str]) -> dict[tuple[str, str], dict[int, str]]:
    """The columns that hold single items: (measure, name with `*` for the item) -> item -> name.

    Only where all items of the measure are there.
    """
    families = defaultdict(dict)
    for name in names:
        for number in re.finditer(r"\d+", name):
            families[f"{name[:number.start()]}*{name[number.end():]}"][int(number.group())] = name
    found = {}
    for template, members in families.items():
        for measure, items in ITEMS.items():
            # some ask how difficult it all is after the last item
            whole = set(range(1, items + 1)) <= set(members) <= set(range(1, items + 2))
            if whole and _search(MEASURES[measure], words(template)):
                found[measure, template] = {item: members[item] for item in range(1, items + 1)}
    return found


def read_times(names: Iterable[str], discharged: tuple[int, int] | None) -> Times:
    """What numbers and months mean here. `discharged`: the year and month in the middle of the discharges.

    Four numbers in a row, from 0 or 1, are baseline, end, 6 and 12 months; where there are fewer, the last are absent.
    """
    spoken = [words(name) for name in names]
    bare = any(text in ("phq 1", "gad 1") for text in spoken)
    numbers, months, any_known = set(), {}, False
    for rest in filter(None, (_without_kind(_told_apart(text, bare)) for text in spoken)):
        known = _spelled_out(rest)
        any_known |= known is not None and known[0] in ("6m", "12m")
        if known is None and not _search(_OTHER_TIME, rest):
            numbers |= {int(number) for number in re.findall(_NUMBER, rest)}
            for month, year in re.findall(_MONTH, rest) if discharged else ():
                later = 12 * (2000 + int(year) - discharged[0]) + _MONTH_NAMES.index(month) + 1 - discharged[1]
                months[f"{month} {year}"] = "6m" if 4 <= later <= 8 else "12m" if 10 <= later <= 15 else ""
    return Times(_numbered(numbers), months, not any_known, bare)


def meanings(name: str, times: Times) -> list[Meaning]:
    """The canonical columns that a name suggests, the likeliest first; totals, but no items."""
    text = _told_apart(words(name), times.bare)
    found = _total(text, times) + _follow_up(text, times)
    if re.search(r"(?<!\S)(?:phq|gad)(?!\S)", text):
        return found
    for column, patterns in COLUMNS.items():
        if column.startswith("consent") and _search(_NO_CONSENT, text):
            continue  # a yes there is a no
        for rank, pattern in enumerate(patterns):
            if said := _search(pattern, text):
                vague = column == "consent_contact" and (rank or _search(_OTHER_CONSENT, text))
                doubt = "consent to what? It has to be to being contacted for follow-up" if vague else ""
                found += (_employment(text, said, times) if column == "employment" else
                          [Meaning(column, rank, said, doubt)])
                break
    return found


def contact_meanings(name: str) -> list[Meaning]:
    """The columns of a contact in a long export that a name suggests."""
    text = words(name)
    if _search(NO_CONTACT, text):
        return []
    found = [Meaning(column, rank, said) for column, patterns in CONTACTS.items()
             for rank, pattern in enumerate(patterns) if (said := _search(pattern, text))]
    return list({meaning.column: meaning for meaning in reversed(found)}.values())  # of each the surest


def names_one_adsm(name: str) -> bool:
    """Whether a name is that of one anxiety-disorder measure, as in a column for each of them."""
    return bool(_search(_ONE_ADSM, words(name)))


def family_time(template: str, times: Times) -> Meaning | None:
    """The time of a family of items; `column` is `baseline`, `end`, `6m` or `12m`."""
    return _time(_without_kind(re.sub(r" \b(?:q|qu|item|question)\b", "", words(template))), times)


def _told_apart(text: str, bare: bool) -> str:
    """A name that is a measure and the number of a time, with a word between the two."""
    return re.sub(r"^(phq|gad) (\d+)$", r"\1 t \2", text) if bare and text not in ("phq 9", "gad 7") else text


def _total(text: str, times: Times) -> list[Meaning]:
    measure, said = next(((measure, said) for measure, pattern in MEASURES.items() if (said := _search(pattern, text))),
                         ("", ""))
    rest = _without(MEASURES[measure], text) if measure else ""
    if not measure or _search(NO_TOTAL, rest):
        return []
    if time := _time(rest, times):
        return [Meaning(f"{measure}_{time.column}", time.rank, f"{said}, {time.said}", time.doubt)]
    return [Meaning("adsm", 0, said)] if measure == "adsm" else []


def _follow_up(text: str, times: Times) -> list[Meaning]:
    if _search(NO_ANSWER, text):
        return []
    found = []
    for what, pattern in FOLLOW_UP.items():
        time = _time(_without_kind(text) or "", times)
        if (said := _search(pattern, text)) and time and time.column in ("6m", "12m"):
            found.append(Meaning(f"followup_{time.column}_{what}", time.rank, f"{time.said}, {said}", time.doubt))
    return found


def _employment(text: str, said: str, times: Times) -> list[Meaning]:
    time = _time(_without_kind(text), times)
    if time is None:
        return [Meaning("employment_baseline", 3, said, "no time in its name; is it at baseline?")]
    if time.column not in ("baseline", "end"):
        return []
    return [Meaning(f"employment_{time.column}", time.rank, f"{said}, {time.said}", time.doubt)]


def _time(rest: str, times: Times) -> Meaning | None:
    """The time that the rest of a name tells."""
    if known := _spelled_out(rest):
        time, rank, said = known
        numbered = time in ("6m", "12m") and rank
        return Meaning(time, rank, said, f"`{said}` is read as the {time[:-1]}-month follow-up" if numbered else "")
    if _search(_OTHER_TIME, rest):
        return None
    if said := _search(_FU, rest):
        doubt = "the only follow-up, read as the 6-month one"
        return Meaning("6m", 3, said, doubt) if times.one_follow_up else None
    for month, year in re.findall(_MONTH, rest):
        if time := times.months.get(f"{month} {year}"):
            return Meaning(time, 0, f"{month} {year}, {time[:-1]} months after discharge")
    for number in map(int, re.findall(_NUMBER, rest)):
        if time := times.numbers.get(number):
            every = ", ".join(f"{n} = {time}" for n, time in sorted(times.numbers.items()))
            return Meaning(time, 2, str(number), "" if number in (6, 12) else f"numbered times are read as {every}")
    return None


def _spelled_out(rest: str) -> tuple[str, int, str] | None:
    """Time, rank and words where words tell the time; None where they tell none, or two."""
    for several in (("12m", "6m"), ("end", "baseline")):
        for rank in (0, 1):
            found = [(time, rank, said) for time in several if (said := _search(TIMES[time][rank], rest))]
            if found:
                return found[0] if len(found) == 1 else None
        if _search(_OTHER_TIME, rest) or _search(_FU, rest):
            return None
    return None


def _numbered(numbers: set[int]) -> dict[int, str]:
    months = {number: f"{number}m" for number in sorted(numbers & {6, 12})}
    others = sorted(numbers - {6, 12})
    order = [time for time in ("baseline", "end", "6m", "12m") if time not in months.values()]
    if others and (others[0] > 1 or others[-1] - others[0] >= len(order)):
        return months
    return {number: order[number - others[0]] for number in others} | months


def _without_kind(text: str) -> str | None:
    """A name without the words for a measure, employment or a follow-up's date or mode; None where it has none."""
    for pattern in (*MEASURES.values(), COLUMNS["employment"][0], *FOLLOW_UP.values()):
        if _search(pattern, text):
            return _without(pattern, text)
    return None


def _search(pattern: str, text: str) -> str:
    """The words that match, or nothing; no part of a word does."""
    found = re.search(rf"(?<!\S)(?:{pattern})(?!\S)", text)
    return found.group() if found else ""


def _without(pattern: str, text: str) -> str:
    return " ".join(re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", " ", text, count=1).split())
