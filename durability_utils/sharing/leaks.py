"""The last look at files that leave the service: whether any of them holds what must not."""

import getpass
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import nhs_number

from durability_utils.sharing.reading import Reading, Rows, plain
from durability_utils.study.column_maps import normalise
from durability_utils.study.columns import dictionary
from durability_utils.study.parameters import PROJECT

# `root` and its like name nobody, and stand in style sheets
NOBODY = {"root", "user", "admin", "administrator", "runner"}
# a day before the services began (2008) is hardly anything else than a birth's
SERVICES_BEGAN = 2008
_WORD = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|[A-Z]+|\d+")  # of a word: PatientTT02197
_RUN = re.compile(r"\d(?:(?:[^\w\n]|_){0,3}\d)*")
_DIGITS = re.compile(r"\d+")
_PUBLISHED = re.compile(r"\b10\.\d{4,}/\S+|\bISB?N[\s:-]*[\dX -]+|"
                        r"\bhttps?://(?:www\.w3|schemas\.\w+)\.\w+/[\w./-]*", re.I)
_EMAIL = re.compile(r"[\w.+-]{1,64}\s?(?:@|[\[({]\s?at\s?[\])}])\s?[\w-]{1,63}(?:\s?(?:\.|[\[({]\s?dot\s?[\])}])\s?"
                    r"[\w-]{1,63}){0,4}\s?(?:\.|[\[({]\s?dot\s?[\])}])\s?[A-Za-z]{2,}|"
                    r"\w\sat\s[\w-]{1,63}\sdot\s[a-z]{2,}", re.I)
_AREAS = ("A[BL]|B[ABDHLNRST]?|C[ABFHMORTW]|D[ADEGHLNTY]|E[CHNX]?|FK|FY|G[LUY]?|H[ADGPRSUX]|I[GMPV]|JE|K[ATWY]|"
          "L[ADELNSU]?|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|RG|RH|RM|S[AEGKLMNOPRSTWY]?|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE")
_POSTCODE = re.compile(rf"(?<![^\W_])(?<!#)(?:(?:{_AREAS})\d[\dA-Z]?[\s.,-]{{0,2}}(?!\d(?-i:st|nd|rd|th))"
                       r"\d[ABD-HJLNP-UW-Z]{2}|GIR\s?0AA)(?![^\W_])", re.I)
_INSURANCE = re.compile(  # and not: to 10 15 20 a week
    r"(?<![^\W_])(?!(?-i:to|of|at|or|is|as|by|be|no|we|he|up|so|if|in|it|on|vs|pp|ca|al|nr)\s)"
    r"[A-Z]{2}(?:[\s.-]?\d\d){3}[\s.-]?[A-D](?![^\W_])", re.I)
_PHONE = re.compile(r"(?<![\w.,/+-])(?:(?:\+|00)44[\s.-]?(?:\(0\))?[\s.-]?\d{2,}|\+\d{1,3}[\s.-]?\(?\d{2,}\)?|"
                    r"\(?0[1-9]\d{1,9}\)?)(?:[\s./-]{0,2}\d{2,})*(?![\d:]|\.\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?:{'|'.join(_MONTHS)})[a-z]*"
_DAYS = [re.compile(rf"(?<![^\W_])(?<!\d[.,/-]){form}(?!\d|[.,/-]\d)", re.I) for form in (
    r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})", r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?![^\W_])",
    r"(?P<d>\d{1,2})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<y>\d{4}|\d\d)", r"(?P<d>\d\d) (?P<m>\d\d) (?P<y>\d{4})",
    r"(?P<d>\d\d)(?P<m>\d\d)(?P<y>19\d\d)(?![^\W_])",
    rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[\s-]?(?:of\s)?(?P<m>{_MONTH})[\s,.-]{{0,2}}(?P<y>\d{{4}}|\d\d)",
    rf"(?P<m>{_MONTH})[\s.-]{{0,2}}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[\s,-]{{1,2}}(?P<y>\d{{4}})")]
_BORN = re.compile(r"(?<![^\W_])(?:d\.?o\.?b\.?|born|birth\w*)[^\w]{0,4}(?:on|is)?\W{0,3}$", re.I)
_NAME = re.compile(r"(?<![^\W_])(?i:(?:patient|client|full|first|last|given|family|maiden|middle|sur|fore)(?:'?s)?"
                   r"[\s_-]?name)s?\s?[:=]\s?\w|(?<![^\W_])(?:Mr|Mrs|Ms|Miss|Mx)\.?\s[A-Z][a-z]")
