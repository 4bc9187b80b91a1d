"""Proportions as they always stand here: n of N, per cent and a 95 % interval."""

from math import sqrt
from numbers import Real
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect_columns
from durability_utils.study.labels import NO_BREAK, NOT_APPLICABLE

TWO_SIDED = NormalDist().inv_cdf(0.975)


class Proportion(NamedTuple):
    """n of `of`, as a share (0 to 1) with the ends of its Wilson 95 % interval; NaN where nobody is in `of`."""

    n: int
    of: int
    share: float
    low: float
    high: float

    def text(self) -> str:
        """For a reader, as in `61/71 (86 %, 76 to 92)`, with spaces that do not break; of nobody `\u2013`."""
        if self.of == 0:
            return NOT_APPLICABLE
        interval = f"{rounded_percent(self.n, self.of)} %, {100 * self.low:.0f} to {100 * self.high:.0f}"
        return f"{self.n:,}/{self.of:,} ({interval})".replace(" ", NO_BREAK)


def proportion(n: int, of: int) -> Proportion:
    """n of `of` with Wilson's 95 % score interval (Wilson 1927; Brown, Cai & DasGupta 2001).

    With N patients, a share p and z = 1.959964: (p + z^2 / 2N -+ z sqrt(p (1 - p) / N + z^2 / 4N^2)) / (1 + z^2 / N).
    Raises InputError where they are no counts, or there are more than all.
    """
    n, of = _counts(n, of)
    if of == 0:
        return Proportion(n, of, np.nan, np.nan, np.nan)
    share, spread = n / of, TWO_SIDED ** 2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    # rounded, since 0 of 299 would begin at 8.7e-19
    return Proportion(n, of, share, round(middle - half, 12), round(middle + half, 12))


def rounded_percent(n: int, of: int, digits: int = 0) -> int | float | None:
    """n of `of` in per cent, whole or to so many `digits`, halves rounded up (5 of 8 is 63); None where `of` is 0.

    Raises InputError as `proportion`.
    """
    n, of = _counts(n, of)
    if of == 0:
        return None
    steps = (200 * n * 10**digits + of) // (2 * of)
    return steps / 10**digits if digits else steps


def _counts(n, of, name: str = "n", whole: str = "of") -> tuple[int, int]:
    for said, count in ((name, n), (whole, of)):
        if isinstance(count, bool | np.bool) or not isinstance(count, Real) or not count >= 0 or count % 1:
            found = repr(count) if isinstance(count, str) else count
            raise InputError(f"{said}: found {found}, expected a count: a whole number of 0 or more")
    if n > of:
        raise InputError(f"{name}: found {n:g} of {of:g}, expected no more than `{whole}`")
    return int(n), int(of)


def with_proportions(table: pd.DataFrame, n: str, of: str) -> pd.DataFrame:
    """The table with `share`, `low` and `high` of its columns `n` of `of`; raises InputError as `proportion`."""
    expect_columns(table, [n, of], "table")
    pairs = list(zip(table[n], table[of], strict=True))
    for pair in pairs:
        _counts(*pair, f"table: {n}", f"table: {of}")
    found = pd.DataFrame([proportion(*pair) for pair in pairs], columns=Proportion._fields, index=table.index)
    return table.assign(share=found["share"], low=found["low"], high=found["high"])


def simultaneous_intervals(counts: pd.Series) -> pd.DataFrame:
    """Goodman's simultaneous 95 % intervals of the shares of several classes: columns n, of, share, low, high.

    One statement about all classes at once, so wider than Wilson's for each (Goodman 1965). NaN for nobody. Raises
    InputError where they are no counts.
    """
    for count in counts:
        _counts(count, count)
    from statsmodels.stats.proportion import multinomial_proportions_confint

    total = int(counts.sum())
    shares = counts / total if total else counts * np.nan
    nobody = np.full((len(counts), 2), np.nan)
    limits = multinomial_proportions_confint(counts, method="goodman") if total else nobody
    return pd.DataFrame({"n": counts, "of": total, "share": shares, "low": limits[:, 0], "high": limits[:, 1]})
