"""The Word files. Oracle: what python-docx reads of them, against the tables in the folder."""

import json
from io import BytesIO

import docx
import PIL.Image
import pytest
from test_report import write_tables
from tiny_study import make_study

from durability_utils.runs import plan, word
from durability_utils.runs.batch import write
from durability_utils.study.errors import InputError


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, {"A": "fine", "B": "fine"})[0]


@pytest.fixture
def runs(study, tmp_path):
    return plan.every_run(study, tmp_path / "results")


def test_has_the_answer_the_flow_and_the_rates_and_is_a4(study, runs, tmp_path):
    write_tables(tmp_path / "results" / study.id / "A" / "all")
    paper = docx.Document(BytesIO(word.document(study, runs, "A")))
    text = "\n".join(paragraph.text for paragraph in paper.paragraphs).replace("\u00a0", " ")
    assert "61 of 71 (86 %, 76 to 92) still were at 6 months." in text
    assert "Synthetic data." in text
    flow, rates = paper.tables
    assert [cell.text for cell in flow.rows[1].cells] == ["Discharged", "3,027"]
    by_words = {row.cells[0].text: row.cells[1].text.replace("\u00a0", " ") for row in rates.rows[1:]}
    assert by_words["Improvement kept at 6 months"] == "61/71 (86 %, 76 to 92)"
    assert by_words["Recovery kept at 12 months"] == "\u2013"
    assert (round(paper.sections[0].page_width.cm, 1), round(paper.sections[0].page_height.cm, 1)) == (21, 29.7)
    assert (paper.core_properties.author, paper.core_properties.language) == ("", "en-GB")


def test_a_picture_has_its_counts_for_those_who_do_not_see_it(study, runs, tmp_path):
    folder = tmp_path / "results" / study.id / "A" / "all"
    write_tables(folder)
    (folder / "figures").mkdir()
    PIL.Image.new("RGB", (8, 8)).save(folder / "figures" / "reliable_improvement_6m.png")
    paper = docx.Document(BytesIO(word.document(study, runs, "A")))
    [picture] = paper.inline_shapes
    assert picture._inline.docPr.get("descr") == (
        "Is reliable improvement kept? Of 17 with no reliable improvement at end, at 6 months: 17 reliable "
        "improvement. Of 71 with reliable improvement at end, at 6 months: 10 no reliable improvement, "
        "61 reliable improvement.")


def test_without_results_or_with_old_ones_it_is_refused(study, runs, tmp_path):
    with pytest.raises(InputError, match="service A has no results in results; give the command `durability run`"):
        word.document(study, runs, "A")
    write_tables(tmp_path / "results" / study.id / "A" / "all")
    run = next(run for run in runs if run.service == "A" and run.head.owns("response_rates.csv"))
    write(run.record, json.dumps({"status": "succeeded", "inputs": {}, "message": "", "seconds": 1}))
    with pytest.raises(InputError, match="service A: 02_response_rates is out of date"):
        word.document(study, runs, "A")
