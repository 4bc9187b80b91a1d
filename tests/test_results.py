"""What runs leave behind.

Oracle: docs/reference.md, section 5 (folders, tables, formula-like text) and the files themselves.
"""

import datetime as dt
import os
from io import BytesIO

import matplotlib.figure
import numpy as np
import pandas as pd
import PIL.Image
import pytest
from conftest import study_text, typed

from durability_utils.cohort.cleaning import Cleaned, write_cleaned
from durability_utils.results import cleaning_folder, gaps, png, read_cohort, step_folder, write_figure, write_table
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds, read_holds
from durability_utils.study.study_file import read_study


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(study_text(services={"A": {"file": "a.csv"}, "B": {"file": "b.csv"}}))
    return read_study(path)


def files(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestFolders:
    def test_they_are_those_of_the_design(self, study, tmp_path):
        assert step_folder(tmp_path, study, "A", "step2") == tmp_path / "durability_test/A/step2"
        assert step_folder(str(tmp_path), study, "all", "all") == tmp_path / "durability_test/all/all"
        assert cleaning_folder(tmp_path, study, "B") == tmp_path / "durability_test/B/cleaning"

    @pytest.mark.parametrize(("service", "step", "message"), [
        ("C", "all", r"^service: 'C' is not in study.yaml; expected one of A, B, all$"),
        ("a", "all", r"^service: 'a' is not in study.yaml"),
        ("", "all", r"^service: '' is not in study.yaml"),
        ("A", "step4", r"^step: expected one of all, step2, step3, found 'step4'$"),
        ("A", "step2+3", r"^step: expected one of all, step2, step3")])
    def test_no_such_service_or_step(self, study, tmp_path, service, step, message):
        with pytest.raises(InputError, match=message):
            step_folder(tmp_path, study, service, step)

    def test_all_has_no_cleaning_folder(self, study, tmp_path):
        with pytest.raises(InputError, match=r"^service: 'all' is not in study.yaml; expected one of A, B$"):
            cleaning_folder(tmp_path, study, "all")


def test_files_with_ids_are_their_owners_only_whatever_the_usual_rights(tmp_path):
    cohort = pd.DataFrame({"patient_id": ["a"]})
    usual = os.umask(0o022)
    try:
        log = pd.DataFrame({"rule": ["copy"], "rows": [0]})
        write_cleaned(Cleaned(cohort, cohort, log, [], [], [], None, cohort), tmp_path / "cleaning")
    finally:
        os.umask(usual)
    assert (tmp_path / "cleaning").stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "cleaning").iterdir()} == dict.fromkeys(
        ("cleaning_log.csv", "cleaning_log.json", "rejected.csv", "rejected.json", "after_discharge.parquet",
         "cohort.parquet"), 0o600)
    assert read_holds(tmp_path / "cleaning" / "rejected.json").patients


