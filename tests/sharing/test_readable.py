"""What people paste into papers: tables, Word file and workbook, made from the published counts."""

from types import SimpleNamespace

import docx
import openpyxl
import pandas as pd
import pytest
from docx.oxml.ns import qn
from docx.shared import Cm
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from durability_utils.outcomes import representativeness, response, transitions
from durability_utils.outcomes.proportions import proportion, with_proportions
from durability_utils.outcomes.transitions import by_status_at_end
from durability_utils.runs.answers import Answers
from durability_utils.sharing.disclosure import Controlled, table_of
from durability_utils.sharing.document import A4, MARGIN, Section, fitted, write_document
from durability_utils.sharing.readable import _could_be, cell, paper_tables, rate, workbook_sheets
from durability_utils.sharing.workbook import PValue, Share, Sheet, write_workbook
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

IMPROVEMENT = ("reliable_deterioration", "no_reliable_improvement", "reliable_improvement")
# Tables 2 to 4 of the study: rows at end of treatment, columns at 6 months, both in the order above
SQUARES = {"all": [[0, 0, 0], [1, 8, 8], [1, 9, 61]], "step2": [[0, 0, 0], [0, 3, 5], [0, 1, 23]],
           "step3": [[0, 0, 0], [1, 5, 3], [1, 8, 37]]}


def given(service: str = "B") -> dict:
    """Published counts of all services, with those of one service beside them."""
    square = {step: by_status_at_end(pd.DataFrame(
        [(end, later, n) for end, row in zip(IMPROVEMENT, rows, strict=True)
         for later, n in zip(IMPROVEMENT, row, strict=True)], columns=["end", "follow_up", "n"]))
        for step, rows in SQUARES.items()}
    rates = pd.DataFrame([(service, 900, 60, 40, 40, 27, 53), ("all", 3027, 323, 85, 57, 36, 106)],
                         columns=["service", "discharged", *response.STAGES])
    for prefix, (n, of) in response.RESPONSE_RATES.rates.items():
        rates = rates.join(with_proportions(rates, n, of)[["share", "low", "high"]].add_prefix(prefix))
    flow = pd.DataFrame({"stage": ["discharged", "consented", "answered", "improvement", "recovery"],
                         "n": [3027, 323, 106, 88, 83]})
    sample = pd.DataFrame([("gender", "female", 55, 106, 55 / 106), ("gender", "male", 51, 106, 51 / 106),
                           ("age", "mean", 106, 106, 43.0), ("age", "sd", 106, 106, 14.68),
                           ("step", "step2", 33, 90, 33 / 90), ("sessions", "step2", 33, 33, 210 / 33)],
                          columns=["variable", "level", "n", "of", "value"])
    compared = pd.DataFrame([(variable, group, n, mean, 5.0, letters, 0.0002)
                             for variable in representativeness.VARIABLES
                             for group, n, mean, letters in zip(representativeness.GROUPS, (67, 43, 22),
                                                                (12.8, 16.9, 14.3), ("a", "b", "ab"), strict=True)],
                            columns=["variable", "group", "n", "mean", "sd", "letters", "p"])
    holds = transitions.BY_STATUS_AT_END["improvement"]
    tables = {("all", step, "reliable_improvement_rates"): (cells, holds) for step, cells in square.items()}
    tables |= {(service, "all", "reliable_improvement_rates"): (square["step2"], holds),
               ("all", "all", "response_rates"): (rates, response.RESPONSE_RATES),
               ("all", "all", "response_flow"): (flow, response.RESPONSE_FLOW),
               ("all", "all", "sample_characteristics"): (sample, representativeness.sample_holds(sample)),
               ("all", "all", "representativeness"): (compared, representativeness.COMPARED)}
    return {key: table_of(*key[:2], *table) for key, table in tables.items()}


@pytest.fixture(scope="module")
def study():
    return read_study(PROJECT / "parameters" / "durability_2016.yaml")


