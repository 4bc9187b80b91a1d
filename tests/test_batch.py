"""Which notebooks run, in what order, and what is left when one of them fails."""

import json
import re
from fnmatch import fnmatch

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from tiny_study import make_notebook, make_study

from durability_utils import batch
from durability_utils.errors import InputError
from durability_utils.study import STEPS


def labels(runs):
    return {(run.name[:2], run.service, run.step) for run in runs}


def run_all(runs, jobs=2):
    return {run_key(result.run): result for _, result in batch.run_all(runs, jobs) if result}


def run_key(run):
    return run.name[:2], run.service, run.step


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, {"A": "fine", "B": "fine"}, published=True)


class TestPlan:
    def test_everything(self, study, tmp_path):
        runs = batch.plan(study[0], tmp_path / "results", notebooks=study[1])
        everyone = ("A", "B", "all")
        assert labels(runs) == (
            {("01", service, "all") for service in ("A", "B")}
            | {(name, service, "all") for name in ("02", "05") for service in everyone}
            | {(name, service, step) for name in ("03", "04") for service in everyone for step in STEPS}
            | {("06", "all", "all")}
        )
        assert len(runs) == 27
        folders = {run_key(run): run.folder.relative_to(tmp_path / "results").as_posix() for run in runs}
        assert folders["01", "A", "all"] == "durability_2016/A/cleaning"
        assert folders["03", "all", "step2"] == "durability_2016/all/step2"

    def test_a_study_without_published_figures_compares_none(self, tmp_path):
        study, notebooks = make_study(tmp_path, {"A": "fine"})
        assert "06" not in {name for name, *_ in labels(batch.plan(study, tmp_path, notebooks=notebooks))}

    def test_parameters_are_those_declared_and_hold_no_machine_path(self, study, tmp_path):
        runs = {run_key(run): run for run in batch.plan(study[0], tmp_path / "results", notebooks=study[1])}
        assert runs["03", "B", "step3"].parameters == {
            "study": "durability_2016.yaml", "service": "B", "step": "step3", "results": "../results"}
        assert runs["06", "all", "all"].parameters == {"study": "durability_2016.yaml", "results": "../results"}

    @pytest.mark.parametrize("selection, expected", [
        ({"services": ["A"], "names": ["03"], "steps": ["step2"]}, {("01", "A", "all"), ("03", "A", "step2")}),
        ({"services": ["all"], "names": ["02_response_rates"]},
         {("01", "A", "all"), ("01", "B", "all"), ("02", "all", "all")}),
        ({"names": ["01"]}, {("01", "A", "all"), ("01", "B", "all")}),
        ({"services": ["B"], "names": ["01_cleaning"], "steps": ["step2"]}, {("01", "B", "all")}),
        ({"services": ["B"], "steps": ["step3"]}, {("01", "B", "all"), ("03", "B", "step3"), ("04", "B", "step3")}),
        ({"names": ["06"]}, {("01", "A", "all"), ("01", "B", "all"), ("06", "all", "all")}),
    ])
    def test_a_selection_brings_the_cleaning_that_it_reads(self, study, tmp_path, selection, expected):
        assert labels(batch.plan(study[0], tmp_path, notebooks=study[1], **selection)) == expected

    @pytest.mark.parametrize("selection, message", [
        ({"services": ["Z"]}, "no service 'Z'; there are A, B, all"),
        ({"steps": ["step4"]}, "no step 'step4'; there are all, step2, step3"),
        ({"names": ["07"]}, "no notebook '07'; there are 01_cleaning, 02_response_rates"),
        ({"names": ["02"], "steps": ["step2"]}, "nothing to run: 02_response_rates for A, B, all at step2"),
    ])
    def test_what_does_not_exist_is_refused(self, study, tmp_path, selection, message):
        with pytest.raises(InputError, match=message):
            batch.plan(study[0], tmp_path, notebooks=study[1], **selection)

    def test_a_notebook_that_would_ignore_its_parameters_is_refused(self, study, tmp_path):
        nbformat.write(make_notebook("x", "1", "study", "results"), study[1] / "05_representativeness.ipynb")
        with pytest.raises(InputError, match=r"05_representativeness\.ipynb: expected `service: str"):
            batch.plan(study[0], tmp_path, notebooks=study[1])

    def test_two_cells_tagged_parameters_are_refused(self, study, tmp_path):
        notebook = make_notebook("x", "1", "study", "service", "results")
        notebook.cells.append(new_code_cell(notebook.cells[1].source, metadata={"tags": ["parameters"]}))
        nbformat.write(notebook, study[1] / "01_cleaning.ipynb")
        with pytest.raises(InputError, match="expected one cell tagged `parameters`, found 2"):
            batch.plan(study[0], tmp_path, notebooks=study[1])

    @pytest.mark.parametrize("source, message", [
        ("study = 1 +", "SyntaxError"), ("study = open('x')", "ValueError"), ("study: str", "ValueError|TypeError"),
    ])
    def test_parameters_that_are_no_flat_values_are_refused(self, tmp_path, source, message):
        notebook = make_notebook("x", "1")
        notebook.cells[1].source = source
        nbformat.write(notebook, tmp_path / "x.ipynb")
        with pytest.raises(InputError, match=f"x.ipynb: expected a notebook with flat values.*({message})"):
            batch.declared_parameters(tmp_path / "x.ipynb")

    def test_a_notebook_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(InputError, match=r"x\.ipynb: no such file in"):
            batch.declared_parameters(tmp_path / "x.ipynb")