class TestTables:
    def test_what_no_xml_can_hold_becomes_a_blank(self, tmp_path):
        write_table(pd.DataFrame({"level": ["a\x07b", "\x1b[31m", "\ufffex", "a\tb", "\u00e4"]}), tmp_path / "t.csv")
        assert (tmp_path / "t.csv").read_text("utf-8") == "level\na b\n [31m\n x\na\tb\n\u00e4\n"

    def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_a_number_does_not(self, tmp_path):
        table = pd.DataFrame({
            "text": ["=1+1", "+44", "-5", "@sum", "a=b", None],
            "kind": pd.Categorical(["-", "x", "x", "x", "x", None]),
            "mixed": pd.Series([-5, "-5", 0.5, None, "=x", dt.date(2016, 6, 1)], dtype="object"),
            "number": [-1, 2, -3, 4, 5, 6], "share": [-0.5, 1 / 3, np.nan, 1e-9, 2.0, 3.0],
            "count": pd.array([-1, None, 3, 4, 5, 6], dtype="Int64"),
        })
        given = table.copy()
        write_table(table, tmp_path / "t.csv")
        pd.testing.assert_frame_equal(table, given)
        assert (tmp_path / "t.csv").read_bytes().decode().split("\n") == [
            "text,kind,mixed,number,share,count",
            "'=1+1,'-,-5,-1,-0.5,-1",
            "'+44,x,-5,2,0.3333333333333333,",  # unrounded
            "-5,x,0.5,-3,,3",
            "'@sum,x,,4,1e-09,4",
            "a=b,x,'=x,5,2.0,5",
            ",,2016-06-01,6,3.0,6",
            ""]

    def test_folders_are_made_and_an_older_table_is_replaced(self, tmp_path):
        path = tmp_path / "new/tables/t.csv"
        write_table(pd.DataFrame({"n": [1, 2, 3]}), path)
        write_table(pd.DataFrame(columns=["end", "n"]), path)
        assert path.read_text() == "end,n\n"  # the header stays, of no rows too
        assert files(tmp_path) == ["new/tables/t.csv"]

    def test_what_a_table_holds_stands_beside_it_and_can_be_read_back(self, tmp_path):
        holds = Holds("Wie geantwortet wurde, ä", {"n": "mode/{time}/{mode}", "of": ["mode/6m/total"] * 2},
                      statistics={"sd": "sd"}, words=("note",))
        table = pd.DataFrame({"time": "6m", "mode": ["post", "online"], "n": [3, 4], "of": 7, "sd": 0.5, "note": ""})
        write_table(table, tmp_path / "t.csv", holds)
        assert files(tmp_path) == ["t.csv", "t.json"]
        read = read_holds(tmp_path / "t.json")
        assert read.names(table.to_dict("records")) == {
            "n": [("mode", "6m", "post"), ("mode", "6m", "online")], "of": [("mode", "6m", "total")] * 2}
        assert (read.title, read.columns) == (holds.title, set(table))
        assert "ä" in (tmp_path / "t.json").read_text(encoding="utf-8")

    def test_a_table_that_no_longer_says_what_it_holds_has_nothing_beside_it(self, tmp_path):
        table = pd.DataFrame({"n": [3]})
        write_table(table, tmp_path / "t.csv", Holds(counts={"n": ["discharged"]}))
        write_table(table, tmp_path / "t.csv")
        assert files(tmp_path) == ["t.csv"]

    @pytest.mark.parametrize(("holds", "message"), [
        (Holds(counts={"N": "mode/{time}"}), "t.csv: is said to hold N, time; expected columns of the table, which are "
                                             "n, of, share, low, high"),
        (Holds(counts={"n": ["a"]}, rates={"": ("n", "of")}), "t.csv: is said to hold of"),
        (Holds(counts={"n": ["a", "b"]}), "t.csv: column n is said to hold 2 things; expected one for each of its 1 "
                                          "rows"),
        (Holds(counts={"n": ["a"]}, statistics={"of": ["p", "p"]}), "t.csv: column of is said to hold 2 things"),
    ])
    def test_a_table_that_does_not_hold_what_is_said_is_refused(self, holds, message, tmp_path):
        table = pd.DataFrame({"n": [1], "of": [2], "share": [0.5], "low": [0.1], "high": [0.9]})
        with pytest.raises(InputError) as refused:
            write_table(table, tmp_path / "t.csv", holds)
        assert str(refused.value).startswith(message)
        assert files(tmp_path) == []

    @pytest.mark.parametrize("text", ["", "[1]", '{"rows_of": "patients"}', "not json"])
    def test_what_nobody_can_read_is_named(self, text, tmp_path):
        (tmp_path / "t.json").write_text(text)
        with pytest.raises(InputError, match=r"^t.json: expected what `write_table` writes beside a table"):
            read_holds(tmp_path / "t.json")

    @pytest.mark.parametrize("older", [None, "n\n1\n"])
    def test_when_writing_fails_nothing_half_written_is_left(self, tmp_path, monkeypatch, older):
        path = tmp_path / "t.csv"
        if older:
            path.write_text(older)

        def fail_half_way(self, target, **options):
            target.write_text("n\n1")
            raise OSError("no space left on device")

        monkeypatch.setattr(pd.DataFrame, "to_csv", fail_half_way)
        with pytest.raises(OSError, match="no space left"):
            write_table(pd.DataFrame({"n": [1, 2]}), path)
        assert files(tmp_path) == (["t.csv"] if older else [])
        assert not older or path.read_text() == older


