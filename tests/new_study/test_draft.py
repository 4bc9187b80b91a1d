"""The files of a new study as texts. Oracle: the readers of both files, and `docs/reference.md`, section 2."""

import re
from pathlib import Path

import pytest
from conftest import canonical_rows, write_csv

from durability_utils.new_study.draft import column_map, new_services, new_study, summary, write_files
from durability_utils.study.column_maps import read_column_map
from durability_utils.study.errors import InputError

ROWS = canonical_rows([{"phq9_end": str(score)} for score in (4, 5, 6, 7) for _ in range(5)])


@pytest.fixture
def service_of(tmp_path):
    """service_of(rows): what is proposed for an export that holds them."""
    def look(rows):
        write_csv(tmp_path / "north.csv", rows)
        (proposal,) = new_services([tmp_path / "north.csv"]).values()
        return proposal
    return look


def test_each_line_of_a_map_says_why(service_of):
    text = column_map("north", service_of([row | {"Team": "X"} for row in ROWS]))
    lines = text.partition("columns:\n")[2].splitlines()
    assert lines and all("# " in line for line in lines)
    assert re.search(r"phq9_end: phq9_end +# phq 9, end; whole numbers, most from 4 to 7\n", text)
    assert "#   Team\n" in text


@pytest.mark.parametrize("name", [
    "Sex\n  phq9_end: phq9 last", "phq9 last\t\\", 'phq9 "last"', "phq9 last: #1", "- phq9 last", "{phq9: last}",
    "phq9\nlast", "phq9 last\x1b[2J", "*phq9 last", "=phq9 last", "phq9 last " + "x" * 100_000, "phq9 last\u2028",
    "phq9 last ✓", "'phq9' last", "phq9 last *", "!phq9 last", "phq9 last \\"])
def test_any_name_of_a_column_can_be_written_down(service_of, tmp_path, name):
    service = service_of([{name if key == "phq9_end" else key: value for key, value in row.items()} for row in ROWS])
    (tmp_path / "map.yaml").write_text(column_map("north", service), encoding="utf-8")
    assert read_column_map(tmp_path / "map.yaml").columns["phq9_end"].source == name.strip()


def test_a_name_without_a_place_moves_no_cursor_and_fills_no_screen(service_of):
    service = service_of([row | {"\x1b[2J\u2028" + "Notes " * 20_000: "x"} for row in ROWS])
    text, lines = column_map("north", service), summary("north", service)
    assert "\x1b" not in text and "\u2028" not in text
    assert any("Notes" in line for line in lines)
    assert all(line.isprintable() and len(line) < 400 for line in lines)


def test_neither_file_nor_screen_shows_a_value_of_one_patient(service_of):
    rows = [row | {"patient_id": f"secret{n}", "age": str(20 + n), "sessions": str(40 + n), "phq9_6m": str(n),
                   "gender": "Ann" if n == 3 else "female", "primary_problem": f"quarrel {n} with Ann",
                   "Notes": "saw Ann"} for n, row in enumerate(ROWS)]
    service = service_of(rows)
    for text in (column_map("north", service), "\n".join(summary("north", service))):
        assert "Notes" in text
        assert not re.search(r"secret|Ann|quarrel|2016-06-15|most from (?!4 to 7)", text)


@pytest.mark.parametrize("name", ["", "my study", "../mine", "mine.yaml", "a/b", "é"])
def test_a_study_has_a_plain_name(tmp_path, name):
    with pytest.raises(InputError, match="expected a plain name"):
        new_study(name, [], tmp_path)


def test_the_study_file_is_written_last(tmp_path, monkeypatch):
    written, replace = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: written.append(target) or replace(path, target))
    write_csv(tmp_path / "north.csv", ROWS)
    new_study("mine", [tmp_path / "north.csv"], tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == ["mine_columns/north.yaml", "mine.yaml"]


def test_reasons_stand_on_the_screen_before_names(service_of):
    rows = [row | {"Notes": "x", "PHQ2_First": "4", "Left on": "06/30/2016", "Discharged": "06/30/2016",
                   **{f"GAD7 item {n}": "1" for n in range(1, 6)}} for row in ROWS]
    lines = summary("north", service_of([{key: row[key] for key in row if key != "discharge_date"} for row in rows]))
    assert [line for line in lines if "no place" in line] == [
        "  no place for: Discharged (its name suggests discharge_date, but dates have the month first: export them as "
        "2016-06-30 or 30/06/2016)",
        "  no place for: PHQ2_First (by its name another questionnaire than PHQ-9)",
        "  no place for: GAD7 item 1, GAD7 item 2, GAD7 item 3, ... (`item` in its name: no score of GAD-7)",
        "  no place for: Notes, Left on"]
    more = service_of([row | {f"Notes {n}": "x" for n in range(20)} for row in rows])
    many = [line for line in summary("north", more) if "no place" in line]
    assert many[3].count(", ") == 8 and many[4] == "  no place for: 13 more"


def test_an_export_with_a_title_and_decimal_commas_goes_to_a_map_that_reads_it(tmp_path):
    names = ";".join(ROWS[0])
    lines = [";".join(row.values()) for row in ROWS]
    text = "\n".join(["Extract of June", "", names, *lines, "Total;;;"]).replace(";4;", ";4,0;")
    (tmp_path / "north.csv").write_text(text, encoding="utf-8")
    lines = new_study("mine", [tmp_path / "north.csv"], tmp_path)
    assert any("a row of totals" in line for line in lines)
    read = read_column_map(tmp_path / "mine_columns" / "north.yaml")
    assert (read.file.separator, read.file.header, read.decimal) == (";", 3, "comma")
    assert "# north.csv: line 24 is no patient's" in (tmp_path / "mine_columns" / "north.yaml").read_text("utf-8")


@pytest.mark.parametrize("force", [True, False])
def test_stopped_while_it_writes_it_leaves_what_was_there(tmp_path, monkeypatch, force):
    """Ctrl-C as the second of three files is put into its place."""
    texts = {tmp_path / "mine_columns" / f"{name}.yaml": "new" for name in "ab"} | {tmp_path / "mine.yaml": "new"}
    if force:
        (tmp_path / "mine.yaml").write_text("old", encoding="utf-8")
    real = Path.replace

    def replace(path, target):
        if target.name == "b.yaml":
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_files(texts, force)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == (
        {"mine.yaml": "old"} if force else {})
