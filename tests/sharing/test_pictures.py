"""Pictures of a bundle agree with the tables beside them and with the truth, and the first page says what was found.

Oracles: the tables as printed, the private counts, and hand counts; a picture drawn wrongly has to be found.
"""

import re

import docx
import pandas as pd
import pytest
from drawn import hold_against_truth, read, strips
from test_disclosure import declared, random_cohorts, six_months, tables_of
from test_readable import given

from durability_utils import figures
from durability_utils.outcomes.proportions import proportion
from durability_utils.sharing import bundle, disclosure
from durability_utils.sharing.audit import control_safely
from durability_utils.sharing.disclosure import Controlled, Count
from durability_utils.sharing.readable import what_was_found
from durability_utils.sharing.shared_figures import shared_figures
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study


@pytest.fixture(scope="module")
def study():
    return read_study(PROJECT / "parameters" / "durability_2016.yaml")


@pytest.fixture(scope="module")
def cohort():
    return tables_of(random_cohorts(1))


def held(controlled: Controlled) -> int:
    """How many numbers are drawn, each of which agrees with its table and with the truth."""
    drawn = 0
    for service, step in {(service, step) for service, step, _ in controlled.tables}:
        for name, figure in shared_figures(service, step, controlled.tables, "", "service A").items():
            printed, exact = controlled.tables[service, step, name], controlled.given[service, step, name].cells
            lengths = read(name, figure, printed)
            hold_against_truth(name, lengths, printed, exact, controlled.rule)
            drawn += len(lengths)
    return drawn


@pytest.mark.parametrize("rule", ["none", "nhs"])
def test_every_picture_of_the_published_counts_agrees_with_its_table(rule):
    assert held(Controlled(given(), rule)) > 40


@pytest.mark.parametrize("rule", ["nhs", "opensafely"])
@pytest.mark.parametrize("seed", range(300, 304))
def test_every_picture_of_random_cohorts_agrees_with_its_table_and_the_truth(seed, rule):
    assert held(Controlled(tables_of(random_cohorts(seed)), rule)) > 100


def test_so_does_every_picture_after_the_audit():
    assert held(control_safely(tables_of({"B": random_cohorts(6)["B"]}), "nhs", ["B"])) > 30


# -- wrong pictures are found ----------------------------------------------------------------------

def normalised(draw):
    """Bars stretched to 100 %, as if what is hidden were nobody."""
    return lambda table, *words: draw(table.assign(
        share=table["share"] / table.groupby("end")["share"].transform("sum")), *words)


def of_the_parts(draw):
    """Percentages worked out anew from rounded counts: of their sum, and not of the total that is printed."""
    def again(table, *words):
        n = pd.to_numeric(table["n"], errors="coerce")
        return draw(table.assign(share=n / (n.groupby(table["end"]).transform("sum") + 1)), *words)
    return again


@pytest.mark.parametrize(("name", "wrong"), [
    ("shares_by_status", normalised), ("shares_by_status", of_the_parts),
    ("modes", lambda draw: lambda table, *words: draw(table.assign(low=table["low"] + 0.01), *words)),
    ("modes", lambda draw: lambda table, *words: draw(table.fillna({"share": 0.0}), *words)),
    ("response_rates", lambda draw: lambda table, *words: draw(table.assign(consented_share=0.5), *words)),
    ("group_means", lambda draw: lambda table, *words: draw(table.assign(n=table["n"] + 2), *words)),
    ("flow_diagram", lambda draw: lambda boxes, *words: draw([*boxes[:-1], (boxes[-1][0], "80")], *words))])
def test_a_picture_that_says_something_else_than_its_table_is_found(name, wrong, cohort, monkeypatch):
    monkeypatch.setattr(figures, name, wrong(getattr(figures, name)))
    with pytest.raises(AssertionError):
        held(Controlled(given(), "nhs"))
        held(Controlled(cohort, "nhs"))  # a flow is in the first one only, modes are in this one


