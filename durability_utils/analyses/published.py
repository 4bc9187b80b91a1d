"""Every figure that the study published beside ours, and where the paper contradicts itself.

A figure is named by its path in the YAML file of published figures, as in `response.consented.n`.
"""

from pathlib import Path

import pandas as pd

from durability_utils.outcomes.proportions import rounded_percent
from durability_utils.outcomes.representativeness import GROUPS, compare_groups, sample_characteristics, snake_case
from durability_utils.outcomes.response import response_flags, response_rates, who_answered
from durability_utils.outcomes.rules import OUTCOMES, STEP_GROUPS, carry_back, classify, in_step
from durability_utils.outcomes.transitions import as_square, path_table, six_month_table
from durability_utils.study.columns import FOLLOW_UPS, LATER_TIMES, completed
from durability_utils.study.holds import Holds
from durability_utils.study.parameters import read_yaml
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

# What the file gives for orientation, or what other studies found: nothing of this study to compare.
NOT_COMPARED = ("compared_studies", "contradicted", "reliable_improvement.order", "reliable_recovery.order")
# Figures that we also read from a parameter file: their agreement shows that it was typed right, no more.
SETTINGS = ("measures", "design.minimum_sessions", "design.step_groups", "representativeness.groups")
TABLES = {"table2_all": ("improvement", "all"), "table3_step2": ("improvement", "step2"),
          "table4_step3": ("improvement", "step3"), "table5_all": ("recovery", "all"),
          "table6_step2": ("recovery", "step2"), "table7_step3": ("recovery", "step3")}
SECTIONS = {"improvement": "reliable_improvement", "recovery": "reliable_recovery"}
HOLDS = {
    "figures": Holds("Every published figure beside ours", words=("figure", "published", "ours", "verdict", "note")),
    "contradictions": Holds("Where the paper contradicts itself", words=("what", "printed", "against")),
}


def read_published(path: Path) -> dict[str, object]:
    """The published figures by path, in the order of the file; a list counts as one figure for each element."""
    return flatten(read_yaml(path))


def flatten(content, prefix: str = "") -> dict[str, object]:
    """A nested mapping as {path: value}, with list elements numbered from 1."""
    if not isinstance(content, dict | list):
        return {prefix: content}
    items = content.items() if isinstance(content, dict) else enumerate(content, start=1)
    return {path: figure for key, value in items
            for path, figure in flatten(value, f"{prefix}.{key}" if prefix else str(key)).items()}


def compare(published: dict[str, object], ours: dict[str, object]) -> pd.DataFrame:
    """One row a published figure: `figure, published, ours, verdict, note`.

    Verdict: `agrees`; `paper_contradicts_itself` where the file says under `contradicted` that the paper's own counts
    give another value, and that value is ours; else `differs` (also where we have no such figure). The note of either
    is the file's `because`.
    """
    rows = []
    for figure, printed in published.items():
        if figure.startswith(NOT_COMPARED):
            continue
        found, by_counts = ours.get(figure), published.get(f"contradicted.{figure}.by_counts")
        verdict, note = "differs", published.get(f"contradicted.{figure}.because", "")
        if str(found) == str(printed):
            verdict, note = "agrees", ""
        elif by_counts is not None and str(found) == str(by_counts):
            verdict = "paper_contradicts_itself"
        rows.append((figure, str(printed), "" if found is None else str(found), verdict, note))
    return pd.DataFrame(rows, columns=["figure", "published", "ours", "verdict", "note"])


def our_figures(cohort: pd.DataFrame, study: Study, rules: Rules,
                sections: tuple[str, ...] = ("",)) -> dict[str, object]:
    """Our value of every figure (at least of `sections`) by these rules, by the paper's paths and rounded as there."""
    found = _outcomes(cohort, rules, sections)
    for name, part in (("design", _design), ("measures", _measures), ("response", _response), ("sample", _sample),
                       ("representativeness", _table1)):
        if _asked_for(name, sections):
            found |= part(cohort, study, rules)
    return found


def _asked_for(path: str, sections: tuple[str, ...]) -> bool:
    return any(path.startswith(section) or section.startswith(f"{path}.") for section in sections)


