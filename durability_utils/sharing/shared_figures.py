"""The figures of a shared report, drawn from tables under disclosure control only: what is hidden is not drawn.

The tables of outcomes have none: bars and flows of rounded parts do not add up to their rounded totals.
"""

import pandas as pd
from matplotlib.figure import Figure

from durability_utils import figures
from durability_utils.outcomes.response import STAGES
from durability_utils.sharing.disclosure import TableName

UNITS = {"age": "years", "phq9_baseline": "points", "phq9_change": "points", "gad7_baseline": "points",
         "gad7_change": "points", "sessions": "sessions"}


def shared_figures(service: str, step: str, tables: dict[TableName, pd.DataFrame], caption: str) -> dict[str, Figure]:
    """The figures of one service and step by name; of a table that is left out there is none. caption: ends each."""
    here = {name: table for (of, at, name), table in tables.items() if (of, at) == (service, step)}
    scope = figures.scope(service, step)
    made = {}
    if "response_flow" in here:
        boxes = list(here["response_flow"].itertuples(index=False, name=None))
        made["response_flow"] = figures.flow_diagram(boxes, [[]] * len(boxes), f"From discharge to the tables, {scope}",
                                                     caption)
    if "response_rates" in here:
        rates = here["response_rates"]
        for stage in STAGES:
            rates = _with_shares(rates, f"{stage}_")
        made["response_rates"] = figures.response_rates(
            rates, f"Response rates, {scope}", f"Dots: per cent, with n/N; lines: 95 % Wilson intervals. {caption}")
    if "response_by_mode" in here:
        made["response_by_mode"] = figures.modes(
            _with_shares(here["response_by_mode"]), f"How the follow-ups were answered, {scope}",
            f"Per cent of completed follow-ups with 95 % Wilson intervals. {caption}")
        # else rows without a point would not count for the axis
        made["response_by_mode"].axes[0].set_ylim(-0.5, here["response_by_mode"]["mode"].nunique() - 0.5)
    if "representativeness" in here:
        table = here["representativeness"]
        numbers = {column: pd.to_numeric(table[column], errors="coerce") for column in ("n", "mean", "sd")}
        made["representativeness"] = figures.group_means(
            table.assign(**numbers).assign(n=numbers["n"].fillna(0)), UNITS, f"Who participated, {scope}",
            "Means with 95 % t intervals; groups that share a letter were not shown to differ (Games-Howell, 5 %). "
            f"{caption}")
    return made


def _with_shares(table: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """With `share`, `low` and `high` from 0 to 1, missing where hidden, as the figures of private results have them."""
    columns = {"share": "percent", "low": "low", "high": "high"}
    return table.assign(**{prefix + new: pd.to_numeric(table[prefix + old], errors="coerce") / 100
                           for new, old in columns.items()})

