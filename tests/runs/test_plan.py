"""Which notebooks run for which service and step, and what counts as having been run already."""

import json
from datetime import date

import pytest
from tiny_study import make_study, run_key

from durability_utils.runs import plan, provenance
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import STEPS


def labels(runs):
    return {run_key(run) for run in runs}


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, {"A": "fine", "B": "fine"}, published=True)


def test_everything(study, tmp_path):
    runs = plan.plan(study[0], tmp_path / "results", notebooks=study[1])
    everyone = ("A", "B", "all")
    assert labels(runs) == (
        {("01", service, "all") for service in ("A", "B")}
        | {(name, service, "all") for name in ("02", "05", "10") for service in everyone}
        | {(name, service, step) for name in ("03", "04", "08", "09", "11") for service in everyone for step in STEPS}
        | {("06", "all", "all")}
    )
    assert len(runs) == 57
    folders = {run_key(run): run.folder.relative_to(tmp_path / "results").as_posix() for run in runs}
    assert folders["01", "A", "all"] == "durability_2016/A/cleaning"
    assert folders["03", "all", "step2"] == "durability_2016/all/step2"


def test_the_desk_runs_only_when_asked_for(study, tmp_path):
    assert not [run for run in plan.plan(study[0], tmp_path, notebooks=study[1]) if run.restricted]
    runs = plan.plan(study[0], tmp_path, ["A"], names=["07"], notebooks=study[1])
    assert [run.restricted for run in runs] == [False, True]
    assert runs[-1].folder == tmp_path / "durability_2016" / "A" / "restricted"
    assert runs[-1].parameters == {"study": "durability_2016.yaml", "service": "A", "results": "..",
                                   "as_of": date.today().isoformat()}


def test_a_study_without_published_figures_compares_none(tmp_path):
    study, notebooks = make_study(tmp_path, {"A": "fine"})
    assert "06" not in {name for name, *_ in labels(plan.plan(study, tmp_path, notebooks=notebooks))}


def test_parameters_are_those_declared_and_hold_no_machine_path(study, tmp_path):
    runs = {run_key(run): run for run in plan.plan(study[0], tmp_path / "results", notebooks=study[1])}
    assert runs["03", "B", "step3"].parameters == {
        "study": "durability_2016.yaml", "service": "B", "step": "step3", "results": "../results"}
    assert runs["06", "all", "all"].parameters == {"study": "durability_2016.yaml", "results": "../results"}


@pytest.mark.parametrize("selection, expected", [
    ({"services": ["A"], "names": ["03"], "steps": ["step2"]}, {("01", "A", "all"), ("03", "A", "step2")}),
    ({"services": ["all"], "names": ["02_response_rates"]},
     {("01", "A", "all"), ("01", "B", "all"), ("02", "all", "all")}),
    ({"names": ["01"]}, {("01", "A", "all"), ("01", "B", "all")}),
    ({"services": ["B"], "names": ["01_cleaning"], "steps": ["step2"]}, {("01", "B", "all")}),
    ({"services": ["B"], "steps": ["step3"]},
     {("01", "B", "all"), *((name, "B", "step3") for name in ("03", "04", "08", "09", "11"))}),
    ({"names": ["06"]}, {("01", "A", "all"), ("01", "B", "all"), ("06", "all", "all")}),
    ({"names": ["07"], "services": ["B"]}, {("01", "B", "all"), ("07", "B", "all")}),
    ({"names": ["2"], "services": ["A"]}, {("01", "A", "all"), ("02", "A", "all")}),
])
def test_a_selection_brings_the_cleaning_that_it_reads(study, tmp_path, selection, expected):
    assert labels(plan.plan(study[0], tmp_path, notebooks=study[1], **selection)) == expected


@pytest.mark.parametrize("selection, message", [
    ({"services": ["Z"]}, "no service 'Z'; there are A, B, all"),
    ({"steps": ["step4"]}, "no step 'step4'; there are all, step2, step3"),
    ({"names": ["99"]}, "no notebook '99'; there are 01_cleaning, 02_response_rates"),
    ({"names": ["07"], "services": ["all"]}, "nothing to run: 07_follow_up_desk for all"),
    ({"names": ["02"], "steps": ["step2"]}, "nothing to run: 02_response_rates for A, B, all at step2"),
])
def test_what_does_not_exist_is_refused(study, tmp_path, selection, message):
    with pytest.raises(InputError, match=message):
        plan.plan(study[0], tmp_path, notebooks=study[1], **selection)