def _design(cohort: pd.DataFrame, study: Study, rules: Rules) -> dict:
    follow_ups = {time: cohort.loc[completed(cohort, time), f"followup_{time}_date"] for time in FOLLOW_UPS}
    groups = {"step2": "step2_only", "step3": "step3_only", "step2+3": "step2_and_step3"}
    return flatten({"design": {
        "services": cohort["service"].nunique(),
        "discharge_month": _usual_month(cohort["discharge_date"]),
        "first_follow_up": _usual_month(follow_ups["6m"]),
        "second_follow_up": _usual_month(follow_ups["12m"]),
        "minimum_sessions": rules.minimum_sessions,
        "steps": [name for step, name in groups.items() if (cohort["step"] == step).any()],
        "step_groups": {group: [groups[step] for step in members] for group, members in STEP_GROUPS.items()},
    }})


def _usual_month(dates: pd.Series) -> str | None:
    months = dates.dropna().dt.strftime("%Y-%m")
    return None if months.empty else months.mode().iloc[0]


def _measures(cohort: pd.DataFrame, study: Study, rules: Rules) -> dict:
    found = {name: {"items": m.items, "item_range": list(m.item_range), "range": [m.minimum, m.maximum],
                    "caseness": m.caseness, "window": m.window, "for": m.disorder}
             for name, m in rules.measures.items()}
    risk = next(m for m in rules.measures.values() if m.risk_item)
    found["risk_item"] = {"measure": risk.name, "item": risk.risk_item, "flag_when_above": 0}
    return flatten({"measures": found})


def _of(n, of) -> dict:
    return {"n": int(n), "of": int(of), "percent": rounded_percent(n, of)}


def _response(cohort: pd.DataFrame, study: Study, rules: Rules) -> dict:
    rates = response_rates(cohort).set_index("service")
    services = rates.drop(index="all", errors="ignore")
    total = services.drop(columns=rates.filter(regex="_(share|low|high)$")).sum()
    flags = response_flags(cohort)

    def of_consented(stage):
        return _of(total[stage], total["consented"])

    def ends(n, of):
        percents = [rounded_percent(*pair) for pair in zip(services[n], services[of], strict=True) if pair[1]]
        return {"min": min(percents, default=None), "max": max(percents, default=None)}

    half = 0.4 <= services["consented_share"].max() <= 0.6
    return flatten({"response": {
        "discharged": len(cohort),
        "consented": _of(total["consented"], len(cohort)),
        "first_follow_up": of_consented("first_follow_up"),
        "second_follow_up": of_consented("second_follow_up"),
        "second_but_not_first": {"n": int((flags["second_follow_up"] & ~flags["first_follow_up"]).sum())},
        "either_follow_up": of_consented("either_follow_up"),
        "both_follow_ups": of_consented("both_follow_ups"),
        "participants_of_discharged_percent": rounded_percent(total["either_follow_up"], len(cohort)),
        "consent_rate_by_service_percent": ends("consented", "discharged"),
        "first_rate_by_service_percent": ends("first_follow_up", "consented"),
        "second_rate_by_service_percent": ends("second_follow_up", "consented"),
        "dedicated_researcher_service_consent": "about half" if half else "not about half",
    }})


def _sample(cohort: pd.DataFrame, study: Study, rules: Rules) -> dict:
    table = sample_characteristics(cohort).set_index(["variable", "level"])

    def percent(variable, level):
        return rounded_percent(*table.loc[(variable, level), ["n", "of"]]) if (variable, level) in table.index else None

    def value(variable, level, digits=None):
        found = table.at[(variable, level), "value"]
        return None if pd.isna(found) else round(found, digits)

    problems = {problem: snake_case(problem) for problem in cohort["primary_problem"].dropna().unique()}
    return flatten({"sample": {
        "printed_n": len(who_answered(cohort)),
        "female_percent": percent("gender", "female"),
        "white_british_percent": percent("ethnicity", "white_british"),
        "age": {"mean": value("age", "mean"), "sd": value("age", "sd", 2),
                "min": value("age", "min"), "max": value("age", "max")},
        "primary_problem_percent": {name: percent("primary_problem", level) for name, level in problems.items()},
        "step_percent": {step: percent("step", step) for step in STEP_GROUPS},
        "sessions_mean": {step: value("sessions", step, 2) for step in STEP_GROUPS},
    }})


def p_class(p: float) -> str:
    """A p value as the paper prints it: the smallest of its bounds that holds."""
    return next((f"< {bound}" for bound, limit in ((".001", 0.001), (".005", 0.005), (".05", 0.05)) if p < limit),
                "> .05")