def test_a_picture_of_a_table_that_is_far_from_the_truth_is_found(monkeypatch):
    """Were 10 of 15 printed as 67 %, as it was, though it is 8 of 17."""
    table = given()["all", "all", "reliable_improvement_rates"]
    cells = table.cells.assign(n=[0, 0, 0, 4, 5, 8, 0, 9, 62]).assign(of=[0] * 3 + [17] * 3 + [71] * 3)
    tables = {("all", "all", "reliable_improvement_rates"): disclosure.table_of("all", "all", cells, table.holds)}
    assert held(Controlled(tables, "nhs")) == 5  # 70, of whom 60 (86 %) and 10 (14 %)
    monkeypatch.setattr(disclosure, "FARTHEST", 100)
    with pytest.raises(AssertionError, match="8, 17"):
        held(Controlled(tables, "nhs"))


# -- percentages that rounding could have moved far ------------------------------------------------

@pytest.mark.parametrize(("exact", "shown", "percents", "ends"), [
    # 10 of 15 could be 8 of 15 (53 %), and if both are shown as 10 it is 8 or 9 of 17: farther than ten points
    ((10, 5), "10 of 15", ["*", "*"], None), ((8, 9), "10 of 15", ["*", "*"], None),
    ((12, 12), "10 of 25", ["*", "*"], None),        # 40 % of what is 50 %
    ((19, 4), "20 of 25", ["*", "*"], None),         # 18 of 27 is 67 %: nothing is known of the rest
    # beside a rest of 5 (5 to 7) 20 of 25 is at least 18 of 25, 72 %, and at most 22 of 27, 81 %
    ((20, 5), "20 of 25", ["80", "20"], ((18, 25), (22, 27))),
    ((25, 10), "25 of 35", ["71", "29"], ((23, 35), (27, 35))),
    ((10, 10), "10 of 20", ["50", "50"], ((8, 20), (12, 20))),  # just ten points
    ((40, 3), "40 of 45", ["89", "*"], ((38, 47), (42, 43)))])
def test_a_percentage_stands_where_rounding_moves_it_by_ten_points_at_most_and_so_does_its_complement(
        exact, shown, percents, ends):
    """Hand counts."""
    tables = declared({("A", "all", "reliable_recovery_rates"): six_months(30, 30, *exact[::-1])})
    rows = Controlled(tables, "nhs").tables["A", "all", "reliable_recovery_rates"].iloc[:1:-1]
    assert (f"{rows.iloc[0]['n']} of {rows.iloc[0]['of']}", rows["percent"].tolist()) == (shown, percents)
    if ends:
        assert rows.iloc[0][["low", "high"]].tolist() == [
            f"{100 * end:.0f}" for end in (proportion(*ends[0]).low, proportion(*ends[1]).high)]


@pytest.mark.parametrize("rule", ["nhs", "opensafely"])
def test_of_two_percentages_of_one_total_both_stand_or_neither(rule, cohort):
    """Where both counts do: 71 % is not a subtraction away from 29 %."""
    both = 0
    for (*_, name), table in Controlled(cohort, rule).tables.items():
        for _, pair in table.groupby("end") if name == "reliable_recovery_rates" else ():
            if pair["n"].str.isdecimal().all() and pair["n"].astype(int).sum() == int(pair["of"].iloc[0]):
                assert len(set(pair["percent"].str.isdecimal())) == 1, pair
                both += 1
    assert both > 5


# -- the first page --------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle")
    bundle.write_bundle(study, Controlled(given(), "nhs"), path, [])
    return path


def test_the_first_page_says_what_was_found_before_any_table_and_so_does_the_document(folder):
    """Hand count: of Table 2, 61 of 71 (58 of 72 to 62 of 68); 323 of 3,027 consented, 106 answered."""
    sentences = ["Of those who had reliably improved at the end of treatment and answered, 60 of 70 (86 %, 70 to 96) "
                 "still were at 6 months.",
                 "Of 3,025 discharged, 325 (11 %, 10 to 12) consented to be contacted; 105 (32 %, 27 to 38) of these "
                 "answered at least once.",
                 "Numbers of patients are rounded to the nearest 5; a percentage of theirs may be off by up to 10 "
                 "points, for which its interval allows. A missing 6-month answer was replaced by the 12-month one."]
    page = (folder / "index.html").read_text(encoding="utf-8")
    main = page.partition("<main>")[2].replace("\u00a0", " ")
    assert re.findall(r'<p class="answer">(.*?)</p>', main) == sentences
    assert main.index(sentences[-1]) < main.index('<ul class="picture">') < main.index("<table>")
    assert page.index("Synthetic data") < page.index("<main>")
    document = docx.Document(folder / "tables.docx")
    paragraphs = [paragraph.text.replace("\u00a0", " ") for paragraph in document.paragraphs]
    first = paragraphs.index(" ".join(sentences))
    assert first < next(at for at, text in enumerate(paragraphs) if text.startswith("Table 1."))