# -- what has been run already ---------------------------------------------------------------------

@pytest.fixture
def finished(study, tmp_path):
    """A run of 03 and the provenance that it would have left."""
    (tmp_path / "results/durability_2016/A/cleaning").mkdir(parents=True)
    (tmp_path / "results/durability_2016/A/cleaning/cohort.parquet").write_text("cohort", encoding="utf-8")
    run = plan.plan(study[0], tmp_path / "results", ["A"], ["all"], ["03"], study[1])[-1]
    table = run.folder / "tables" / "reliable_improvement_6m.csv"
    table.parent.mkdir(parents=True)
    table.write_text("end,follow_up,n\n", encoding="utf-8")
    record = {"status": "succeeded", "parameters": run.parameters, "versions": provenance.versions(),
              "inputs": plan.input_hashes(run), "outputs": provenance.hashes([table], [run.folder])}
    run.record.write_text(json.dumps(record), encoding="utf-8")
    return run


def append(path, text="\n# changed"):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_finished_run_is_known_by_its_provenance(finished):
    record = plan.read_record(finished)
    assert plan.is_current(finished, record) and plan.is_complete(finished, record)
    assert {"durability_utils", "requirements.lock", "03_reliable_improvement.ipynb", "durability_2016.yaml",
            "measures.yaml"} <= {name.rpartition("/")[2] for name in record["inputs"]}


@pytest.mark.parametrize("changed", ["notebooks/03_reliable_improvement.ipynb", "parameters/durability_2016.yaml",
                                     "results/durability_2016/A/cleaning/cohort.parquet"])
def test_a_changed_input_asks_for_a_new_run(finished, tmp_path, changed):
    append(tmp_path / changed)
    assert not plan.is_current(finished, plan.read_record(finished))


def test_the_national_figures_are_an_input_of_the_notebook_that_reads_them(study, tmp_path):
    runs = plan.plan(study[0], tmp_path, ["A"], ["all"], notebooks=study[1])
    reading = [run.name for run in runs if any(name.endswith("england.yaml") for name in plan.input_hashes(run))]
    assert reading == ["11_services"]


def test_published_figures_are_an_input_of_all_since_many_compare_with_them(study, tmp_path):
    runs = plan.plan(study[0], tmp_path, notebooks=study[1])
    before = [plan.input_hashes(run) for run in runs]
    append(study[0].published)
    assert not [run.label for run, inputs in zip(runs, before, strict=True) if plan.input_hashes(run) == inputs]


def test_the_time_of_a_file_does_not_matter(finished, tmp_path):
    cohort = tmp_path / "results/durability_2016/A/cleaning/cohort.parquet"
    cohort.write_text(cohort.read_text(encoding="utf-8"), encoding="utf-8")
    assert plan.is_current(finished, plan.read_record(finished))


def test_results_that_were_copied_elsewhere_need_no_new_run(finished):
    record = plan.read_record(finished)
    moved = record["parameters"] | {"results": "../copied/results"}
    assert plan.is_current(finished, record | {"parameters": moved})
    assert not plan.is_current(finished, record | {"parameters": moved | {"service": "B"}})


@pytest.mark.parametrize("key, value", [
    ("status", "failed"), ("parameters", {"step": "step2"}), ("versions", {"pandas": "0.1"}), ("inputs", {})])
def test_another_record_asks_for_a_new_run(finished, key, value):
    assert not plan.is_current(finished, plan.read_record(finished) | {key: value})


def test_a_changed_lock_asks_for_a_new_run(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "PROJECT", tmp_path)  # where there is no lock
    assert not plan.is_current(finished, plan.read_record(finished))


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_table_that_is_not_as_it_was_left_asks_for_a_new_run(finished, how):
    table = finished.folder / "tables" / "reliable_improvement_6m.csv"
    append(table) if how == "changed" else table.unlink()
    assert not plan.is_complete(finished, plan.read_record(finished))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_broken_record_is_no_record(finished, text):
    finished.record.write_text(text, encoding="utf-8")
    assert not plan.is_current(finished, plan.read_record(finished))