def _table1(cohort: pd.DataFrame, study: Study, rules: Rules) -> dict:
    table = compare_groups(cohort[cohort["service"].isin(study.table1_services)], "tukey")
    return flatten({"representativeness": {"groups": list(GROUPS)} | {
        variable: {"means": [f"{mean:.2f}" for mean in row["mean"]], "letters": list(row["letters"]),
                   "p": p_class(row["p"].iloc[0])} for variable, row in table.groupby("variable", sort=False)}})


def _outcomes(cohort: pd.DataFrame, rules: Rules, sections: tuple[str, ...]) -> dict:
    if not any(_asked_for(section, sections) for section in SECTIONS.values()):
        return {}
    participants = who_answered(cohort)
    carried = carry_back(participants) if rules.carry_back else participants
    end, at_6m, at_12m = (classify(carried, time, rules) for time in LATER_TIMES)
    both = completed(participants, "6m") & completed(participants, "12m")
    found = {"reliable_improvement": {"text_percent": {}}, "reliable_recovery": {"text_percent": {}}}
    for table, (outcome, step) in TABLES.items():
        if not any(_asked_for(section, sections) for section in sections_of(outcome, step)):
            continue
        here = in_step(participants, step).index
        counts = six_month_table(end.loc[here, outcome], at_6m.loc[here, outcome])
        square = as_square(counts)
        found[SECTIONS[outcome]][table] = square.drop(index="total", columns="total").to_numpy().tolist()
        found[SECTIONS[outcome]]["text_percent"][table.split("_")[0]] = _text_percents(square, outcome)
    if _asked_for("reliable_improvement.participants", sections):
        table2 = six_month_table(end["improvement"], at_6m["improvement"])
        withheld = (participants["consent_upflow"] == "no").sum()
        found["reliable_improvement"] |= {
            "participants": len(participants), "no_consent_to_upflow": int(withheld),
            "missing_phq_or_gad_at_follow_up": int(len(participants) - withheld - table2["n"].sum())}
    for outcome, key in (("improvement", "figure1_both_follow_ups"), ("recovery", "figure2_both_follow_ups")):
        if _asked_for(f"{SECTIONS[outcome]}.{key}", sections):
            found[SECTIONS[outcome]][key] = _path_percents(
                path_table(end[outcome], at_6m[outcome], at_12m[outcome], both))
    return flatten(found)


def _text_percents(square: pd.DataFrame, outcome: str) -> dict:
    """The percentages that the text draws from a table: the margins at end, then what became of each."""
    well, none = OUTCOMES[outcome], f"no_{OUTCOMES[outcome]}"
    name = {"improvement": "improved", "recovery": "recovered"}[outcome]
    ends = square["total"]

    def share(row, column):
        return rounded_percent(square.at[row, column], ends[row])

    percents = {f"{name}_at_end": rounded_percent(ends[well], ends["total"]),
                "none_at_end": rounded_percent(ends[none], ends["total"]),
                "kept": share(well, well), "lost": share(well, none),
                "still_none": share(none, none), "gained": share(none, well)}
    if outcome == "improvement":
        percents |= {"deteriorated": share(well, "reliable_deterioration"),
                     "none_to_deteriorated": share(none, "reliable_deterioration")}
    return percents


def _path_percents(path: pd.DataFrame) -> dict:
    well = path["end"].iloc[-1]
    at_end = path[path["end"] == well]
    kept = {when: at_end.loc[at_end[f"at_{when}m"] == well, "n"].sum() for when in (6, 12)}
    return {"n": int(path["n"].sum())} | {
        f"kept_at_{when}_percent": rounded_percent(n, at_end["n"].sum()) for when, n in kept.items()}


def compared_with_paper(cohort: pd.DataFrame, study: Study, rules: Rules, service: str,
                        *sections: str) -> pd.DataFrame:
    """The rows of `compare` whose figures lie in these sections; none where the study or service has none published.

    `cohort` is that of the whole study at every step: the paper prints nothing for a single service.
    """
    if study.published is None or service != "all":
        return compare({}, {})
    printed = {figure: value for figure, value in read_published(study.published).items()
               if figure.startswith((*(f"{section}." for section in sections), "contradicted."))}
    return compare(printed, our_figures(cohort, study, rules, sections))


def sections_of(outcome: str, step: str) -> list[str]:
    """The sections of the published figures that hold one outcome's table and its percentages at a step."""
    table = next(name for name, place in TABLES.items() if place == (outcome, step))
    return [f"{SECTIONS[outcome]}.{table}", f"{SECTIONS[outcome]}.text_percent.{table.split('_')[0]}"]