@pytest.fixture(scope="module")
def exact(study):
    return {section.heading: section for section in paper_tables(study, Controlled(given(), "none"))}


@pytest.fixture(scope="module")
def hidden(study):
    return {section.heading: section for section in paper_tables(study, Controlled(given(), "nhs"))}


def plain(table: pd.DataFrame) -> list[list[str]]:
    return [[text.replace("\u00a0", " ").strip() for text in row] for row in table.to_numpy().tolist()]


def test_square_tables_are_those_of_the_paper(exact):
    """Oracle: Tables 2 to 4 of the study, the best first, and the per cent of its text."""
    section = exact["Reliable improvement: end of treatment against 6 months"]
    assert "n = 88 of the 106" in section.text
    rows = plain(section.table)
    assert rows[:4] == [["All steps", "", "", "", ""],
                        ["reliable improvement", "61 (86 %)", "9 (13 %)", "1 (1 %)", "71"],
                        ["no reliable improvement", "8 (47 %)", "8 (47 %)", "1 (6 %)", "17"],
                        ["reliable deterioration", "\u2013", "\u2013", "\u2013", "0"]]
    assert rows[5][1] == "23 (96 %)"
    assert rows[9] == ["reliable improvement", "37 (80 %)", "8 (17 %)", "1 (2 %)", "46"]


def test_flow_response_characteristics_and_table_1_say_n_and_per_cent(exact):
    """Oracle: the paper's figures."""
    flow = plain(exact["From discharge to the answers"].table)
    assert flow[:2] == [["Discharged", "3,027", "\u2013"],
                        ["Consented to be contacted", "323 (11 %, 10 to 12)", "discharged"]]
    assert [row[1] for row in flow[-2:]] == ["88", "83"]
    assert plain(exact["Response by service"].table)[1][:3] == ["Service B", "900", "60 (7 %, 5 to 8)"]
    sample = plain(exact["Characteristics of the patients who answered at least once"].table)
    assert sample == [["Gender", ""], ["female", "55 (52 %)"], ["male", "51 (48 %)"], ["Step", ""],
                      ["step 2", "33 (37 %)"], ["Age in years, mean (SD)", "43.0 (14.7)"], ["Sessions, mean", ""],
                      ["step 2", "6.4 (n = 33)"]]
    compared = exact["Patients by consent and follow-up: mean (SD)"]
    assert plain(compared.table)[1] == ["PHQ-9 at baseline", "12.8 (5.0)\u1d43", "16.9 (5.0)\u1d47",
                                        "14.3 (5.0)\u1d43\u1d47", "<0.001"]
    assert compared.text == "n = 67, 43, 22 with a value. Service A."
    kept = plain(exact["Gains kept at the 6-month follow-up, by step and service"].table)
    assert [row[:3] for row in kept[:2]] == [["All services", "71", "61 (86 %, 76 to 92)"],
                                             ["step 2", "24", "23 (96 %, 80 to 99)"]]


def test_what_is_hidden_stays_hidden(hidden):
    square = plain(hidden["Reliable improvement: end of treatment against 6 months"].table)
    assert square[1][3:] == ["*", "70"]
    assert square[3] == ["reliable deterioration", "*", "*", "*", "*"]
    numbers = {text.replace(",", "") for section in hidden.values() for row in plain(section.table) for text in row}
    assert all(int(text) % 5 == 0 for text in numbers if text.isdecimal())


def test_a_table_without_any_number_is_left_out(study):
    few = {key: table for key, table in given().items() if key[2] != "reliable_improvement_rates"}
    headings = [section.heading for section in paper_tables(study, Controlled(few, "nhs"))]
    assert headings[0] == "From discharge to the answers"
    assert not [heading for heading in headings if "Reliable" in heading or "kept" in heading]


