"""What a notebook says of itself is understood, or refused before anything runs, with words that say where and what."""

import json
import re
from fnmatch import fnmatch

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from tiny_study import make_notebook, make_study

from durability_utils.runs import heads, plan
from durability_utils.study.errors import InputError

OWN = {"runs_for": "each service, all services", "reads": "the cohort (`cohort.parquet`)", "writes": "`functioning*`"}


@pytest.fixture
def own(tmp_path):
    """own(parameters=..., **rows): the path of a notebook of one's own with these rows; None leaves one out."""
    def make(parameters=("study", "service", "results"), name="12_functioning", **rows):
        rows = {row: text for row, text in (OWN | rows).items() if text is not None}
        path = tmp_path / "my" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(make_notebook(name, "1", *parameters, **rows), path)
        return path

    return make


def real_heads():
    return {head.number: head for head in heads.read_heads(plan.NOTEBOOKS)}


class TestRealNotebooks:
    """What they run for is in `test_plan.py`, whose study has their heads."""

    def test_say_which_files_they_read(self):
        read = {number: head.reads for number, head in real_heads().items() if head.reads != ("cohort.parquet",)}
        assert read == {
            "01": ("export",), "06": ("cohort.parquet", "published"), "07": ("cohort.parquet", "rejected.csv"),
            "08": ("cohort.parquet", "data/attrition_coverage.csv", "data/attrition_coverage.json",
                   "data/attrition_coverage.png"),
            "10": ("cohort.parquet", "after_discharge.parquet", "parameters/published/ali_2017.yaml"),
            "11": ("cohort.parquet", "parameters/published/england.yaml")}

    def test_own_every_file_that_their_code_writes_and_no_other_s(self):
        every = real_heads()
        for number, head in every.items():
            source = head.path.read_text(encoding="utf-8")
            written = re.findall(r'(?:tables|figures|pictures)(?:\\")? / \\"([\w.]+)', source)
            if head.restricted:
                written = [f"{table}.csv" for table in re.findall(r'\\"(\w+)\\": \w+[,}]', source)]
            assert written
            for file in written:
                assert [other for other, one in every.items() if one.owns(file)] == [number], file

    def test_the_reference_has_every_table_under_its_owner_s_names(self):
        reference = (plan.PROJECT / "docs" / "reference.md").read_text(encoding="utf-8")
        section = reference.partition("## 5.")[2].partition("### What is run")[0]
        for name in re.findall(r"`(\w+\.csv)`", section):
            assert any(fnmatch(name, pattern) for head in real_heads().values() for pattern in head.writes), name


class TestOneHead:
    def test_is_read_from_the_table_and_the_parameters(self, own):
        head = heads.read_head(own(reads="the cohort (`cohort.parquet`), and `targets.csv` of the trust"))
        assert head.question == "Is this 12_functioning?"
        assert (head.number, head.name) == ("12", "12_functioning")
        assert head.runs_for == {"each service", "all services"}
        assert head.reads == ("cohort.parquet", "targets.csv")
        assert head.writes == ("functioning*",)
        assert list(head.parameters) == ["study", "service", "results"]
        assert not head.restricted and not head.cleans
        assert head.owns("functioning_by_step.csv") and not head.owns("my_functioning.csv")

    def test_a_name_without_a_number_is_a_number_itself(self, own):
        assert heads.read_head(own(name="my_functioning")).number == "my_functioning"

    def test_without_the_row_runs_for_it_is_none_of_a_batch(self, own):
        assert heads.read_head(own(runs_for=None)) is None

    @pytest.mark.parametrize(("given", "message"), [
        ({"runs_for": "every service"}, "runs for: found 'every service', expected each service, all services or both, "
                                        "and each step where it runs for steps"),
        ({"runs_for": "each step"}, "runs for: found 'each step', expected each service, all services or both"),
        ({"runs_for": "each service, all"}, "runs for: found 'all', expected each service"),
        ({"runs_for": ""}, "runs for: found '', expected each service"),
        ({"reads": None}, "reads: found no name in backticks, expected one or more, as in `cohort.parquet`"),
        ({"writes": "tables"}, "writes: found no name in backticks"),
        ({"writes": "`tables/x.csv`"}, "writes: found `tables/x.csv`, expected names of files, or their beginnings"),
        ({"writes": "`*`"}, r"writes: found `\*`, expected names of files"),
        ({"writes": "`a*b.csv`"}, "writes: found `a"),
        ({"restrict": "yes"}, "table of its first cell: found a row `restrict`, expected rows runs for, reads, writes, "
                              "restricted, does not show"),
        ({"restricted": "yes"}, "runs for: found 'all services, each service', expected each service alone"),
        ({"parameters": ("study", "results")},
         r"expected `service: str = \.\.\.` in its cell tagged `parameters`; it declares study, results"),
        ({"parameters": ("study", "service")}, "expected `results: str"),
        ({"runs_for": "each service; each step"}, "expected `step: str"),
        ({"parameters": ("study", "service", "results", "step")},
         "runs for: found no each step, but `step` among the parameters, expected both or neither"),
        ({"name": "12 functioning"}, "expected a notebook with a plain name"),
    ])
    def test_what_cannot_be_understood_is_refused_with_its_row(self, own, given, message):
        with pytest.raises(InputError, match=r"^12.functioning\.ipynb: " + message):
            heads.read_head(own(**given))

    @pytest.mark.parametrize(("declared", "message"), [
        (["study = 1 +"], "expected flat values.*SyntaxError"),
        (["study = open('x')"], "expected flat values.*ValueError"),
        (["study: str"], "expected flat values.*(ValueError|TypeError)"),
        (["study = 'x'"] * 2, "expected one cell tagged `parameters`, found 2"),
    ])
    def test_parameters_that_are_no_flat_values_of_one_cell_are_refused(self, own, declared, message):
        path = own()
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[1:2] = [new_code_cell(source, metadata={"tags": ["parameters"]}) for source in declared]
        nbformat.write(notebook, path)
        with pytest.raises(InputError, match=rf"^12_functioning\.ipynb: {message}"):
            heads.read_head(path)

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 1}', '{"cells": [{}]}'])
    def test_a_file_that_is_no_notebook_is_refused(self, tmp_path, content):
        (tmp_path / "x.ipynb").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"x\.ipynb: expected a notebook"):
            heads.read_head(tmp_path / "x.ipynb")

    def test_one_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(InputError, match=r"x\.ipynb: no such file in"):
            heads.read_head(tmp_path / "x.ipynb")

    def test_an_empty_notebook_is_none_of_a_batch(self, tmp_path):
        (tmp_path / "Untitled.ipynb").write_text(json.dumps({"cells": []}), encoding="utf-8")
        assert heads.read_head(tmp_path / "Untitled.ipynb") is None


