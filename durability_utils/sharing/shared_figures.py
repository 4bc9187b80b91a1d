"""The figures of a shared report, drawn from tables under disclosure control only: what is hidden is not drawn.

Each length is a number that the table beside it prints, in per cent or points, and none is worked out anew. A figure of
which nothing could be drawn is left out.
"""

import pandas as pd
from matplotlib.figure import Figure

from durability_utils import figures
from durability_utils.outcomes.response import STAGES
from durability_utils.sharing.audit import OUTCOMES
from durability_utils.sharing.disclosure import TableName

UNITS = {"age": "years", "phq9_baseline": "points", "phq9_change": "points", "gad7_baseline": "points",
         "gad7_change": "points", "sessions": "sessions"}


def shared_figures(service: str, step: str, tables: dict[TableName, pd.DataFrame], caption: str,
                   compared: str) -> dict[str, Figure]:
    """The figures of one service and step by the name of their table. caption: ends each. compared: of all services
    those whose patients the comparison of groups holds."""
    here = {name: table for (of, at, name), table in tables.items() if (of, at) == (service, step)}
    scope = figures.scope(service, step)
    made = {}
    if "response_flow" in here:
        counts = pd.to_numeric(here["response_flow"]["n"], errors="coerce")
        if counts.notna().all() and counts.is_monotonic_decreasing:
            boxes = list(here["response_flow"].itertuples(index=False, name=None))
            made["response_flow"] = figures.flow_diagram(
                boxes, [[]] * len(boxes), f"From discharge to the tables, {scope}",
                f"Where counts are rounded, boxes of the same number need not hold the same patients. {caption}")
    if "response_rates" in here:
        rates = here["response_rates"]
        for stage in STAGES:
            rates = _with_shares(rates, f"{stage}_")
        if rates[["consented_share", "first_follow_up_share", "second_follow_up_share"]].notna().any(axis=None):
            made["response_rates"] = figures.response_rates(
                rates, f"Response rates, {scope}", f"Dots: per cent, with n/N; lines: 95 % Wilson intervals. {caption}")
    if "response_by_mode" in here and (modes := _with_shares(here["response_by_mode"]))["share"].notna().any():
        made["response_by_mode"] = figures.modes(
            modes, f"How the follow-ups were answered, {scope}",
            f"Per cent of completed follow-ups with 95 % Wilson intervals. {caption}")
        # else rows without a point would not count for the axis
        made["response_by_mode"].axes[0].set_ylim(-0.5, modes["mode"].nunique() - 0.5)
    for outcome in OUTCOMES:
        name = f"reliable_{outcome}_rates"
        if name in here and len(bars := _without_false_bars(_with_shares(here[name]))):
            few = " A status without a bar may be that of a few patients." if bars["share"].isna().any() else ""
            made[name] = figures.shares_by_status(
                bars, f"Status at 6 months by status at end of treatment, {scope}",
                f"Numbers in the bars are patients.{few} Left out are bars of which less than half may be shown, or "
                f"whose rounded parts are more than 100 %. {caption}")
            made[name].set_figheight(made[name].get_figheight() + 0.6)  # for the lines of its caption
    if "representativeness" in here:
        table = here["representativeness"]
        numbers = {column: pd.to_numeric(table[column], errors="coerce") for column in ("n", "mean", "sd")}
        if numbers["mean"].notna().any():
            made["representativeness"] = figures.group_means(
                table.assign(**numbers).assign(n=numbers["n"].fillna(0)), UNITS,
                f"Who participated, {compared if service == 'all' else scope}",
                "Means with 95 % t intervals from n, mean and SD as shown; groups that share a letter were not shown "
                f"to differ (Games-Howell, 5 %). {caption}")
    return made


def _with_shares(table: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """With `share`, `low` and `high` from 0 to 1, missing where hidden, as the figures of private results have them."""
    columns = {"share": "percent", "low": "low", "high": "high"}
    return table.assign(**{prefix + new: pd.to_numeric(table[prefix + old], errors="coerce") / 100
                           for new, old in columns.items()})


def _without_false_bars(rates: pd.DataFrame) -> pd.DataFrame:
    """Those statuses at end of which at least half is shown, and whose parts as rounded fit into the whole."""
    drawn = pd.to_numeric(rates["percent"], errors="coerce").groupby(rates["end"]).transform("sum")
    return rates[drawn.between(50, 100)]
