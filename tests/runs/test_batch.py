"""In what order notebooks run, what is left when one of them fails or is stopped, and what is not run again."""

import errno
import json
import os
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import nbformat
import pytest
from copied_project import change
from tiny_study import DESK, analysis, make_notebook, make_study, run_key

from durability_utils.runs import batch, plan
from durability_utils.study.errors import InputError


def run_all(runs, jobs=2, **options):
    with ThreadPoolExecutor(jobs) as pool:
        return {run_key(result.run): result for _, result in batch.run_all(runs, pool, jobs, **options) if result}


def statuses(runs, **options):
    return [result.status for result in run_all(runs, **options).values()]


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def record_of(run):
    return json.loads(run.record.read_text(encoding="utf-8"))


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, {"A": "fine", "B": "fine"}, published=True)


@pytest.fixture
def planned(study, tmp_path):
    """planned(services, steps, names): their runs in the folder `results`."""
    return lambda *selection: plan.plan(study[0], tmp_path / "results", *selection, notebooks=study[1])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
class TestRights:
    """Whatever holds ids or rows is its owner's only; report and tables are as the umask says."""

    def modes(self, folder, *patterns):
        return {stat.S_IMODE(path.stat().st_mode) for pattern in patterns for path in folder.glob(pattern)}

    @pytest.mark.parametrize("umask", [0, 0o022])
    def test_whatever_the_umask_and_whatever_the_modes_were_before(self, planned, tmp_path, umask):
        folder, usual = tmp_path / "results" / "durability_2016", os.umask(umask)
        try:
            runs = planned(["A"], ["all"], ["02"])
            assert statuses(runs) == ["succeeded"] * 2
            for path in folder.rglob("*"):
                path.chmod(0o777)
            (folder / "A" / "cleaning" / "elsewhere").symlink_to(runs[1].study.path)
            with batch.alone(runs[0].study, tmp_path / "results"):  # a copy's modes: nothing is run again
                assert statuses(runs) == ["unchanged"] * 2
            assert self.modes(folder, "A/cleaning") == {0o700}
            assert self.modes(folder, "A/cleaning/0*", "A/cleaning/*.parquet", "A/*/*.provenance.json") == {0o600}
            assert stat.S_IMODE(runs[1].study.path.stat().st_mode) != 0o600  # a link is not followed
            assert statuses(runs, fresh=True) == ["succeeded"] * 2
        finally:
            os.umask(usual)
        assert self.modes(folder, "A/cleaning/0*", "A/cleaning/*.parquet", "A/*/*.provenance.json") == {0o600}
        assert min(self.modes(folder, "A/all/*.ipynb", "A/all/*.html", "A/all/tables/*")) >= 0o644

    def test_a_run_that_writes_rows_of_patients_is_closed_with_its_notebook(self, study, planned):
        code = analysis("02_response_rates").replace('"patients": false', '"patients": true')
        notebook = make_notebook("02_response_rates", code, "study", "service", "results")
        nbformat.write(notebook, study[1] / "02_response_rates.ipynb")
        runs = planned(["A"], ["all"], ["02", "03"])
        assert statuses(runs) == ["succeeded"] * 3
        assert self.modes(runs[1].folder, "02*", "tables/response*") == {0o600}
        assert 0o600 not in self.modes(runs[1].folder, "03*.ipynb", "03*.html", "tables/reliable*")


class TestOrder:
    @pytest.fixture
    def runs(self, planned):
        return planned()

    def fake(self, monkeypatch, failing=()):
        done = []

        def execute(run, timeout):
            done.append(run_key(run))
            return batch.Result(run, "failed" if run_key(run) in failing else "succeeded")

        monkeypatch.setattr(batch, "execute", execute)
        return done

    @pytest.mark.parametrize("jobs", [1, 4])
    def test_cleaning_comes_before_what_reads_it(self, runs, monkeypatch, jobs):
        done = self.fake(monkeypatch)
        results = run_all(runs, jobs)
        assert len(results) == len(done) == len(runs)
        for key in done:
            needed = ("A", "B") if key[1] == "all" else (key[1],)
            if key[0] != "01":
                assert all(done.index(("01", service, "all")) < done.index(key) for service in needed)

    def test_a_service_that_cannot_be_cleaned_costs_only_its_own_runs(self, runs, monkeypatch):
        self.fake(monkeypatch, failing=[("01", "B", "all")])
        results = run_all(runs)
        assert {key for key, result in results.items() if result.status == "skipped"} == {
            key for key in results if key[1] == "B" and key[0] != "01"}
        assert results["02", "all", "all"].status == "succeeded"
        assert results["02", "B", "all"].message == "cleaning failed for B"

    def test_nothing_is_pooled_where_no_service_could_be_cleaned(self, runs, monkeypatch):
        self.fake(monkeypatch, failing=[("01", "A", "all"), ("01", "B", "all")])
        found = statuses(runs)
        assert (found.count("failed"), found.count("skipped")) == (2, 55)

    def test_no_more_at_a_time_than_asked(self, runs, monkeypatch):
        self.fake(monkeypatch)
        with ThreadPoolExecutor(3) as pool:
            assert max(len(running) for running, _ in batch.run_all(runs, pool, 3)) == 3


