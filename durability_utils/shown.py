"""How tables are read: one format for notebooks, pages, Word and bundles. CSV files keep codes and digits.

A number is formatted by what its column is called: counts whole, shares in per cent, p to three decimals, effective
samples to one, everything else to two. An estimate and the ends of its interval are one cell, and so are n, N, share
and interval; spaces within them do not break.
"""

import html
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from durability_utils.outcomes.proportions import Proportion, proportion
from durability_utils.outcomes.transitions import as_square
from durability_utils.study.errors import InputError
from durability_utils.study.labels import NO_BREAK, NOT_APPLICABLE, WHOLE, WORDS, label

# columns, with or without _6m and the like behind, that hold shares of 0 to 1
SHARES = re.compile(r"(.*_)?(share|estimate|pooled|target|adjusted|tau|coverage)([_,].*)?|size|power|refused")
ONE_DECIMAL = re.compile(r"effective(_.*)?")
P_VALUES = re.compile(r"p|p_.*")
NAMES = ("service", "column", "file", "key", "finding")  # their words are names, not codes

_RATE = ("n", "of", "share", "low", "high")
# of a bundle too: intervals apart, raised letters behind, what is hidden
_NUMBERS = re.compile(r"[-<]?[\d.,\u221e]+(\s%)?(\s\(.*\)[\u1d43\u1d47\u1d9c]*)?|[\d,]+/[\d,]+\s\(.*\)"
                      r"|[\d,]+\sof\s[\d,]+|-?[\d.]+\sto\s-?[\d.]+|\u2013|\*|\[REDACTED\]|")
_CODE = re.compile(r"[a-z0-9]+(_[A-Za-z0-9]+)+")


# notebook servers put all cells on the right; what scrolls would be cut off on paper
_STYLE = ("<style>table.shown th, table.shown td { text-align: left } table.shown .n { text-align: right } "
          "table.shown th { white-space: normal } @media screen { .scroll { overflow-x: auto } "
          "table.shown td.n, table.shown td.short { white-space: nowrap } } "
          "@media print { table.shown { font-size: 7pt } table.shown td.n { white-space: normal } "
          "table.shown th, table.shown td { padding: 0.15rem 0.2rem } }</style>")
NO_ROWS = "No rows."


class Shown:
    """A table of words as a notebook shows it: without numbers of rows, numbers on the right, scrolled by keys."""

    def __init__(self, words: pd.DataFrame):
        self.words = words

    def __repr__(self) -> str:
        return self.words.to_string(index=False, max_colwidth=60) if len(self.words) else NO_ROWS

    def _repr_html_(self) -> str:
        if self.words.empty:
            return f"<p>{NO_ROWS}</p>"
        lines = list(self.words.itertuples(index=False, name=None))
        sides = [side(cells) for cells in zip(*lines, strict=True)]
        head = "".join(f'<th scope="col"{side}>{html.escape(name)}</th>'
                       for name, side in zip(self.words.columns, sides, strict=True))
        rows = ("".join(f"<td{side}>{_cell(cell)}</td>" for cell, side in zip(row, sides, strict=True))
                for row in lines)
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return (f'{_STYLE}\n<div class="scroll" tabindex="0" role="group" aria-label="table">\n<table class="shown">\n'
                f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>")


def shown(table: pd.DataFrame | pd.Series, digits: int = 2) -> Shown:
    """A table for a reader: labels for codes, fixed decimals, `61/71 (86 %, 76 to 92)`; a named index becomes columns.

    `digits`: of numbers that are neither counts, shares nor p values.
    """
    return Shown(as_words(table, digits))


def as_words(table: pd.DataFrame | pd.Series, digits: int = 2) -> pd.DataFrame:
    """The cells and column names of `shown` as text, without columns that are blank throughout.

    Raises InputError where it is no table.
    """
    if isinstance(table, pd.Series):
        table = table.to_frame(table.name or "value")
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"table: found a {type(table).__name__}, expected a DataFrame or a Series")
    if table.index.names != [None]:
        table = table.reset_index(allow_duplicates=True)
    if isinstance(table.columns, pd.MultiIndex):
        table = table.set_axis([", ".join(label(str(name)) for name in names if name != "") for names in table.columns],
                               axis="columns")
    names, words, at = list(map(str, table.columns)), {}, 0
    while at < len(names):
        name, column = names[at], table.iloc[:, at]
        if tuple(names[at:at + 5]) == _RATE:
            words["n/N (95 % interval)"] = [_rate(*cells) for cells in table.iloc[:, at:at + 5].itertuples(index=False)]
            at += 5
        elif at + 2 < len(names) and _is_interval_of(name, *names[at + 1:at + 3]):
            ends = (_formatted(table.iloc[:, at + 1 + end], name, digits) for end in (0, 1))
            words[f"{label(name)} (95 % interval)"] = [
                _estimate(*cells) for cells in zip(_formatted(column, name, digits), *ends, strict=True)]
            at += 3
        else:
            words[label(name)] = _formatted(column, name, digits)
            at += 1
    return pd.DataFrame({name: [cell or NOT_APPLICABLE for cell in cells] for name, cells in words.items()
                         if any(cells) or table.empty}, dtype="str")


def rate(n: int, of: int, few: int = 0) -> str:
    """n of `of`: `61/71 (86 %, 76 to 92)`; of fewer patients than `few` the counts alone, `2 of 3`; of nobody `\u2013`.

    Its spaces do not break.
    """
    return f"{n}{NO_BREAK}of{NO_BREAK}{of}" if 0 < of < few else proportion(n, of).text()