def test_every_strip_is_as_long_as_the_table_of_the_same_page_says(
        study, cohort, tmp_path, monkeypatch):
    """And there is one for each rate of all steps in it."""
    monkeypatch.setattr(bundle, "shared_figures", lambda *_: {})  # which take their time
    bundle.write_bundle(study, Controlled(cohort, "nhs"), tmp_path, [])
    page = (tmp_path / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    table = page.partition("Gains kept at the 6-month")[2].partition("</table>")[0]
    printed = {(service, f"{n}/{of} ({rest}") for service, row in re.findall(
        "<tr><td[^>]*>((?:All|Service)[^<]*)</td>(.*?)</tr>", table) for of, n, rest in re.findall(
        r">([\d,]+)</td><td[^>]*>([\d,]+) \((\d+ %[^<]*)<", row)}
    drawn = strips(page)
    assert {(service, text) for _, service, text, *_ in drawn} == printed
    assert len(drawn) == len(printed) > 3
    for _, _, text, *lengths in drawn:
        assert list(map(float, re.search(r"\((\d+) %, (\d+) to (\d+)\)", text).groups())) == lengths


@pytest.mark.parametrize("rule", ["none", "nhs", "opensafely"])
def test_the_first_page_of_random_cohorts_tells_what_is_shown_and_is_true(study, cohort, rule):
    """Each strip stands for a rate that the tables print, and none is farther than ten points from the truth."""
    controlled, drawn = Controlled(cohort, rule), 0
    for service in {service for service, *_ in controlled.tables}:
        found = what_was_found(study, controlled, service)
        for outcome, (strip, ) in ((outcome, made) for outcome, made in found.strips.items() if made):
            code = f"reliable_{outcome}"
            rates = controlled.tables[service, "all", f"{code}_rates"].set_index(["end", "follow_up"]).loc[(code, code)]
            n, of = (controlled.exact[Count(service, "all", f"{outcome}_6m", (code, last))] for last in (code, "total"))
            assert [strip["share"], *strip["interval"]] == pytest.approx(
                rates[["percent", "low", "high"]].astype(float).tolist())
            assert abs(strip["share"] - 100 * n / of) <= 10
            assert any(f"{rates['percent']}\u00a0%" in sentence for sentence in found.sentences)
            drawn += 1
    assert drawn > 2


def test_twelve_months_are_told_where_the_tables_tell_them(study):
    rates = pd.DataFrame({"definition": ["reliable_improvement_kept"], "measures": ["phq9_relevant_anxiety"],
                          "time": ["12m"], "population": ["own"], "n": ["25"], "of": ["30"], "percent": ["83"],
                          "low": ["70"], "high": ["93"]})
    controlled = Controlled(given(), "nhs")
    controlled.tables["all", "all", "definitions"] = rates
    found = what_was_found(study, controlled, "all")
    assert found.sentences[0].replace("\u00a0", " ").endswith(
        "60 of 70 (86 %, 70 to 96) still were at 6 months and 25 of 30 (83 %, 70 to 93) at 12 months.")
    assert [strip["time"] for strip in found.strips["improvement"]] == ["6m", "12m"]


def test_where_nothing_may_be_told_it_says_so(study):
    few = {key: table for key, table in given().items() if key[2] == "response_rates"}
    assert what_was_found(study, Controlled(few, "nhs"), "all").sentences[0] == (
        "How many kept their gains may not be shown.")