class TestExecution:
    """Real kernels: a second each."""

    def test_what_a_run_leaves(self, planned, tmp_path):
        runs = planned(["A"], ["all"], ["03"])
        assert statuses(runs) == ["succeeded"] * 2
        notebook = nbformat.read(runs[0].target, as_version=4)
        assert "papermill" not in notebook.metadata
        assert not any({"papermill", "execution"} & set(cell.metadata) for cell in notebook.cells)
        assert notebook.cells[-1].outputs[0].text == "to the end\n"
        assert (runs[1].folder / "tables" / "reliable_improvement_6m.csv").is_file()
        record = record_of(runs[1])
        assert record["status"] == "succeeded"
        assert {"durability_2016/A/cleaning/cohort.parquet", "parameters/measures.yaml"} <= set(record["inputs"])
        assert record["parameters"] == runs[1].parameters
        assert record["rules_changed"] == ""
        for file in (path for path in (tmp_path / "results").rglob("*") if path.is_file()):
            assert not file.name.startswith(".")
            assert str(tmp_path).encode() not in file.read_bytes(), file.name

    @pytest.mark.parametrize("export, message", [
        ("unusable", "service A: A.csv: line 3: no number"),
        ("bug", "ValueError: what is data/A.csv"),
        ("dies", "the kernel died (out of memory, or a library crashed)"),
        ("leaves", "SystemExit: 0"),
    ])
    def test_a_failure_leaves_its_notebook_and_nothing_of_the_service(self, planned, tmp_path, export, message):
        (tmp_path / "data" / "A.csv").write_text(export, encoding="utf-8")
        stale = tmp_path / "results" / "durability_2016" / "A"
        for name in ("cleaning/cohort.parquet", "all/tables/response_rates.csv"):
            (stale / name).parent.mkdir(parents=True)
            (stale / name).write_text("old", encoding="utf-8")
        results = run_all(planned(["A"], ["all"], ["02"]))
        assert [result.status for result in results.values()] == ["failed", "skipped"]
        assert results["01", "A", "all"].message == message
        assert {path.name for path in stale.rglob("*") if path.is_file()} == {
            "01_cleaning.ipynb", "01_cleaning.html", "01_cleaning.provenance.json"}
        text = results["01", "A", "all"].run.target.read_text(encoding="utf-8")
        assert '"output_type": "error"' in text
        assert str(tmp_path) not in text

    def test_nothing_outside_the_results_is_removed(self, planned, tmp_path):
        (tmp_path / "elsewhere" / "cleaning").mkdir(parents=True)
        (tmp_path / "results" / "durability_2016").mkdir(parents=True)
        try:
            (tmp_path / "results" / "durability_2016" / "A").symlink_to(tmp_path / "elsewhere")
        except OSError:
            pytest.skip("no symbolic links here")
        assert batch.execute(planned(["A"], [], ["01"])[0]).status == "failed"
        assert (tmp_path / "elsewhere" / "cleaning").is_dir()


