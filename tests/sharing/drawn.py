"""Reads the pictures of a bundle as somebody with a ruler would: every length, end and number in them, by its row.

`held` compares them with the table printed beside them and with the true counts. It knows nothing of how they were made
but the two rules: 5 stands for 5 to 7, 60 for 58 to 62; what is hidden is a sign.
"""

import re

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.stats import t

from durability_utils.figures import COLOURS
from durability_utils.outcomes.proportions import proportion
from durability_utils.study.labels import label

FARTHEST = 10  # points between what is drawn and the truth, as the reference has it
CODES = {label(code): code for code in COLOURS}
STAGES = {"consent": "consented", "first follow-up": "first_follow_up", "second follow-up": "second_follow_up"}
OF = {"consented": "discharged", "first_follow_up": "consented", "second_follow_up": "consented"}


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def rows_of(axes) -> dict[float, str]:
    return {y: text.get_text() for y, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)}


def points(axes) -> list[tuple[float, float]]:
    return [(x, y) for line in axes.lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
            if not np.isnan(x)]


def lines(axes) -> list[tuple[float, float, float]]:
    """Where each interval begins and ends, and its height."""
    return [(x0, x1, y) for drawn in axes.collections if isinstance(drawn, LineCollection)
            for (x0, y), (x1, _) in filter(len, drawn.get_segments()) if not np.isnan([x0, x1]).any()]


def numbers(text: str) -> float:
    text = text.replace(",", "")
    return float(text) if re.fullmatch(r"-?[\d.]+", text) else np.nan


# -- what is drawn, and what is printed: by row and kind -------------------------------------------

def of_flow(figure: Figure, table: pd.DataFrame):
    drawn = dict(text.split("\nn = ") for text in words(figure.axes[0]))
    return {(stage, "n"): numbers(n) for stage, n in drawn.items()}, {
        (stage, "n"): numbers(n) for stage, n in table.itertuples(index=False)}


def of_response(figure: Figure, table: pd.DataFrame):
    drawn, names = {}, rows_of(figure.axes[0])
    for axes in figure.axes:
        stage = STAGES[axes.get_title().split("\n")[0]]
        drawn |= {(names[y], stage, "percent"): x for x, y in points(axes)}
        drawn |= {(names[y], stage, end): x for *ends, y in lines(axes) for end, x in zip(("low", "high"), ends,
                                                                                          strict=True)}
        drawn |= {(name, stage, "n/N"): text for name, text in zip(names.values(), words(axes), strict=True)}
    printed = {(row["service"], stage, kind): numbers(row[f"{stage}_{kind}"]) for row in table.to_dict("records")
               for stage in OF for kind in ("percent", "low", "high")}
    return drawn, printed | {(row["service"], stage, "n/N"): "/".join(
                                 f"{int(n):,}" if n.isdecimal() else n for n in (row[stage], row[of]))
                             for row in table.to_dict("records") for stage, of in OF.items()}


def of_modes(figure: Figure, table: pd.DataFrame):
    axes = figure.axes[0]
    names = rows_of(axes)
    drawn = {(names[round(y)], "6m" if y > round(y) else "12m", "percent"): x for x, y in points(axes)}
    for *ends, y in lines(axes):
        drawn |= {(names[round(y)], "6m" if y > round(y) else "12m", end): x
                  for end, x in zip(("low", "high"), ends, strict=True)}
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    drawn |= {(f"{text.split()[0]}m", "of"): numbers(re.search(r"n = (.*)\)", text)[1]) for text in said}
    printed = {(row["mode"], row["time"], kind): numbers(row[kind]) for row in table.to_dict("records")
               for kind in ("percent", "low", "high")}
    return drawn, printed | {(row["time"], "of"): numbers(row["of"]) for row in table.to_dict("records")}