@pytest.mark.parametrize(("row", "words"), [
    (("3025", "86", "76", "92"), "3,025 (86 %, 76 to 92)"), (("40", "*", "*", "*"), "40 (*)"), (("*", "*"), "*"),
    (("0", ""), "\u2013"), (("60", "86"), "60 (86 %)")])
def test_a_rate_is_one_cell_that_does_not_break(row, words):
    assert rate(*row).replace("\u00a0", " ") == words
    assert "%" not in words or " " not in rate(*row)


def test_cells_are_in_the_one_format():
    assert [cell(text) for text in ("3025", "*", "< 0.001", "", "-0.5")] == ["3,025", "*", "<0.001", "\u2013", "-0.5"]


def test_how_far_those_who_did_not_answer_could_move_a_rate_where_all_of_it_is_shown():
    """Hand count: 60 of 1,090 are 6 %, with the 1,020 of whom nobody knows 99 %; 35, and 1,045 more, 3 and 99 %."""
    rates = pd.DataFrame([("all", "reliable_improvement", "nhs", "1090"),
                          ("all", "reliable_improvement", "paired", "900"),
                          ("all", "reliable_recovery", "nhs", "*"), ("A", "reliable_improvement", "nhs", "95")],
                         columns=["service", "rate", "denominator", "n"])
    tables = SimpleNamespace(tables={("all", "all", "services_rates"): rates})
    kept = Answers(kept={("improvement", "6m"): proportion(60, 70), ("improvement", "12m"): proportion(35, 45),
                         ("recovery", "6m"): proportion(40, 45)})
    assert [text.replace("\u00a0", " ") for text in _could_be(tables, "all", kept)] == [
        "Of all 1,090 who had reliably improved at the end of treatment, without any assumption about those who did "
        "not answer, 6 to 99 % may still have at 6 months and 3 to 99 % may still have at 12 months."]
    assert _could_be(tables, "B", kept) == []


# -- Word ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def document(hidden, tmp_path_factory):
    path = tmp_path_factory.mktemp("word") / "tables.docx"
    checks = pd.DataFrame({"item": ["1"], "found in": ["index.html"]})
    write_document(path, "A study", ["Synthetic data."], list(hidden.values()),
                   [Section(1, "Checklists", "Where.", checks)])
    return docx.Document(path)


def test_a_page_is_a4_and_tables_are_numbered_above_with_notes_below(document, hidden):
    page = document.sections[0]
    assert [round(side.cm, 1) for side in (page.page_width, page.page_height)] == [21.0, 29.7]
    assert "Synthetic data." in page.header.paragraphs[0].text
    captions = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    assert captions == [f"Table {number}. {section.heading}. {section.text}"
                        for number, section in enumerate(hidden.values(), start=1)]
    assert [p.text for p in document.paragraphs if p.style.name == "Notes"] == [
        section.notes for section in hidden.values()]
    assert len(document.tables) == len(hidden) + 1


def test_three_rules_a_repeated_header_and_rows_that_stay_with_it(document):
    for table in document.tables:
        borders = table._tbl.tblPr.find(qn("w:tblBorders"))
        assert [border.tag for border in borders] == [qn("w:top"), qn("w:bottom")]
        rows = table._tbl.tr_lst
        assert [row.find(f".//{qn('w:tblHeader')}") is not None for row in rows] == [True] + [False] * (len(rows) - 1)
        assert all(row.find(f".//{qn('w:cantSplit')}") is not None for row in rows)
        ruled = [len(row.findall(f".//{qn('w:tcBorders')}")) for row in rows]
        assert ruled == [len(table.columns)] + [0] * (len(rows) - 1)
        assert all(p.paragraph_format.keep_with_next for at in (0, 1)[:len(rows) - 1]
                   for p in table.rows[at].cells[0].paragraphs)