class TestOrder:
    @pytest.fixture
    def plan(self, study, tmp_path):
        return batch.plan(study[0], tmp_path / "results", notebooks=study[1])

    def fake(self, monkeypatch, failing=()):
        done = []

        def execute(run):
            done.append(run_key(run))
            return batch.Result(run, "failed" if run_key(run) in failing else "succeeded")

        monkeypatch.setattr(batch, "execute", execute)
        return done

    @pytest.mark.parametrize("jobs", [1, 4])
    def test_cleaning_comes_before_what_reads_it(self, plan, monkeypatch, jobs):
        done = self.fake(monkeypatch)
        results = run_all(plan, jobs)
        assert len(results) == len(done) == len(plan)
        for key in done:
            needed = ("A", "B") if key[1] == "all" else (key[1],)
            if key[0] != "01":
                assert all(done.index(("01", service, "all")) < done.index(key) for service in needed)

    def test_a_service_that_cannot_be_cleaned_costs_only_its_own_runs(self, plan, monkeypatch):
        self.fake(monkeypatch, failing=[("01", "B", "all")])
        results = run_all(plan)
        assert {key for key, result in results.items() if result.status == "skipped"} == {
            key for key in results if key[1] == "B" and key[0] != "01"}
        assert results["02", "all", "all"].status == "succeeded"
        assert results["02", "B", "all"].message == "01_cleaning failed for B"

    def test_nothing_is_pooled_where_no_service_could_be_cleaned(self, plan, monkeypatch):
        self.fake(monkeypatch, failing=[("01", "A", "all"), ("01", "B", "all")])
        statuses = [result.status for result in run_all(plan).values()]
        assert (statuses.count("failed"), statuses.count("skipped")) == (2, 25)

    def test_no_more_at_a_time_than_asked(self, plan, monkeypatch):
        self.fake(monkeypatch)
        assert max(len(running) for running, _ in batch.run_all(plan, 3)) == 3