def of_status(figure: Figure, table: pd.DataFrame):
    axes = figure.axes[0]
    colours = {COLOURS[code]: code for code in set(table["follow_up"])}
    at_end = {y: text.split("\nat end (n = ") for y, text in rows_of(axes).items()}
    ends = {y: CODES[name] for y, (name, _) in at_end.items()}
    drawn, right = {(ends[y], "of"): numbers(n[:-1]) for y, (_, n) in at_end.items()}, dict.fromkeys(ends, 0.0)
    for bar in [patch for patch in axes.patches if isinstance(patch, Rectangle)]:
        y = round(bar.get_y() + bar.get_height() / 2)
        part = "rest" if bar.get_hatch() else colours[_hex(bar.get_facecolor())]
        assert abs(bar.get_x() - right[y]) < 1e-6, "bars overlap, or leave a gap without a name"
        right[y] += bar.get_width()
        drawn[ends[y], part] = bar.get_width()
        for text in axes.texts:
            if text.get_position()[1] == y and bar.get_x() < text.get_position()[0] < right[y]:
                drawn[ends[y], part, "n"] = numbers(text.get_text())
    assert all(abs(end - 100) < 1e-6 for end in right.values()), "a bar is not 100 % long"
    named = axes.get_legend().texts[-1].get_text().startswith("not shown")
    assert named == any(key[1] == "rest" for key in drawn)
    printed = {}
    for end, part in table.groupby("end"):
        percents = {row["follow_up"]: numbers(row["percent"]) for row in part.to_dict("records")}
        whole = np.nansum([*percents.values()])
        if 50 <= whole <= 100:
            printed |= {(end, "of"): numbers(part["of"].iloc[0]), (end, "rest"): 100 - whole or np.nan}
            printed |= {(end, code): percent or np.nan for code, percent in percents.items()}
            printed |= {(end, row["follow_up"], "n"): numbers(row["n"]) for row in part.to_dict("records")
                        if percents[row["follow_up"]] > 0}
    return drawn, printed


def of_means(figure: Figure, table: pd.DataFrame):
    drawn = {}
    for axes in figure.axes:
        names, variable = rows_of(figure.axes[0]), axes.get_title()
        drawn |= {(variable, names[y], "mean"): x for x, y in points(axes)}
        drawn |= {(variable, names[y], end): x for *ends, y in lines(axes) for end, x in zip(("low", "high"), ends,
                                                                                             strict=True)}
        drawn |= {(variable, names[text.xy[1]], "letters"): text.get_text() for text in axes.texts
                  if not np.isnan(text.xy[0])}
    printed = {}
    for row in table.to_dict("records"):
        n, mean, sd = (numbers(row[column]) for column in ("n", "mean", "sd"))
        half = t.ppf(0.975, n - 1) * sd / np.sqrt(n)
        letters = row["letters"] if row["letters"].isalpha() and not np.isnan([n, mean]).any() else np.nan
        printed |= {(label(row["variable"]), label(row["group"]), kind): value
                    for kind, value in (("mean", mean), ("low", mean - half), ("high", mean + half),
                                        ("letters", letters))}
    return drawn, printed


def _hex(colour) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


READ = {"response_flow": of_flow, "response_rates": of_response, "response_by_mode": of_modes,
        "reliable_improvement_rates": of_status, "reliable_recovery_rates": of_status, "representativeness": of_means}


def read(name: str, figure: Figure, printed: pd.DataFrame) -> dict[tuple, float | str]:
    """Everything drawn, by row and kind; an AssertionError where it is not what is printed, and nothing else."""
    drawn, expected = READ[name](figure, printed)
    expected = {key: value for key, value in expected.items() if isinstance(value, str) or not np.isnan(value)}
    assert drawn.keys() == expected.keys(), (name, drawn.keys() ^ expected.keys())
    wrong = {key: (value, expected[key]) for key, value in drawn.items() if value != expected[key] and not (
        isinstance(value, float | int) and abs(value - expected[key]) < 1e-6)}
    assert not wrong, (name, wrong)
    return drawn


# -- and the truth ---------------------------------------------------------------------------------

