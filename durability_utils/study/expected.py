"""What functions expect of a table that somebody made without `01_cleaning`, and the sentence to one that is refused.

Types, ranges and codes are those of the data dictionary and of `parameters/measures.yaml`. What `pandas.read_csv` makes
of a canonical export is accepted, as numbers with NaN; where it could mean two things it is not. No message has a value
of a patient.
"""

from functools import cache

import numpy as np
import pandas as pd

from durability_utils.study.dictionary import entries
from durability_utils.study.errors import InputError
from durability_utils.study.measures import PATH, read_versions
from durability_utils.study.rules import Rules

_MISSING = "nothing (NaN) where there is none, no code such as -9 or 999"


def expect(cohort: pd.DataFrame, columns: list[str], rules: Rules | None = None, name: str = "cohort") -> None:
    """Raises InputError where `cohort`, the argument `name`, lacks one of these columns or holds what it cannot.

    `columns` are canonical. An ADSM and its name are held against the measures of `rules`, without them against those
    of all versions.
    """
    expect_columns(cohort, columns, name)
    for column in columns:
        match entries()[column]["type"]:
            case "whole_number" | "score":
                scores_in(cohort, column, rules, name)
            case "code":
                _expect_codes(cohort[column], entries()[column]["allowed"].split("|"), f"{name}: {column}")
            case "measure":
                if rules is None or rules.anxiety_measure != "gad7":  # else it decides nothing, whatever it is
                    _expect_codes(cohort[column], _names(rules), f"{name}: {column}")
            case "date":
                _expect_days(cohort[column], f"{name}: {column}")
            case "text":
                _expect_text(cohort[column], f"{name}: {column}")