class TestExecution:
    """Real kernels: a second each."""

    def test_what_a_run_leaves(self, study, tmp_path):
        runs = batch.plan(study[0], tmp_path / "results", ["A"], ["all"], ["03"], notebooks=study[1])
        results = run_all(runs)
        assert [result.status for result in results.values()] == ["succeeded"] * 2
        cleaning, improvement = (result.run.target for result in results.values())
        notebook = nbformat.read(cleaning, as_version=4)
        assert "papermill" not in notebook.metadata
        assert not any({"papermill", "execution"} & set(cell.metadata) for cell in notebook.cells)
        assert notebook.cells[-1].outputs[0].text == "to the end\n"
        assert (improvement.parent / "tables" / "reliable_improvement_6m.csv").is_file()
        record = json.loads(improvement.with_suffix(".provenance.json").read_text(encoding="utf-8"))
        assert record["status"] == "succeeded"
        assert {"durability_2016/A/cleaning/cohort.parquet", "parameters/measures.yaml"} <= set(record["inputs"])
        assert record["parameters"] == runs[1].parameters
        for file in (path for path in (tmp_path / "results").rglob("*") if path.is_file()):
            assert not file.name.startswith(".")
            assert str(tmp_path).encode() not in file.read_bytes(), file.name

    @pytest.mark.parametrize("export, message", [
        ("unusable", "service A: A.csv: line 3: no number"),
        ("bug", "ValueError: what is data/A.csv"),
        ("dies", "the kernel died (out of memory, or a library crashed)"),
        ("leaves", "SystemExit: 0"),
    ])
    def test_a_failure_leaves_its_notebook_and_nothing_of_the_service(self, tmp_path, export, message):
        study, notebooks = make_study(tmp_path, {"A": export})
        stale = tmp_path / "results" / "durability_2016" / "A"
        for name in ("cleaning/cohort.parquet", "all/tables/response_rates.csv"):
            (stale / name).parent.mkdir(parents=True)
            (stale / name).write_text("old", encoding="utf-8")
        runs = batch.plan(study, tmp_path / "results", ["A"], ["all"], ["02"], notebooks=notebooks)
        results = run_all(runs)
        assert results["01", "A", "all"].status == "failed"
        assert results["01", "A", "all"].message == message
        assert results["02", "A", "all"].status == "skipped"
        assert {path.name for path in stale.rglob("*") if path.is_file()} == {
            "01_cleaning.ipynb", "01_cleaning.provenance.json"}
        text = results["01", "A", "all"].run.target.read_text(encoding="utf-8")
        assert '"output_type": "error"' in text
        assert str(tmp_path) not in text

    def test_tables_of_an_earlier_run_go_and_those_of_others_stay(self, study, tmp_path):
        improvement = batch.plan(study[0], tmp_path / "results", ["A"], ["all"], ["03"], notebooks=study[1])[-1]
        tables = improvement.folder / "tables"
        tables.mkdir(parents=True)
        for name in ("reliable_improvement_old.csv", "reliable_recovery_6m.csv"):
            (tables / name).write_text("old", encoding="utf-8")
        batch.clear(improvement)
        assert [path.name for path in tables.iterdir()] == ["reliable_recovery_6m.csv"]

    def test_every_table_and_figure_is_known_as_that_of_its_notebook(self):
        for name in batch.OUTPUTS_OF:
            source = (batch.NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
            written = re.findall(r'"(?:tables|figures)\\" / \\"([\w.]+)', source)
            assert written
            for file in written:
                assert [other for other, patterns in batch.OUTPUTS_OF.items()
                        if any(fnmatch(file, pattern) for pattern in patterns)] == [name], file

    def test_nothing_outside_the_results_is_removed(self, study, tmp_path):
        (tmp_path / "elsewhere" / "cleaning").mkdir(parents=True)
        (tmp_path / "results" / "durability_2016").mkdir(parents=True)
        try:
            (tmp_path / "results" / "durability_2016" / "A").symlink_to(tmp_path / "elsewhere")
        except OSError:
            pytest.skip("no symbolic links here")
        cleaning = batch.plan(study[0], tmp_path / "results", ["A"], [], ["01"], notebooks=study[1])[0]
        assert batch.execute(cleaning).status == "failed"
        assert (tmp_path / "elsewhere" / "cleaning").is_dir()