HOW_REPLACED = {  # what somebody does to `file`, of which the time of the content stays as it was
    "moved over": "other.write_text('fine, too'); os.utime(other, ns=times); other.replace(file)",
    "rewritten in place": "file.write_text('evil'); os.utime(file, ns=times)",
    "and put back": "file.rename(other); file.write_text('evil'); file.read_text(); other.replace(file)",
    "rewritten and put back": "text = file.read_text(); file.write_text('evil'); file.write_text(text); "
                              "os.utime(file, ns=times)",
    "gone": "file.unlink()",
}
TOUCH = """
import os
from pathlib import Path
file, other = Path({file!r}), Path('other')
times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change of a file")
class TestReplaced:
    """Oracle: no table may stand there whose provenance has the hash of another file than the notebook read."""

    @pytest.mark.parametrize("how", HOW_REPLACED)
    def test_an_export_replaced_while_it_is_read_leaves_nothing(self, planned, tmp_path, how):
        runs = planned(["A"], ["all"], ["02"])
        assert statuses(runs) == ["succeeded"] * 2
        change(tmp_path, "01_cleaning", TOUCH.format(file="../data/A.csv") + HOW_REPLACED[how])
        results = run_all(runs)
        assert [result.status for result in results.values()] == ["failed", "skipped"]
        assert results["01", "A", "all"].message == "data/A.csv was replaced while it was read; run again"
        assert contents(tmp_path / "results" / "durability_2016" / "A") == {}

    @pytest.mark.parametrize("file", ["parameters/durability_2016.yaml", "notebooks/02_response_rates.ipynb",
                                      "parameters/published.yaml", "results/durability_2016/A/cleaning/cohort.parquet"])
    def test_so_does_whatever_else_a_notebook_reads(self, planned, tmp_path, file):
        runs = planned(["A"], ["all"], ["02"])
        change(tmp_path, "02_response_rates", TOUCH.format(file=f"../{file}") + "file.write_text('x')")
        results = run_all(runs)
        assert [result.status for result in results.values()] == ["succeeded", "failed"]
        name = file.removeprefix("results/").removeprefix("parameters/")
        assert results["02", "A", "all"].message == f"{name} was replaced while it was read; run again"
        assert not list((tmp_path / "results" / "durability_2016" / "A").rglob("02_*"))

    def test_a_study_file_replaced_since_the_batch_was_planned_fails_what_still_runs(self, planned, study, tmp_path):
        runs = planned(["A"], ["all"], ["02"])
        text = study[0].path.read_text(encoding="utf-8")
        study[0].path.write_text(text + "\n# nothing else\n", encoding="utf-8")
        assert statuses(runs) == ["succeeded"] * 2  # it says the same
        study[0].path.write_text(text.replace("carry_back: true", "carry_back: false"), encoding="utf-8")
        results = run_all(runs)
        assert results["01", "A", "all"].message == (
            "durability_2016.yaml was replaced while it was read; run again")
        assert contents(tmp_path / "results" / "durability_2016" / "A") == {}


def test_a_study_file_may_lie_among_other_results(study, tmp_path):
    """`--output` may name the folder above it, as long as its own results lie elsewhere."""
    assert statuses(plan.plan(study[0], tmp_path, ["A"], ["all"], ["02"], notebooks=study[1])) == ["succeeded"] * 2


def test_a_file_that_the_head_of_an_own_notebook_does_not_name_fails_it_and_is_put_nowhere(tmp_path):
    own = make_notebook("functioning kept", analysis("02_response_rates"), "study", "service", "results",
                        runs_for="each service", reads="`cohort.parquet`", writes="`functioning*`")
    nbformat.write(own, tmp_path / "12_functioning.ipynb")
    study, notebooks = make_study(tmp_path, {"A": "fine"}, notebooks=["../12_functioning.ipynb"])
    runs = plan.plan(study, tmp_path / "results", ["A"], names=["12"], notebooks=notebooks)
    result = run_all(runs)["12", "A", "all"]
    assert result.status == "failed"
    assert result.message == ("writes: found tables/response_rates.csv, tables/response_rates.json, expected "
                              "functioning* in tables/ or figures/")
    assert not (runs[-1].folder / "tables").exists()


class TestAgain:
    @pytest.fixture
    def runs(self, planned):
        """Cleaning and 02 of service A, done."""
        runs = planned(["A"], ["all"], ["02"])
        assert statuses(runs) == ["succeeded"] * 2
        return runs

    def test_nothing_is_run_again_that_would_come_out_the_same(self, planned, tmp_path):
        runs = planned()
        assert set(statuses(runs)) == {"succeeded"}
        before = contents(tmp_path / "results")
        assert set(statuses(runs)) == {"unchanged"}
        assert contents(tmp_path / "results") == before
        assert set(statuses(runs, fresh=True)) == {"succeeded"}

    def test_a_changed_export_repeats_its_own_service_and_what_is_pooled(self, planned, tmp_path):
        runs = planned([], [], ["02"])
        run_all(runs)
        (tmp_path / "data" / "B.csv").write_text("fine, too", encoding="utf-8")
        assert {key: result.status for key, result in run_all(runs).items()} == {
            ("01", "A", "all"): "unchanged", ("02", "A", "all"): "unchanged", ("01", "B", "all"): "succeeded",
            ("02", "B", "all"): "succeeded", ("02", "all", "all"): "succeeded"}

    def test_where_cleaning_gives_the_same_cohort_the_rest_stays(self, runs, tmp_path):
        change(tmp_path, "01_cleaning", "1 + 1")
        assert statuses(runs) == ["succeeded", "unchanged"]

    def test_what_failed_is_tried_again(self, planned, tmp_path):
        (tmp_path / "data" / "A.csv").write_text("bug", encoding="utf-8")
        runs = planned(["A"], ["all"], ["02"])
        assert statuses(runs) == statuses(runs) == ["failed", "skipped"]

    def test_a_missing_table_is_made_again(self, runs):
        table = runs[-1].folder / "tables" / "response_rates.csv"
        table.unlink()
        assert statuses(runs) == ["unchanged", "succeeded"]
        assert table.is_file()


def test_the_provenance_says_which_rules_are_changed(tmp_path):
    study, notebooks = make_study(tmp_path, {"A": "fine"}, thresholds={"PHQ-9": {"reliable_change": 5}})
    run = plan.plan(study, tmp_path / "results", ["A"], [], ["01"], notebooks)[0]
    assert batch.execute(run).status == "succeeded"
    assert record_of(run)["rules_changed"] == "PHQ-9 reliable change 5, not 6."


class TestIntoPlace:
    @pytest.fixture
    def run(self, planned):
        return planned(["A"], ["all"], ["03"])[-1]

    def test_a_run_sees_only_the_cohorts_that_it_reads(self, run, tmp_path):
        for service in ("A", "B"):
            cohort = run.folder.parents[1] / service / "cleaning" / "cohort.parquet"
            cohort.parent.mkdir(parents=True)
            cohort.write_text(service, encoding="utf-8")
        change(tmp_path, run.name, "from pathlib import Path\nprint(sorted(p.name for p in Path(results).rglob('*')))")
        assert batch.execute(run).status == "succeeded"
        shown = nbformat.read(run.target, as_version=4).cells
        assert "['A', 'cleaning', 'cohort.parquet', 'durability_2016']" in str(shown)
        assert 'results = "../results"' in str(shown)
        assert batch.UNFINISHED not in run.target.read_text(encoding="utf-8")

    def test_tables_of_an_earlier_run_go_and_those_of_others_stay(self, run):
        tables = run.folder / "tables"
        tables.mkdir(parents=True)
        for name in ("reliable_improvement_old.csv", "reliable_improvement_old.json", "reliable_recovery_6m.csv"):
            (tables / name).write_text("old", encoding="utf-8")
        assert batch.execute(run).status == "succeeded"
        assert sorted(path.name for path in tables.iterdir()) == [
            "reliable_improvement_6m.csv", "reliable_improvement_6m.json", "reliable_recovery_6m.csv"]

    def test_the_provenance_comes_last_and_goes_first(self, run, monkeypatch):
        assert batch.execute(run).status == "succeeded"
        moved, move = [], batch.Path.replace

        def replace(self, target):
            if batch.UNFINISHED not in str(target):
                moved.append((target.name, run.record.is_file()))
            return move(self, target)

        monkeypatch.setattr(batch.Path, "replace", replace)
        assert batch.execute(run).status == "succeeded"
        assert moved[-1][0] == run.record.name
        assert not any(recorded for _, recorded in moved)

    def test_attempts_count_those_that_died_with_their_worker(self, run):
        (run.results / run.study.id / batch.UNFINISHED / "A-all-03_reliable_improvement.1").mkdir(parents=True)
        assert batch.execute(run).attempts == 2

    @pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EFBIG"])
    def test_without_space_an_earlier_result_stays(self, run, tmp_path, error):
        assert batch.execute(run).status == "succeeded"
        before = contents(run.results)
        change(tmp_path, run.name, f"import errno, os; raise OSError(errno.{error}, os.strerror(errno.{error}))")
        with pytest.raises(OSError) as raised:
            run_all([replace(run, needs=())])
        assert raised.value.errno == getattr(errno, error)
        assert contents(run.results) == before

    def test_a_worker_that_is_lost_for_good_fails_its_run(self, run):
        class Lost:
            def submit(self, *_):
                future = Future()
                future.set_exception(RuntimeError("the worker\ndied"))
                return future

        [result] = [result for _, result in batch.run_all([replace(run, needs=())], Lost(), 1) if result]
        assert (result.status, result.message) == ("failed", "RuntimeError: the worker died")


ID = "TT-01585"  # what a restricted run shows of a patient
SHOWS_ID = f"""
import os
from pathlib import Path
folder = Path(results, "durability_2016", service, "restricted")
folder.mkdir(parents=True)
(folder / "due.csv").write_text("patient_id\\n{ID}\\n")
print("{ID}", oct(os.stat(results).st_mode)[-3:])
"""


class TestRestricted:
    """The desk: asked for by name, left to its owner, in no report."""

    @pytest.fixture
    def desk(self, study, planned):
        """desk(code): its runs for service A, cleaning first, where its notebook does `code` after it showed an id."""
        def runs(code=""):
            notebook = make_notebook(DESK, SHOWS_ID + code, "study", "service", "as_of", "results")
            nbformat.write(notebook, study[1] / f"{DESK}.ipynb")
            return planned(["A"], [], ["07"])
        return runs

    def holding(self, tmp_path):
        """The results that hold the id; cleaning's are none of the desk's."""
        return {name for name, content in contents(tmp_path / "results").items() if ID.encode() in content}

    def test_it_leaves_no_page_and_what_it_leaves_is_its_owners(self, desk, tmp_path):
        runs = desk()
        results = run_all(runs)
        assert [result.status for result in results.values()] == ["succeeded"] * 2
        folder = tmp_path / "results/durability_2016/A/restricted"
        assert folder == runs[-1].folder
        assert {path.name for path in folder.iterdir()} == {
            "due.csv", "07_follow_up_desk.ipynb", "07_follow_up_desk.provenance.json"}
        shown = nbformat.read(runs[-1].target, as_version=4).cells[-2].outputs[0].text
        assert self.holding(tmp_path) == {f"durability_2016/A/restricted/{name}" for name in
                                          ("due.csv", "07_follow_up_desk.ipynb")}
        assert ID not in batch.account(runs[-1].study, list(results.values()), datetime.now(UTC))
        if os.name != "nt":
            assert shown == f"{ID} 700\n"  # the folder in which it worked
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    def test_nothing_that_it_writes_can_be_read_by_others_while_it_comes_into_place(self, desk, tmp_path, monkeypatch):
        if os.name == "nt":
            pytest.skip("Windows has no such modes")
        runs = desk()
        run_all(runs[:1])
        (tmp_path / "results/durability_2016/A/restricted").mkdir(mode=0o755)  # somebody's, or an older version's
        seen, move = [], batch.Path.replace

        def watched(self, target):
            if batch.UNFINISHED not in str(target):
                seen.append([stat.S_IMODE(path.stat().st_mode) for path in (target.parent, self)])
            return move(self, target)

        monkeypatch.setattr(batch.Path, "replace", watched)
        assert batch.execute(runs[-1]).status == "succeeded"
        assert seen == [[0o700, 0o600]] * 3

    @pytest.mark.parametrize("code, message", [
        (f"raise ValueError('{ID}')", "ValueError"),
        (f"{{}}['{ID}']", "KeyError"),
        ("from durability_utils.study.errors import InputError; raise InputError('as_of: expected a day')",
         "as_of: expected a day"),
    ])
    def test_an_error_names_a_patient_in_the_folder_only(self, desk, tmp_path, code, message):
        run_all(desk())
        runs = desk(code)
        results = run_all(runs)
        assert (results["07", "A", "all"].status, results["07", "A", "all"].message) == ("failed", message)
        assert self.holding(tmp_path) == {"durability_2016/A/restricted/07_follow_up_desk.ipynb"}
        assert ID not in batch.account(runs[-1].study, list(results.values()), datetime.now(UTC))
        assert not (runs[-1].folder / "due.csv").exists()

    def test_an_error_of_the_batch_itself_is_no_more_talkative(self, desk, monkeypatch):
        runs = desk()
        run_all(runs[:1])
        monkeypatch.setattr(batch, "_without_traces", lambda *_: {}[ID])
        assert batch.execute(runs[-1]).message == "KeyError"

    def test_without_space_it_says_so(self, desk):
        with pytest.raises(OSError, match="No space left"):
            run_all(desk("import errno, os; raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))"))

    def test_it_is_not_run_again_on_the_same_day(self, desk, tmp_path):
        runs = desk()
        run_all(runs)
        assert statuses(runs) == ["unchanged"] * 2
        tomorrow = [runs[0], replace(runs[1], parameters=runs[1].parameters | {"as_of": "2100-01-01"})]
        assert statuses(tomorrow) == ["unchanged", "succeeded"]
        (tmp_path / "data" / "A.csv").write_text("fine, too", encoding="utf-8")
        assert statuses(runs) == ["succeeded"] * 2

    def test_a_run_of_everything_leaves_it_alone_and_so_does_a_failed_cleaning(self, desk, planned, tmp_path):
        run_all(desk())
        left = {name: content for name, content in contents(tmp_path / "results").items() if "restricted" in name}
        everything = planned()
        assert not any(run.restricted for run in everything)
        run_all(everything)
        (tmp_path / "data" / "A.csv").write_text("unusable", encoding="utf-8")
        assert run_all(everything)["01", "A", "all"].status == "failed"
        after = contents(tmp_path / "results")
        assert {name: content for name, content in after.items() if "restricted" in name} == left
        assert {name.split("/")[2] for name in after if name.startswith("durability_2016/A/")} == {
            "cleaning", "restricted"}

    def test_lists_of_an_export_that_cannot_be_used_go_when_new_ones_are_asked_for(self, desk, tmp_path):
        run_all(desk())
        (tmp_path / "data" / "A.csv").write_text("unusable", encoding="utf-8")
        runs = desk()
        assert statuses(runs) == ["failed", "skipped"]
        assert not runs[-1].folder.exists()


class TestAccount:
    def test_each_run_has_its_costs(self, study, planned, tmp_path):
        change(tmp_path, "03_reliable_improvement", "import time; time.sleep(0.5)")
        results = list(run_all(planned(["A"], ["all"], ["03"])).values())
        account = json.loads(batch.account(study[0], results, datetime.now(UTC)))
        assert [set(run) for run in account["runs"]] == [{
            "notebook", "service", "step", "status", "message", "seconds_in_cells", "seconds_outside_cells",
            "peak_memory_mb", "attempts", "worker"}] * 2
        cost = account["runs"][-1]
        assert (cost["notebook"], cost["status"], cost["attempts"], cost["worker"]) == (
            "03_reliable_improvement", "succeeded", 1, "local")
        assert 0.5 <= cost["seconds_in_cells"] < 1.5
        assert 0 < cost["seconds_outside_cells"] < 10
        assert cost["peak_memory_mb"] is None or cost["peak_memory_mb"] > 20

    def test_what_was_not_run_cost_nothing(self, study, planned):
        run = planned(["A"], ["all"], ["01"])[0]
        account = json.loads(batch.account(study[0], [batch.Result(run, "unchanged")], datetime.now(UTC)))
        run = account["runs"][0]
        assert (run["seconds_in_cells"], run["seconds_outside_cells"], run["attempts"]) == (0, 0, 0)


class TestAlone:
    def test_two_batches_do_not_write_the_same_results(self, study, tmp_path):
        with batch.alone(study[0], tmp_path / "results"):
            with (pytest.raises(InputError, match="another batch is writing there"),
                  batch.alone(study[0], tmp_path / "results")):
                pass
            with batch.alone(study[0], tmp_path / "elsewhere"):
                pass

    def test_what_a_killed_batch_left_unfinished_goes(self, study, tmp_path):
        left = tmp_path / "results" / study[0].id / batch.UNFINISHED / "A-all-01_cleaning.1"
        left.mkdir(parents=True)
        with batch.alone(study[0], tmp_path / "results"):
            assert not left.exists()