def square(table: pd.DataFrame, few: int = 0) -> Shown:
    """A six-month table: rows status at end, columns at follow-up, the best first; each cell a rate of its row.

    `table`: as of `transitions.six_month_table`. The last column and the last row are of everyone.
    """
    counts = as_square(table)
    codes, everyone = counts.index[-2::-1], counts.at["total", "total"]
    rows = [[*(rate(counts.at[end, later], counts.at[end, "total"], few) for later in codes),
             rate(counts.at[end, "total"], everyone, few)] for end in (*codes, "total")]
    rows[-1][-1] = f"{everyone:,}"
    cells = pd.DataFrame(rows, columns=[*codes, "everyone_at_end"])
    cells.insert(0, "status_at_end", [*codes, "everyone at follow-up"])
    return shown(cells)


def too_few(n: int, few: int) -> str:
    """What stands in the place of a picture or a test of `n` patients, fewer than `few`; else nothing."""
    whom = "1 patient" if n == 1 else f"{n} patients"
    return f"Not shown: {whom}, fewer than {few}, would show little but chance." if n < few else ""


def number(value: float, name: str = "", digits: int = 2) -> str:
    """One number as it is read, by the name of its column: 1,631; 86 %; <0.001; 2.31."""
    if pd.isna(value):
        return NOT_APPLICABLE
    if P_VALUES.fullmatch(name):
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    if SHARES.fullmatch(name):
        return f"{_rounded(100 * value, 0)}{NO_BREAK}%"
    if ONE_DECIMAL.fullmatch(name):
        return _rounded(value, 1)
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return _rounded(value, digits) if np.isfinite(value) else ("\u221e" if value > 0 else "-\u221e")


def unbroken(rate: Proportion, few: int = 0, between: str = " of ") -> str:
    """A rate within a sentence, with spaces that do not break: `32 of 38 (84 %, 70 to 93)`.

    `few`: of fewer than so many patients it is the counts alone, `2 of 2`; `between`: what stands between n and N.
    """
    interval = f" {rate.text().partition(NO_BREAK)[2]}" if rate.of >= max(few, 1) else ""
    return f"{rate.n:,}{between}{rate.of:,}{interval}".replace(" ", NO_BREAK)


def _rounded(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text  # no minus before nothing


def _formatted(column: pd.Series, name: str, digits: int) -> list[str]:
    if pd.api.types.is_bool_dtype(column):
        return ["yes" if value else "no" for value in column]
    if pd.api.types.is_numeric_dtype(column):
        whole = pd.api.types.is_float_dtype(column) and not SHARES.fullmatch(name) and column.notna().any() and (
            column.dropna() % 1 == 0).all()  # counts, of which some are missing
        return [number(int(value) if whole and pd.notna(value) else value, name, digits) for value in column]
    return [_word(value, name) for value in column.astype("object")]


def _word(value, name: str) -> str:
    if isinstance(value, str) and name == "figure":  # of a paper, by its path in the file of published figures
        return re.sub(r"(?<=[a-z])(?=\d)", " ", " \u203a ".join(map(label, value.split("."))))
    if isinstance(value, str):  # a code, or several
        codes = value.split(", ") if name not in NAMES else []
        return ", ".join(label(code) if code in WORDS or code in WHOLE or _CODE.fullmatch(code) else code
                         for code in codes) or value
    if isinstance(value, bool | np.bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " to ".join(f"{part:g}" if isinstance(part, int | float) else str(part) for part in value)
    if isinstance(value, int | float | np.number):
        return number(value, name)
    return NOT_APPLICABLE if pd.isna(value) else str(value)


def _rate(n: float, of: float, *share_and_interval: float) -> str:
    if pd.isna(n) or pd.isna(of):
        return NOT_APPLICABLE
    return Proportion(int(n), int(of), *share_and_interval).text()  # the interval is the table's, whatever its method


def _is_interval_of(name: str, low: str, high: str) -> bool:
    return re.sub(r"(^|_)low(?=_|$)", r"\1high", low) == high != low and _of_same(name, low)


def _of_same(name: str, low: str) -> bool:
    # share_6m, low_6m; consented_share, consented_low; median, median_low; g, low
    rest = re.sub(r"(^|_)low(?=_|$)", "", low).strip("_")
    return not rest or rest == name or name.startswith(f"{rest}_") or name.endswith(f"_{rest}")


def _estimate(value: str, low: str, high: str) -> str:
    if low == high == NOT_APPLICABLE:
        return value
    low, high = (end.removesuffix(f"{NO_BREAK}%") for end in (low, high))
    return f"{value} ({low} to {high})".replace(" ", NO_BREAK)


def _cell(cell: str) -> str:
    # on paper, where many columns have little room, an interval may stand below
    return re.sub(rf"(,{NO_BREAK}|{NO_BREAK}(?=\())", r"\1<wbr>", html.escape(cell))


def side(cells: Iterable[str]) -> str:
    """The class of a column's cells and of its header, as an attribute.

    ` class="n"` of numbers, which are on the right, ` class="short"` of words that stay in one line, blank of others.
    """
    if all(map(_NUMBERS.fullmatch, cells)):
        return ' class="n"'
    return ' class="short"' if max(map(len, cells)) <= 20 else ""
