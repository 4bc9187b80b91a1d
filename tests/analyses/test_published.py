"""The published figures: how they are read and compared. That ours agree is tests/test_study_end_to_end.py."""

import pytest
from conftest import STUDY_2016

from durability_utils.analyses.published import compare, flatten, p_class, read_published, sections_of


def test_a_figure_is_named_by_its_path_with_list_elements_numbered():
    assert flatten({"a": {"b": [[0, 1], [2, 3]], "c": "x"}, "d": 5}) == {
        "a.b.1.1": 0, "a.b.1.2": 1, "a.b.2.1": 2, "a.b.2.2": 3, "a.c": "x", "d": 5}


FIGURE = "response.first_follow_up.n"


@pytest.mark.parametrize(("ours", "verdict"), [
    ({FIGURE: 85}, "agrees"), ({FIGURE: 86}, "differs"), ({FIGURE: None}, "differs"), ({}, "differs")])
def test_verdicts(ours, verdict):
    assert compare({FIGURE: 85}, ours)["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(("ours", "verdict"), [
    # as printed, what the paper's own counts give, and neither: no excuse
    (108, "agrees"), (106, "paper_contradicts_itself"), (53, "differs")])
def test_a_contradicted_figure_is_excused_only_for_the_papers_own_counts(ours, verdict):
    printed = {"sample.printed_n": 108, "contradicted.sample.printed_n.by_counts": 106,
               "contradicted.sample.printed_n.because": "85 + 21"}
    found = compare(printed, {"sample.printed_n": ours}).iloc[0]
    assert (found["verdict"], found["note"]) == (verdict, "" if verdict == "agrees" else "85 + 21")


def test_every_figure_of_the_file_is_compared_but_other_studies_orders_and_notes():
    printed = read_published(STUDY_2016.published)
    left_out = set(printed) - set(compare(printed, {})["figure"])
    ours = {name for name in left_out if not name.startswith(("compared_studies.", "contradicted."))}
    assert {name.rpartition(".")[0] for name in ours} == {"reliable_improvement.order", "reliable_recovery.order"}
    notes = [name.removeprefix("contradicted.") for name in left_out if name.startswith("contradicted.")]
    noted = {name.rpartition(".")[0] for name in notes}
    assert len(noted) == 5 and noted <= set(printed)


@pytest.mark.parametrize(("p", "printed"), [
    (0.0009, "< .001"), (0.001, "< .005"), (0.0049, "< .005"), (0.005, "< .05"), (0.0499, "< .05"), (0.05, "> .05")])
def test_p_classes(p, printed):
    assert p_class(p) == printed


def test_sections_of_a_table():
    assert sections_of("recovery", "step3") == [
        f"reliable_recovery.{name}" for name in ("table7_step3", "text_percent.table7")]


def test_an_empty_comparison_has_its_columns():
    assert list(compare({}, {}).columns) == ["figure", "published", "ours", "verdict", "note"]