def true_rates(name: str, exact: pd.DataFrame) -> dict[tuple, tuple[int, int]]:
    """n and of behind each row, from the private table."""
    rows = exact.to_dict("records")
    if name == "response_rates":
        return {(row["service"], stage): (row[stage], row[of]) for row in rows for stage, of in OF.items()}
    keys = {"response_by_mode": ("mode", "time")}.get(name, ("end", "follow_up"))
    return {tuple(row[key] for key in keys): (row["n"], row["of"]) for row in rows}


def hold_against_truth(name: str, drawn: dict[tuple, float | str], printed: pd.DataFrame, exact: pd.DataFrame,
                       rule: str) -> None:
    """An AssertionError where something is drawn that is farther from the truth than rounding may bring it."""
    if name == "representativeness":
        assert all(abs(drawn[*row, "mean"] - row_mean) <= 0.05 + 1e-9 for row, row_mean in zip(
            zip(exact["variable"].map(label), exact["group"].map(label), strict=True), exact["mean"], strict=True)
            if (*row, "mean") in drawn)
    elif name == "response_flow":
        if rule != "opensafely":  # whose totals are sums of what is shown
            assert all(abs(n - true) <= 2 for n, true in zip(drawn.values(), exact["n"], strict=True))
        assert all(more >= fewer for more, fewer in zip([*drawn.values()], [*drawn.values()][1:], strict=False))
    else:
        for row, (n, of) in true_rates(name, exact).items():
            true = proportion(n, of)
            shown = [drawn[key] for key in (row, (*row, "percent")) if key in drawn]
            assert all(abs(percent - 100 * true.share) <= FARTHEST for percent in shown), (name, row, shown, n, of)
            if (*row, "low") in drawn:
                assert drawn[*row, "low"] - 0.5 <= 100 * true.low, (name, row, n, of)
                assert drawn[*row, "high"] + 0.5 >= 100 * true.high, (name, row, n, of)
        for end in (key[0] for key in drawn if key[1] == "rest"):
            parts = printed[printed["end"] == end]
            named = [key[1] for key in drawn if key[0] == end and key[1] not in ("of", "rest") and len(key) == 2]
            rest = 100 - sum(100 * n / of for (of_end, code), (n, of) in true_rates(name, exact).items()
                             if of_end == end and code in named)
            ns = parts.set_index("follow_up")["n"]
            least, most = ((sum(possible(n, rule)[at] for n in ns) if rule == "opensafely"
                            else possible(parts["of"].iloc[0], rule)[at]) for at in (0, 1))
            low, high = (100 - sum(100 * possible(ns[code], rule)[at] / of for code in named)
                         for at, of in ((1, least), (0, most)))
            # each percentage is a whole number
            assert low <= rest + 1e-9 and rest <= high + 1e-9, (name, end, low, rest, high)
            assert low - len(named) / 2 <= drawn[end, "rest"] <= high + len(named) / 2


def possible(shown: str, rule: str) -> tuple[int, int]:
    """The fewest and the most patients that a number or sign stands for."""
    smallest = {"none": 0, "nhs": 5, "opensafely": 8}[rule]
    if not shown.isdecimal():
        return 0, smallest - 1
    return (int(shown),) * 2 if rule == "none" else (max(int(shown) - 2, smallest), int(shown) + 2)


def strips(page: str) -> list[tuple[str, str, str, float, float, float]]:
    """Of each strip in a page: heading, service, n/N with the rest of its words, and where dot and line are drawn."""
    found = []
    for heading, picture in re.findall(r'<h3>([^<]*)</h3>\n<ul class="picture">(.*?)</ul>', page, re.S):
        for item in re.findall(r"<li>(.*?)</li>", picture, re.S):
            service = re.match(r"\s*(?:<a[^>]*>)?([^<\n]*)", item)[1]
            for line in re.findall(r'<div class="line">(.*?)</div>', item, re.S):
                text = re.search(r'<span class="n">([^<]*)<', line)[1].replace("\u00a0", " ")
                low, high = map(float, re.search(r'class="interval" x1="([\d.]+)%" x2="([\d.]+)%"', line).groups())
                found.append((heading, service, text, float(re.search(r'cx="([\d.]+)%"', line)[1]), low, high))
    return found
