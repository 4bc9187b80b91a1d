"""What the report says, and that its pages ask nothing of a network."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_output
from tiny_study import HOLDS, TABLES, make_notebook, make_study

from durability_utils.runs import plan, report
from durability_utils.runs.batch import Result, account, write
from durability_utils.runs.provenance import versions

# what a browser would fetch by itself; a link that a reader may follow is none of it
REQUESTS = re.compile(r"""<(?:script|link|iframe|object|embed)\b|src\s*=\s*(?!["']?data:)|@import|url\(""", re.I)


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, {"A": "fine", "B": "fine"}, published=True)[0]


@pytest.fixture
def runs(study, tmp_path):
    return plan.every_run(study, tmp_path)


def write_tables(folder):
    (folder / "tables").mkdir(parents=True)
    for table, text in TABLES.values():
        (folder / "tables" / table).write_text(text.replace("\\n", "\n"), encoding="utf-8")
        (folder / "tables" / table).with_suffix(".json").write_text(HOLDS[table].as_json(), encoding="utf-8")


def test_key_rates_hold_numerator_denominator_and_interval(tmp_path):
    write_tables(tmp_path)
    rates = report.key_rates(tmp_path / "tables")
    assert rates["discharged"] == "200"
    assert rates["consented"].startswith("100/200 (50 %")
    assert rates["answered"].startswith("50/100 (50 %")
    assert rates["improvement"].startswith("71/88 (81 %")
    assert rates["improvement_kept"] == "61/71 (86 %, 76 to 92)"  # the paper's Table 2
    assert "recovery" not in rates


def test_published_counts_are_those_of_a_comparison_that_succeeded(runs, tmp_path):
    write_tables(tmp_path / "durability_2016" / "all" / "all")
    compared = next(run for run in runs if run.head.owns(report.COMPARISON))
    assert report.published_counts([Result(compared, "succeeded")]) == {
        "agrees": 2, "differs": 1, "paper_contradicts_itself": 1}
    # an old table says nothing of a run that failed, or did not compare at all
    assert report.published_counts([Result(compared, "failed")]) is None
    assert report.published_counts([]) is None


class TestIndex:
    @pytest.fixture
    def index(self, study, runs, tmp_path):
        """index(*results, **changed): the page of these results of the study, or of the study so changed."""
        return lambda *results, **changed: report.index(replace(study, **changed), tmp_path, runs, list(results))

    @pytest.fixture
    def page(self, index, runs, tmp_path):
        write_tables(tmp_path / "durability_2016" / "A" / "all")
        named = {(run.name, run.service): run for run in runs}
        return index(Result(named["01_cleaning", "B"], "failed", "B.csv: <b>line 3</b>: no number"),
                     Result(named["02_response_rates", "B"], "skipped", "cleaning failed for B"))

    def test_says_what_the_data_are_and_holds_rates_and_statuses(self, page):
        for said in ("Gains &lt;kept&gt;, synthetic cohort", "Synthetic data.", "Without a cohort: service B.",
                     '<span class="n">61/71</span> <span class="interval">(86 %, 76 to 92)</span>',
                     '<span class="failed">failed</span>', '<td class="absent">skipped</td>',
                     '<td class="absent">not run</td>', 'href="A/all/tables/"', "&lt;b&gt;line 3&lt;/b&gt;"):
            assert said in page
        assert "<b>" not in page and "Other rules" not in page

    def test_calls_notebooks_by_their_numbers_and_says_what_each_of_them_asks(self, index, runs):
        run = next(run for run in runs if run.name == "03_reliable_improvement" and run.service == "A")
        write(run.target.with_suffix(".html"), "<html>")
        page = index(Result(run, "succeeded"))
        assert ('<a href="A/all/03_reliable_improvement.html" title="Do patients who reliably improved stay improved?">'
                '03</a>') in page
        assert '<span class="number">02</span> Who was discharged, who consented, and who answered?' in page

    def test_says_which_rules_are_changed(self, study, index):
        page = index(rules=study.rules.changed("PHQ-9", reliable_change=5))
        assert "Other rules than the measures&rsquo; own: PHQ-9 reliable change 5, not 6." in page

    def test_says_nothing_of_restricted_runs(self, index, runs):
        results = [Result(run, "failed", "who it is") for run in runs if run.restricted]
        assert results
        assert not re.findall(r"restricted|desk|telephone|who it is", index(*results))

    def test_asks_for_nothing_and_names_no_folder_of_this_machine(self, page, tmp_path):
        assert not REQUESTS.search(page)
        assert "http" not in page.replace("http-equiv", "")
        assert str(tmp_path) not in page

    def test_a_study_of_patients_has_no_notice(self, index):
        assert "Synthetic" not in index(title="Durability of gains")