class TestFigures:
    def test_a_figure_is_a_png_and_the_same_one_twice(self, tmp_path):
        shown = write_figure(drawn(), tmp_path / "a.png")
        write_figure(drawn(), tmp_path / "b.png")
        written = (tmp_path / "a.png").read_bytes()
        assert written == (tmp_path / "b.png").read_bytes()
        assert (shown.data, shown.alt) == (written, "What it shows")
        picture = PIL.Image.open(BytesIO(written))
        assert (picture.format, picture.size, list(picture.info)) == ("PNG", (590, 446), ["dpi"])  # no metadata
        assert picture.info["dpi"] == pytest.approx((144, 144), abs=0.1)

    def test_in_few_colours_it_looks_as_matplotlib_draws_it_in_all_of_them(self):
        # oracle: matplotlib's own PNG of the same figure
        all_colours = BytesIO()
        drawn().savefig(all_colours, dpi=144)
        expected = PIL.Image.open(all_colours).convert("RGB")
        few = PIL.Image.open(BytesIO(png(drawn())))
        assert len(expected.getcolors(2 ** 20)) > 400
        assert few.mode == "P" and len(few.getcolors()) == 64
        apart = np.abs(np.asarray(few.convert("RGB"), dtype=int) - np.asarray(expected, dtype=int)).max(axis=2)
        assert apart.max() < 16  # of 255: of dots on an edge
        areas = sorted(expected.getcolors(2 ** 20), reverse=True)[:16]
        assert {colour for _, colour in areas} <= {colour for _, colour in few.convert("RGB").getcolors()}
        assert len(png(drawn())) < 0.4 * len(all_colours.getvalue())

    @pytest.mark.parametrize("dpi", [100, 144])
    def test_whatever_its_size_no_row_of_dots_is_shifted(self, dpi):  # oracle: matplotlib's own PNG
        for tenths in range(20, 100):
            figure = matplotlib.figure.Figure(figsize=(tenths / 10, 1))
            figure.subplots()
            plain = BytesIO()
            figure.savefig(plain, dpi=dpi)
            pictures = [PIL.Image.open(file).convert("L") for file in (plain, BytesIO(png(figure, dpi)))]
            assert pictures[0].size == pictures[1].size
            assert np.abs(np.subtract(*(np.asarray(picture, dtype=int) for picture in pictures))).max() < 16


def drawn() -> matplotlib.figure.Figure:
    """A figure of areas, thin lines and letters, of 4.1 by 3.1 inches: no whole number of dots in floating point."""
    figure = matplotlib.figure.Figure(figsize=(4.1, 3.1))
    axes = figure.subplots()
    axes.bar([0, 1, 2], [3, 2, 1], color=["#11456b", "#d9822b", "#c9ced3"])
    for line in range(20):
        axes.plot([0, 2], [0, line / 6], color="#b03060", linewidth=0.5)
    figure.suptitle("What it shows")
    return figure