class TestStudysOwn:
    """A notebook that the study file names, beside those of the project."""

    @pytest.fixture
    def planned(self, own, tmp_path):
        """planned(**given): the plan of a study with that notebook of its own, two folders away."""
        def make(**given):
            name = own(**given).name
            study, notebooks = make_study(tmp_path, {"A": "fine", "B": "fine"}, notebooks=[f"../my/{name}"])
            return plan.plan(study, tmp_path / "results", notebooks=notebooks)

        return make

    def test_runs_after_cleaning_like_any_other(self, planned, tmp_path):
        runs = [run for run in planned() if run.name == "12_functioning"]
        assert [(run.service, run.step, run.needs) for run in runs] == [
            ("A", "all", ("A",)), ("B", "all", ("B",)), ("all", "all", ("A", "B"))]
        assert runs[0].folder == tmp_path / "results/durability_2016/A/all"
        assert runs[0].parameters == {"study": "durability_2016.yaml", "service": "A", "results": "../results"}
        assert "my/12_functioning.ipynb" in plan.input_hashes(runs[0])

    def test_what_it_reads_beside_the_study_file_decides_whether_it_is_run_again(self, planned, tmp_path):
        (tmp_path / "targets.csv").write_text("target\n50\n", encoding="utf-8")
        run = planned(reads="`cohort.parquet`, `../targets.csv`")[-1]
        before = plan.input_hashes(run)
        (tmp_path / "targets.csv").write_text("target\n60\n", encoding="utf-8")
        assert {name for name, digest in plan.input_hashes(run).items() if before[name] != digest} == {"targets.csv"}

    @pytest.mark.parametrize(("name", "rows", "message"), [
        ("12_functioning", {"writes": "`functioning*`, `attrition_mine.csv`"},
         "writes: found `attrition_mine.csv`, which overlaps with what 08_attrition.ipynb writes, expected names of"),
        ("12_functioning", {"writes": "`re*`"}, r"writes: found `re\*`, which overlaps with what \d\d_"),
        ("12_functioning", {"writes": "`Services_mine.csv`"}, "writes: found `Services_mine.csv`, which overlaps"),
        ("12_functioning", {"writes": "`cohort.parquet`", "runs_for": "each service"},
         "writes: found `cohort.parquet`, which overlaps with what 01_cleaning.ipynb writes"),
        ("03_mine", {}, "its name or number is that of 03_reliable_improvement.ipynb; rename it"),
        ("02_response_rates", {}, "its name or number is that of 02_response_rates.ipynb"),
        ("12_functioning", {"runs_for": None},
         "runs for: found no such row in the table of its first cell, expected runs for and reads and writes"),
        ("12_functioning", {"reads": "`cohorts.parquet`"}, "reads: found `cohorts.parquet`, expected `cohort.parquet`"),
        ("12_functioning", {"reads": "`data/none.csv`"}, r"reads: found `data/none\.csv`, expected .*, `export`, "
                                                         "`published`, or the path of a file from the study file"),
    ])
    def test_what_is_another_s_or_nothing_is_refused(self, planned, name, rows, message):
        with pytest.raises(InputError, match=rf"^{name}\.ipynb: {message}"):
            planned(name=name, **rows)

    def test_a_folder_without_a_cleaning_is_refused(self, tmp_path):
        with pytest.raises(InputError, match=r"expected a notebook that writes `cohort\.parquet`, found none"):
            heads.read_heads(tmp_path)