class TestRecorded:
    def test_a_result_whose_inputs_changed_is_out_of_date(self, study, tmp_path):
        run = plan.every_run(study, tmp_path / "results", tmp_path / "notebooks")[0]
        assert report.recorded(run).status == "not_run"
        record = {"status": "succeeded", "message": "", "seconds": 1, "inputs": plan.input_hashes(run),
                  "parameters": run.parameters, "versions": versions()}
        write(run.record, json.dumps(record))
        assert report.recorded(run).status == "succeeded"
        study.services["A"].file[0].write_text("corrected", encoding="utf-8")
        assert report.recorded(run).status == "outdated"


class TestLastCommands:
    def test_the_latest_first_with_services_statuses_and_report(self, tmp_path):
        def command(study, ended, *runs):
            runs = [dict(zip(("service", "status"), run, strict=True)) for run in runs]
            write(tmp_path / study / "run.json", json.dumps({"study": study, "ended": ended, "runs": runs}))

        command("early", "2026-05-01T10:00:00+00:00", ("A", "failed"))
        command("late", "2026-05-02T10:00:00+00:00", ("all", "skipped"), ("B", "succeeded"), ("A", "succeeded"))
        write(tmp_path / "late" / "index.html", "<html>")
        (tmp_path / "no_study").mkdir()
        late, early = report.last_commands(tmp_path)
        assert late["study"] == "late"
        assert late["services"] == ["A", "B", "all"]
        assert late["runs"] == {"skipped": 1, "succeeded": 2}
        assert late["ended"] == datetime(2026, 5, 2, 10, tzinfo=UTC)
        assert late["report"] == tmp_path / "late" / "index.html"
        assert (early["study"], early["runs"], early["report"]) == ("early", {"failed": 1}, None)

    def test_reads_what_a_batch_writes(self, study, runs, tmp_path):
        write(tmp_path / study.id / "run.json", account(study, [Result(runs[0], "unchanged")], datetime.now(UTC)))
        [command] = report.last_commands(tmp_path)
        assert (command["services"], command["runs"]) == ([runs[0].service], {"unchanged": 1})

    def test_without_results_none(self, tmp_path):
        assert report.last_commands(tmp_path / "nowhere") == []
        assert report.key_rates(tmp_path) == {}


class TestPage:
    def test_shows_outputs_without_code_or_requests(self, runs):
        notebook = make_notebook("01_cleaning", "secret_code = 1", "study")
        png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        notebook.cells[2].outputs = [
            new_output("stream", name="stdout", text="<script>alert(1)</script>"),
            new_output("display_data", {"image/png": png}),
            new_output("error", ename="ValueError", evalue="no number", traceback=["line 1: secret_code = 1"]),
        ]
        page = report.page(nbformat.writes(notebook), runs[0])
        assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page  # whatever an output may ask for
        assert "Is this 01_cleaning?" in page
        assert "ValueError: no number" in page
        assert "secret_code" not in page
        assert 'src="data:image/png;base64,' in page
        assert not REQUESTS.search(page)
        assert "Synthetic data" in page

    def test_a_table_of_text_scrolls_by_keys_and_has_no_header_that_heads_nothing(self, runs):
        notebook = make_notebook("01_cleaning", "1")
        page = report.page(nbformat.writes(notebook), runs[0])
        assert re.search(r'<div class="scroll" tabindex="0"[^>]*><table>\s*<thead>', page)
        assert "<th></th>" not in page and "<td></td>" in page

    def test_words_stand_on_the_left_and_numbers_on_the_right(self, runs):
        notebook = make_notebook("01_cleaning", "1")
        table = pd.DataFrame({"rule": ["copy", "no_id"], "rows": [2, 0], "share": ["1/2 (50 %)", ""]})
        notebook.cells[2].outputs = [new_output("display_data", {"text/html": table.to_html()})]
        page = report.page(nbformat.writes(notebook), runs[0])
        assert re.findall(r'<t[dh] class="words">(.*?)<', page) == ["rule", "copy", "no_id"]
        for number in ("<th>rows</th>", "<td>2</td>", "<td>1/2 (50 %)</td>"):
            assert number in page