def expect_columns(table: pd.DataFrame, columns, name: str = "cohort") -> None:
    """Raises InputError where `table`, the argument `name`, is none or lacks one of these columns, or has it twice."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{name}: found {_kind(table)}, expected a DataFrame, one row a patient")
    if absent := [column for column in columns if column not in table.columns]:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(f"{name}: found no column {absent[0]}{more}, expected it among its {table.shape[1]}; what "
                         f"nobody has may be a column without values")
    if not table.columns.is_unique and (twice := [one for one in columns if (table.columns == one).sum() > 1]):
        raise InputError(f"{name}: found the column {twice[0]} twice, expected it once")


def expect_one_of(value, allowed, name: str) -> None:
    """Raises InputError where the argument `name` is not one of the texts `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        found = repr(value) if isinstance(value, str | int | float) else _kind(value)
        raise InputError(f"{name}: found {found}, expected {_listed(allowed)}")


def expect_numbers(values: pd.Series, where: str, limits: tuple[float, float] | None = None) -> None:
    """Raises InputError where `values`, called `where` in the message, are no column of numbers, or outside limits."""
    found = _holds(values) if isinstance(values, pd.Series) else _kind(values)
    if found not in ("numbers", "nothing"):
        raise InputError(f"{where}: found {found}, expected a column of numbers")
    if limits is not None and (outside := ~values.dropna().between(*limits)).any():
        raise InputError(f"{where}: found numbers below {limits[0]:g} or above {limits[1]:g} in {outside.sum()} of "
                         f"{len(values)} rows, expected none, and {_MISSING}")


def expect_bool(values: pd.Series, where: str) -> None:
    """Raises InputError where `values`, called `where` in the message, are not True and False for every patient."""
    if not (isinstance(values, pd.Series) and pd.api.types.is_bool_dtype(values.dtype) and values.notna().all()):
        found = _holds(values) if isinstance(values, pd.Series) else _kind(values)
        raise InputError(f"{where}: found {found}, expected True or False for every patient")


def expect_rules(rules: Rules) -> None:
    """Raises InputError where `rules` is something else."""
    if not isinstance(rules, Rules):
        raise InputError(f"rules: found {_kind(rules)}, expected the rules of a study, as `read_study(study).rules`")


def expect_own_rows(table: pd.DataFrame | pd.Series, name: str) -> None:
    """Raises InputError where two rows of the argument `name` have one label, so that neither can be found by it."""
    if not table.index.is_unique:
        raise InputError(f"{name}: found labels in its index twice, expected one a row (`reset_index(drop=True)`, or "
                         "`pd.concat(..., ignore_index=True)`)")


def expect_same_rows(**tables: pd.DataFrame | pd.Series) -> None:
    """Raises InputError where these arguments, given by their names, are not about the same patients in one order."""
    (first, one), *others = tables.items()
    for name, other in others:
        if not one.index.equals(other.index):
            raise InputError(f"{name}: found other rows than in {first} ({len(other)} and {len(one)}), expected the "
                             "same patients in the same order")


def scores_in(cohort: pd.DataFrame, column: str, rules: Rules | None = None, name: str = "cohort") -> np.ndarray:
    """The numbers of a canonical column as floats, NaN where missing; raises InputError where one cannot be right.

    Of an ADSM only what no measure could give; `expect_own_range` knows the measure of each patient.
    """
    values, where = cohort[column], f"{name}: {column}"
    kind = "numbers" if values.dtype.kind in "iuf" else _holds(values)
    low, high = entries()[column]["minimum"], entries()[column]["maximum"]
    whole = not np.isnan([low, high]).any()
    if not whole:
        low, high = _widest_range(rules)
    expected = f"{'whole ' if whole else ''}numbers from {low:g} to {high:g}, and {_MISSING}"
    if kind == "nothing" or (kind == "numbers" and values.isna().all()):
        return np.broadcast_to(np.nan, len(values))
    if kind != "numbers":
        hint = " (`pd.to_numeric` makes numbers of text)" if kind == "text" else ""
        raise InputError(f"{where}: found {kind}, expected {expected}{hint}")
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if np.fmin.reduce(numbers, initial=np.inf) < low or np.fmax.reduce(numbers, initial=-np.inf) > high:
        outside = (numbers < low) | (numbers > high)
        if not whole:  # cleaning knows no range for the score of a measure without a name, and it decides nothing
            outside &= cohort["adsm"].notna().to_numpy() if "adsm" in cohort else False
        if outside.any():
            raise InputError(f"{where}: found numbers below {low:g} or above {high:g} {_in_rows(outside)}, "
                             f"expected {expected}")
    if whole and not pd.api.types.is_integer_dtype(values.dtype):
        broken = (numbers != np.rint(numbers)) & ~np.isnan(numbers)
        if broken.any():
            raise InputError(f"{where}: found fractions {_in_rows(broken)}, expected {expected}")
    return numbers


def expect_own_range(numbers: np.ndarray, column: str, low: np.ndarray, high: np.ndarray) -> None:
    """Raises InputError where ADSM scores are outside the range (one a patient) of the patient's measure."""
    outside = (numbers < low) | (numbers > high)
    if outside.any():
        raise InputError(f"cohort: {column}: found numbers that the patient's measure in `adsm` does not have "
                         f"{_in_rows(outside)}, expected its range in {PATH.name}, and {_MISSING}")


@cache
def _every_measure() -> dict[str, tuple[float, float]]:
    """The lowest and highest score of each measure in any version."""
    found = {}
    for version in read_versions().values():
        for name, measure in version.items():
            low, high = found.get(name, measure.range)
            found[name] = min(low, measure.minimum), max(high, measure.maximum)
    return found


def _names(rules: Rules | None) -> list[str]:
    return list(rules.measures if rules else _every_measure())


def _widest_range(rules: Rules | None) -> tuple[float, float]:
    """The lowest and highest score that any measure has."""
    ranges = [measure.range for measure in rules.measures.values()] if rules else _every_measure().values()
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _expect_codes(values: pd.Series, allowed: list[str], where: str) -> None:
    kind = _holds(values)
    if kind == "nothing":
        return
    if kind != "text":
        raise InputError(f"{where}: found {kind}, expected {_listed(allowed)}")
    unknown = [code for code in values.dropna().unique() if code not in allowed]
    if unknown:
        rows = values.isin(unknown).to_numpy(bool)
        raise InputError(f"{where}: found text that is no code {_in_rows(rows)}, expected {_listed(allowed)}")


def _expect_days(values: pd.Series, where: str) -> None:
    kind = _holds(values)
    if kind not in ("days", "nothing"):
        raise InputError(f"{where}: found {kind}, expected days as `pd.to_datetime` makes them")


def _expect_text(values: pd.Series, where: str) -> None:
    kind = _holds(values)
    if kind not in ("text", "nothing"):
        raise InputError(f"{where}: found {kind}, expected text (`pd.read_csv(..., dtype={{'{values.name}': str}})`)")


def _holds(values: pd.Series) -> str:
    """What a column holds, in words: `numbers`, `text`, `True or False`, `days`; `nothing` where it has no value."""
    if not values.notna().any():
        return "nothing"
    categorical = isinstance(values.dtype, pd.CategoricalDtype)
    held = values.cat.categories if categorical else values
    if isinstance(held.dtype, pd.DatetimeTZDtype):
        return "days with a time zone"
    of_dtype = {"b": "True or False", "i": "numbers", "u": "numbers", "f": "numbers", "M": "days"}
    of_objects = {"boolean": "True or False", "integer": "numbers", "floating": "numbers", "string": "text",
                  "mixed-integer-float": "numbers", "date": "days as objects", "datetime": "days"}
    kind = of_dtype.get(held.dtype.kind) or of_objects.get(pd.api.types.infer_dtype(held), "values of several kinds")
    return "numbers as categories" if categorical and kind == "numbers" else kind


def _in_rows(rows: np.ndarray) -> str:
    """How many rows are meant, and where the first stands."""
    return f"in {rows.sum()} of {len(rows)} rows, first in row {rows.argmax()} (counted from 0)"


def _listed(allowed) -> str:
    allowed = list(allowed)
    return f"one of {', '.join(allowed[:8])}{', ... (data/dictionary.csv has all)' if len(allowed) > 8 else ''}"


def _kind(value) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