_MEANT = re.compile(
    r"(?<![^\W_])(?:(?:patient|client|participant|person|case|record|referral|pat|pt|ref(?:erence)?)[\s_.-]{0,2}"
    r"(?:id|ref(?:erence)?|no|nr|num(?:ber)?|code|key|#)|patient|client|participant|pat|id|mrn)(?:[\s_]?no)?"
    r"[\s:#=.\"'(\[-]{1,4}([^\W_]+)(?![^\W_]|[.,]\d|\s?%|\s(?:of|to|in)\s)", re.I)
_PATH = re.compile(  # but for parts of Office files
    r"(?<![\w./<~-])/(?!(?:word|xl|docProps|customXml|_rels)/)[\w.@+-][\w.@+-]*(?:/[\w.@+-]|(?<=\.csv|\.sav|xlsx|quet|\.txt)\b)"
    r"|(?<![\w./<:~-])//[\w.-]+/[\w$.-]|(?<![\w~])~(?:[A-Za-z][\w.-]+)?[/\\]\w|(?<![A-Za-z0-9])[A-Za-z]:[\\/]+\w"
    r"|\\\\+[\w.?-]+\\+[\w$.-]|\b(?:file|smb|cifs|nfs|afp|s?ftp|ssh|s3a?|gs|abfss?|dbfs|hdfs):/+[\w.%]"
    r"|\$\{?(?:HOME|USER)\b|%(?:USERPROFILE|HOMEPATH|APPDATA|USERNAME)%", re.I)
# names of columns, without letter case and all but letters and digits
_PERSONAL = re.compile(
    r"nhsno|nhsnum|nationalins|^ni(?:no|number)$|^mrn$|hospitaln|birth|^dob|dob$|postcode|^lsoa|email|address|"
    r"(?:phone|mobile)n(?:o|umber)|^names?$|(?:sur|fore|first|last|middle|given|family|full|maiden|patients?|persons?|"
    r"preferred|clients?)names?$|^(?:pseudonym|(?:(?:local)?patient|client|participant|person|case|record|referral|pat|"
    r"pt|serviceuser|servicerequest)s?(?:ids?|refs?|reference|no|nr|number|identifier|key|pseudonym))$|^ids?$")