def test_no_word_is_broken(document):
    """Oracle: the width of each word in a font whose letters are wider than those of the document's."""
    font = FontProperties(family="DejaVu Sans", size=8.5)
    for table in document.tables:
        widths = [column.width.pt for column in table.columns]
        assert sum(widths) <= Cm(A4[0] - 2 * MARGIN).pt + 1
        for row in table.rows:
            if len({cell._tc for cell in row.cells}) == len(widths):  # no heading across all columns
                for cell_, width in zip(row.cells, widths, strict=True):
                    for word in filter(None, cell_.text.split(" ")):
                        assert text_to_path.get_text_width_height_descent(word, font, ismath=False)[0] < width, word


def test_columns_are_as_wide_as_their_cells_and_a_long_code_gives_way_to_numbers():
    short = fitted(pd.DataFrame({"a": ["x"], "n": ["1"]}), 400)
    assert sum(short) < 60
    code, number = fitted(pd.DataFrame({"service": ["x" * 200], "n": [rate("60", "86", "76", "92")]}), 400)
    assert (code + number, number > 80) == (pytest.approx(400), True)


# -- Excel -----------------------------------------------------------------------------------------

def test_the_workbook_lists_its_sheets_and_holds_numbers_of_their_kinds(study, tmp_path):
    sheets = workbook_sheets(study, Controlled(given(), "nhs"))
    write_workbook(tmp_path / "tables.xlsx", "A study", ["Rule"], sheets)
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    assert book.sheetnames == ["Contents", "Response rates", "Response flow", "Reliable improvement rates",
                               "Sample characteristics", "Representativeness"]
    contents = book["Contents"]
    listed = {row[0].value: row for row in contents.iter_rows() if row[0].hyperlink}
    assert list(listed) == book.sheetnames[1:]
    for name, row in listed.items():
        assert row[0].hyperlink.location == f"'{name}'!A1"
        assert row[3].value == book[name].max_row - 1
        assert book[name].freeze_panes == "B2"
    assert listed["Reliable improvement rates"][1].value == "Reliable improvement: end of treatment against 6 months"
    rates = {tuple(cell_.value for cell_ in row[:4]): row[4:] for row in book["Reliable improvement rates"].iter_rows()}
    kept = rates["All services", "all steps", "reliable improvement", "reliable improvement"]
    assert [cell_.value for cell_ in kept[:3]] == [60, 70, 0.86]
    assert [cell_.number_format for cell_ in kept] == ["#,##0", "#,##0", "0 %", "0 %", "0 %"]
    lost = rates["All services", "all steps", "reliable improvement", "reliable deterioration"]
    assert [cell_.value for cell_ in lost] == ["*", 70, "*", "*", "*"]
    # Table 1 is of service A alone, as the study file says, and its sheet says so
    assert listed["Representativeness"][2].value.startswith("All services (service A alone)")
    assert book["Representativeness"]["A2"].value == "All services (service A alone)"
    compared = book["Representativeness"][2]
    assert [(cell_.value, cell_.number_format) for cell_ in compared[4:]] == [
        (65, "#,##0"), (12.8, "0.0"), (5, "0.0"), ("a", "General"), ("<0.001", "General")]
    sample = {row[3].value: row[6] for row in book["Sample characteristics"].iter_rows()}
    assert [(sample[level].value, sample[level].number_format) for level in ("female", "mean")] == [
        (0.52, "0 %"), (43, "0.0")]


def test_names_of_sheets_are_ones_that_excel_takes_and_a_text_is_no_formula(tmp_path):
    table = pd.DataFrame({"a": ["=1+1"], "b": [Share(0.5)], "p": [PValue(0.04)]}, dtype="object")
    write_workbook(tmp_path / "x.xlsx", "A", [], [Sheet("a/b: " + "long " * 10, "x", "y", table)] * 2)
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert all(len(name) <= 31 and not set("[]:*?/\\") & set(name) for name in book.sheetnames)
    assert len(set(book.sheetnames)) == 3
    first, share, p = book.worksheets[1][2]
    assert (first.data_type, first.value, share.number_format, p.number_format) == ("s", "=1+1", "0 %", "0.000")