class TestCohort:
    def save(self, study, results, service: str, *ids: str) -> None:
        """A cleaning folder of these patients, each with one refused value."""
        cohort = typed(pd.DataFrame({"patient_id": ids, "consent_contact": "no"}))
        rejected = pd.DataFrame({"row": 2, "patient_id": ids, "column": "age", "value": "-1", "reason": "out_of_range",
                                 "refused": "value"})
        log = pd.DataFrame({"rule": ["rows_read"], "rows": [len(ids)]})
        write_cleaned(Cleaned(cohort, rejected, log, [], [], []), cleaning_folder(results, study, service))

    def test_what_cleaning_leaves(self, study, tmp_path):
        self.save(study, tmp_path / "r", "A", "007")
        assert files(tmp_path / "r") == [f"durability_test/A/cleaning/{name}" for name in (
            "cleaning_log.csv", "cleaning_log.json", "cohort.parquet", "rejected.csv", "rejected.json")]
        folder = cleaning_folder(tmp_path / "r", study, "A")
        assert (folder / "cleaning_log.csv").read_text() == "rule,rows\nrows_read,1\n"
        assert (folder / "rejected.csv").read_text() == (
            "row,patient_id,column,value,reason,refused\n2,007,age,-1,out_of_range,value\n")

    def test_one_service(self, study, tmp_path):
        self.save(study, tmp_path, "A", "007", "7")
        cohort, missing = read_cohort(tmp_path, study, "A")
        assert list(cohort.columns) == ["service", *dictionary().index]
        assert list(cohort["patient_id"]) == ["007", "7"]
        assert list(cohort["service"]) == ["A", "A"]
        assert missing == []

    def test_all_pools_the_services_and_one_id_in_two_of_them_is_two_patients(self, study, tmp_path):
        self.save(study, tmp_path, "A", "1", "2")
        self.save(study, tmp_path, "B", "1")
        cohort, missing = read_cohort(tmp_path, study, "all")
        assert list(zip(cohort["service"], cohort["patient_id"], strict=True)) == [("A", "1"), ("A", "2"), ("B", "1")]
        assert list(cohort.index) == [0, 1, 2]
        assert missing == []

    def test_only_the_columns_asked_for_and_what_is_kept_of_each_service_before_they_are_pooled(self, study, tmp_path):
        self.save(study, tmp_path, "A", "1", "2")
        self.save(study, tmp_path, "B", "3", "4", "5")
        seen = []

        def last(cohort):
            seen.append(list(cohort["patient_id"]))
            return cohort.tail(1)

        cohort, _ = read_cohort(tmp_path, study, "all", ["patient_id", "age"], last)
        assert list(cohort.columns) == ["service", "patient_id", "age"]
        assert seen == [["1", "2"], ["3", "4", "5"]]
        assert list(zip(cohort["service"], cohort["patient_id"], strict=True)) == [("A", "2"), ("B", "5")]

    def test_types_outlive_the_file_and_the_pooling(self, study, tmp_path):
        self.save(study, tmp_path, "A", "1")
        self.save(study, tmp_path, "B")  # nobody is left in B
        cohort, absent = read_cohort(tmp_path, study, "all")
        assert gaps(cohort, absent) == "Services with nobody in the cohort: B."
        expected = {"service": "category", "patient_id": "str", "phq9_6m": "Int64", "adsm_6m": "Float64",
                    "gender": "str"}
        assert {name: str(cohort[name].dtype) for name in expected} == expected
        assert cohort["discharge_date"].dtype.kind == "M"

    def test_all_says_which_services_are_missing(self, study, tmp_path):
        self.save(study, tmp_path, "B", "1")
        cohort, missing = read_cohort(tmp_path, study, "all")
        assert (list(cohort["service"]), missing) == (["B"], ["A"])
        assert gaps(cohort, missing) == "Missing services: A."

    @pytest.mark.parametrize(("service", "message"), [("C", "service: 'C' is not in study.yaml"), *(
        (service, f"no cleaned cohort of service {named}: run the notebook 01_cleaning for it first, or `durability "
                  "run .*study.yaml --output .+ --notebook 01_cleaning`$")
        for service, named in (("A", "A"), ("all", "A or B")))])
    def test_where_none_is_there_the_message_says_how_to_get_it(self, study, tmp_path, service, message):
        with pytest.raises(InputError, match=f"^{message}"):
            read_cohort(tmp_path, study, service)

    @pytest.mark.parametrize(("call", "sentence"), [
        (lambda folder, study: read_cohort(folder, "study.yaml", "B"),
         "study: found a str, expected what `read_study` gives"),
        (lambda folder, study: read_cohort(folder, study, "B", ["phq9"]),
         "columns: found 'phq9', expected those of data/dictionary.csv"),
        (lambda folder, study: write_table([1], folder / "a.csv"),
         "table: found a list, expected a DataFrame, one row a patient"),
        (lambda folder, study: write_figure("picture", folder / "a.png"),
         "figure: found a str, expected a matplotlib Figure (of axes: `.figure`)")])
    def test_wrong_calls_are_refused(self, study, tmp_path, call, sentence):
        self.save(study, tmp_path, "B", "1")
        with pytest.raises(InputError) as refused:
            call(tmp_path, study)
        assert str(refused.value) == sentence
        assert not list(tmp_path.glob("a.*"))

    def test_the_cohort_is_written_last(self, study, tmp_path, monkeypatch):
        # others wait for it: where it is, the log and the refusals are complete
        monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            self.save(study, tmp_path / "r", "A", "1")
        assert files(tmp_path / "r") == [f"durability_test/A/cleaning/{name}" for name in (
            "cleaning_log.csv", "cleaning_log.json", "rejected.csv", "rejected.json")]