def leaks(folder: Path, patient_ids: Iterable[str], private_folders: Iterable[Path],
          show: Callable[[int, int], None] = lambda *_: None) -> list[str]:
    """What must not leave, in any file below `folder`: one line each with the file and the kind, never the value.

    Looked for: a patient's id, a table with one row a patient or a column of what identifies persons, NHS and National
    Insurance numbers, e-mail addresses, phone numbers, postcodes, dates of birth, names that are called so, paths (any,
    and `private_folders`), the user's name; in names, texts, and metadata of HTML, SVG, CSV, JSON, notebooks, PNG, XLSX
    and DOCX, as a person reads them (`plain`). A file of another kind cannot be looked into and counts as a leak. An id
    that could be a count or a word of the report is found only where ids stand: behind a word such as *patient*, in a
    column of ids, as the name of a file. show: told how many files of how many have been looked into.
    """
    ids = _Ids(patient_ids)
    places = {_slashes(str(place)) for path in private_folders for place in (path.absolute(), path.resolve())
              if len(path.resolve().parts) > 1}
    names = {getpass.getuser().casefold(), Path.home().name.casefold()} - NOBODY - _own_words() - {""}
    known: dict[str, tuple[str, ...]] = {}

    def kinds(text: str) -> tuple[str, ...]:
        if text not in known:
            read = plain(text)
            found = [*(["a patient's id"] if ids.stand_in(read) else []), *_identifiers(read)]
            if any(map(_PATH.search, {text, read})) or any(place in _slashes(read) for place in places):
                found.append("a path of this machine")
            if names and not names.isdisjoint(map(str.casefold, _WORD.findall(read))):
                found.append("the user's name")
            known[text] = tuple(found)
        return known[text]

    found: dict[str, None] = {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for done, file in enumerate(files):
        show(done, len(files))
        name = file.relative_to(folder)
        in_name = [kind for part in (name.as_posix(), *name.parts) for kind in kinds(part)]
        if not ids.short.isdisjoint(plain(part).casefold() for part in (*name.parts, name.stem)):
            in_name.append("a patient's id")
        shown = "a file whose name is not repeated" if in_name else name.as_posix()
        reading = Reading()
        reading.file(name.name, file.read_bytes())
        for kind in (*in_name, *(kind for rows in reading.tables for kind in _in_rows(rows)),
                     *(kind for text in reading.texts for kind in kinds(text)), *reading.troubles):
            found[f"{shown}: {kind}"] = None
    return list(found)


def _slashes(text: str) -> str:
    return re.sub(r"[\\/]+", "/", text).casefold()


@cache
def _own_words() -> frozenset[str]:
    """The words that the report itself is made of: who is called so, or has such an id, is not told by them."""
    files = [*(PROJECT / "durability_utils" / "templates").glob("*.*"), *(PROJECT / name for name in (
        "data/dictionary.csv", "data/checklists.csv", "parameters/words.yaml", "parameters/codes.yaml",
        "parameters/measures.yaml"))]
    return frozenset(word for file in files for word in _WORD.findall(file.read_text(encoding="utf-8").casefold()))


# -- patients' ids ---------------------------------------------------------------------------------

class _Ids:
    """Patients' ids: without separators those that can be told wherever they stand, `short` the others."""

    def __init__(self, ids: Iterable[str]) -> None:
        forms = {plain(text).casefold().strip() for text in ids} - {""}
        joined = {form: "".join(_WORD.findall(form)) for form in forms}
        told = {form for form in forms if _can_be_told(form, joined[form])}
        self.forms = told
        self.joined = {joined[form] for form in told}
        self.short = (forms - told) - {form for form in forms if form.isalpha() and form in _own_words()}
        self.longest = max(map(len, self.joined), default=0)
        self.beginnings = {text[:length] for text in self.joined for length in (1, 2, 3)}

    def stand_in(self, text: str) -> bool:
        if any(word.casefold() in self.short for word in _MEANT.findall(text)):
            return True
        parts = [(part.start(), part.end(), part.group().casefold()) for part in _PART.finditer(text)]
        for first, (start, _, word) in enumerate(parts):
            if word[:3] not in self.beginnings:
                continue
            joined, before = "", start
            for begin, end, word in parts[first:first + self.longest]:
                joined += word
                if begin - before > 3 or len(joined) > self.longest:
                    break
                if joined in self.joined and self._is_one(text, joined, start, end):
                    return True
                before = end
        return False

    def _is_one(self, text: str, joined: str, start: int, end: int) -> bool:
        """Whether what stands there is read as the id, and not as numbers beside each other or a part of a word."""
        left, right, here = text[max(0, start - 4):start], text[end:end + 4], text[start:end].casefold()
        is_whole = not (left[-1:].isalnum() or right[:1].isalnum())
        gaps = [gap for gap in re.split(r"[^\W_]+", here) if gap]
        if joined.isdecimal():
            if re.search(r"\d[.,]$", left) or re.match(r"[.,]\d", right) or left[-1:].isdigit() or right[:1].isdigit():
                return False
            if not is_whole and len(joined) < 8:
                return False
            if not gaps or here in self.forms:
                return True
            gap = gaps[0]
            # 60/1000 are so many of so many, 141-150 are pages
            return (len(joined) >= 6 and set(gaps) == {gap} and gap in tuple(" _" if len(gaps) == 1 else " -_/")
                    and not _day(here)
                    and not re.search(r"\d\W{1,3}$", left) and not re.match(r"\W{1,3}\d", right))
        if not is_whole and (len(joined) < 6 or not re.search("[g-z]", joined)):
            return False
        if len(joined) < 6:
            return here in self.forms or set(gaps) <= set("-_/.")
        return not any(set(gap) & set("()[]{}=<>\"") for gap in gaps)  # MS (2008) is a reference


def _can_be_told(form: str, joined: str) -> bool:
    """Whether an id can be told from a count or a word of the report wherever it stands."""
    if joined.isdecimal():
        return len(joined) >= 6 or (joined.startswith("0") and len(joined) >= 3)
    if _own_words().issuperset(_WORD.findall(form)):
        return False
    return len(joined) >= (4 if any(map(str.isdecimal, joined)) else 6)


# -- what identifies anybody -----------------------------------------------------------------------

def _identifiers(text: str) -> Iterator[str]:
    """The kinds of identifiers in a plain text."""
    if _EMAIL.search(text):
        yield "an e-mail address"
    if _NAME.search(text):
        yield "a person's name"
    if not _DIGITS.search(text):
        return
    rest = _PUBLISHED.sub(" ", text)
    if any(map(_is_birth, _days(rest))):
        yield "a date of birth"
    if _POSTCODE.search(text):
        yield "a UK postcode"
    if _INSURANCE.search(text):
        yield "a National Insurance number"
    if _holds_nhs_number(rest):
        yield "an NHS number"
    for form in _DAYS:
        rest = form.sub("|", rest)
    if any(10 <= len(re.sub(r"\D", "", found.group())) <= 15 for found in _PHONE.finditer(rest)):
        yield "a phone number"


def _days(text: str) -> Iterator[re.Match]:
    return (found for form in _DAYS for found in form.finditer(text))


def _day(text: str) -> date | None:
    """The day that a text says, if any."""
    return next((day for found in _days(text) if (day := _date(found))), None)


def _date(found: re.Match) -> date | None:
    year, month, day = found["y"], found["m"].casefold(), int(found["d"])
    month = int(month) if month.isdecimal() else _MONTHS.index(month[:3]) + 1
    # a year of two digits may be that of a birth: from 31 on it is of the last century
    year = int(year) + (0 if len(year) == 4 else 1900 if int(year) > 30 else 2000)
    for one, other in ((month, day), (day, month)):
        if 1 <= one <= 12 and 1 <= other <= 31 and 1890 <= year <= 2100:
            return date(year, one, min(other, 28))
    return None


def _is_birth(found: re.Match) -> bool:
    day = _date(found)
    return day is not None and (
        day.year < (SERVICES_BEGAN if len(found["y"]) == 4 else 0 if "." in found.group() else 2000)  # version 1.6.50
        or bool(_BORN.search(found.string[max(0, found.start() - 30):found.start()])))


def _holds_nhs_number(text: str) -> bool:
    for run in _RUN.finditer(text):
        groups = [(found.start(), found.end()) for found in _DIGITS.finditer(text, run.start(), run.end())]
        for first in range(len(groups)):
            for last in range(first, min(first + 10, len(groups))):
                chosen = groups[first:last + 1]
                size = sum(end - start for start, end in chosen)
                if size >= 10:
                    if size == 10 and _is_nhs_number(text, chosen):
                        return True
                    break
    return False


def _is_nhs_number(text: str, groups: list[tuple[int, int]]) -> bool:
    """Whether ten digits pass the check and are written as one number, and not as several or as a decimal."""
    numbers = [text[start:end] for start, end in groups]
    digits = "".join(numbers)
    if len(set(digits)) == 1 or not nhs_number.is_valid(digits):
        return False
    left, right = text[max(0, groups[0][0] - 6):groups[0][0]], text[groups[-1][1]:groups[-1][1] + 12]
    if re.search(r"\d[.,]$", left) or re.match(r"\.0*[1-9]", right) or right[:1].isalpha():
        return False
    if left[-1:].isalpha() and not re.search(r"(?<!\w)[A-Za-z]{2,}$", left):
        return False
    gaps = {text[end:start] for (_, end), (start, _) in pairwise(groups)}
    is_list = any("," in gap for gap in gaps) and all(int(one) < int(other) for one, other in pairwise(numbers))
    if len(numbers) == 1:
        return True
    if [len(number) for number in numbers] == [3, 3, 4]:  # and not 405/1175, so many of so many
        return not is_list and (len(gaps) == 1 or all(gap.strip() in ("", "-", ".") for gap in gaps))
    gap = min(gaps)
    ascends = len(numbers) > 2 and all(int(one) < int(other) for one, other in pairwise(numbers))
    return (len(gaps) == 1 and not ascends and (gap != "." or len(numbers) > 2)
            and not re.search(rf"\d{re.escape(gap)}$", left) and not re.match(rf"{re.escape(gap)}\d", right))


def _in_rows(rows: Rows) -> Iterator[str]:
    """A header with the id's name, or with several columns of the cohort: then the rows are patients."""
    columns = set(dictionary().index) - {"step"}
    for row in rows:
        names = {normalise(cell) for cell in row if len(cell) < 40}
        if "patient_id" in names or len(names & columns) > 1:
            yield "a table with one row a patient"
            return
    header = next((row for row in rows if any(row)), [])
    if any(_PERSONAL.search("".join(_WORD.findall(plain(cell).casefold()))) for cell in header if len(cell) < 40):
        yield "a column of what identifies persons"
