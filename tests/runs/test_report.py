"""What the report says, and that its pages ask nothing of a network."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
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
    (folder / "tables" / "response_flow.csv").write_text("stage,n\ndischarged,3027\n", encoding="utf-8")


def test_published_figures_are_counted_with_what_they_are(runs, tmp_path):
    write_tables(tmp_path / "durability_2016" / "all" / "all")
    compared = next(run for run in runs if run.head.owns(report.COMPARISON))
    counts = report.published_counts([Result(compared, "succeeded")])
    assert counts == {"agrees": 2, "differs": 1, "paper_contradicts_itself": 1, "settings": 0, "why": []}
    assert report.published_in_words(counts) == (
        "2 of 3 published figures reproduced; not counted: 1 place where the paper contradicts itself")
    assert report.published_in_words(counts | {"settings": 2, "paper_contradicts_itself": 4, "why": ["a slip"]}) == (
        "2 of 3 published figures (2 of them settings, such as the questionnaires) reproduced; differs: a slip; "
        "not counted: 4 places where the paper contradicts itself")
    # an old table says nothing of a run that failed, or did not compare at all
    assert report.published_counts([Result(compared, "failed")]) is None
    assert report.published_in_words(report.published_counts([])) == ""


class TestIndex:
    @pytest.fixture
    def index(self, study, runs, tmp_path):
        """index(*results, **changed): the first page of these results of the study, or of the study so changed."""
        return lambda *results, **changed: report.pages_of(
            replace(study, **changed), tmp_path, runs, list(results))[tmp_path / study.id / "index.html"]

    @pytest.fixture
    def page(self, index, runs, tmp_path):
        write_tables(tmp_path / "durability_2016" / "A" / "all")
        named = {(run.name, run.service): run for run in runs}
        return index(Result(named["01_cleaning", "B"], "failed", "B.csv: <b>line 3</b>: no number"),
                     Result(named["02_response_rates", "B"], "skipped", "cleaning failed for B"))

    def test_says_what_the_data_are_and_holds_rates_and_statuses(self, page):
        for said in ("Gains &lt;kept&gt;, synthetic cohort", "Synthetic data.", "Without a cohort: service B.",
                     '<span class="n">61/71</span> <span class="interval">(86\u00a0%,\u00a076\u00a0to\u00a092)</span>',
                     "<strong>failed</strong>", '<span class="absent">skipped</span>',
                     '<span class="absent">not run</span>', 'href="A/index.html"', "&lt;b&gt;line 3&lt;/b&gt;"):
            assert said in page
        assert "<b>" not in page and "Other rules" not in page

    def test_the_table_says_of_whom_a_rate_is_and_sorts_by_the_share(self, page):
        heads = re.findall(r'<th scope="colgroup" colspan="(\d)">(.*?)<', page)
        assert heads == [("2", "Everyone discharged"), ("4", "Everyone who finished"),
                         ("4", "Of those followed up")]
        assert f'<td data-value="{61 / 71}"' in page
        assert [name for name in re.findall(r'<tbody data-id="(.*?)">', page)] == ["all", "a", "b"]

    def test_the_picture_has_a_strip_with_n_for_each_service_that_is_not_too_small(self, page, index):
        assert page.count('<circle cx="85.9%"') == 1  # 61 of 71
        assert '<span class="n">61/71\u00a0(86\u00a0%,\u00a076\u00a0to\u00a092)</span>' in page
        small = index(few=72)
        assert "<circle" not in small and '<span class="interval">(86' not in small
        assert "Too few for rates. 50 of 200 discharged answered. Of those known to have reliably improved" in small

    def test_one_script_may_run_and_the_policy_names_it_by_its_hash(self, page):
        [script] = re.findall(r"<script>(.*?)</script>", page, re.S)
        assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in page
        assert 'class="tools" hidden' in page  # without the script there is nothing that would do nothing

    def test_says_what_the_plausibility_screen_found(self, index, runs):
        assert "No export has been looked at." in index()
        cleaning = [run for run in runs if run.cleans]
        nothing = index(*(Result(run, "succeeded") for run in cleaning))
        assert "It looked at the exports of 2 services and found nothing that looks wrong." in nothing
        write(cleaning[0].folder / "findings.csv", "name,level,column,count,of,means,do,acknowledged\n"
              "zeros,warning,phq9_6m,9,70,Nobody has 0 so often.,Ask.,")
        found = index(*(Result(run, "succeeded") for run in cleaning))
        assert "<summary>Service A: 1 question</summary>" in found
        assert "(phq9_6m, 9 of 70): Nobody has 0 so often. Ask." in found

    def test_says_which_rules_are_changed(self, study, index):
        page = index(rules=study.rules.changed("PHQ-9", reliable_change=5))
        assert "Other rules than the measures&rsquo; own: PHQ-9 reliable change 5, not 6." in page

    def test_says_nothing_of_restricted_runs(self, index, runs):
        results = [Result(run, "failed", "who it is") for run in runs if run.restricted]
        assert results
        assert not re.findall(r"restricted|desk|telephone|who it is", index(*results))

    def test_asks_for_nothing_and_names_no_folder_of_this_machine(self, page, tmp_path):
        assert not REQUESTS.search(page.replace("<script>", "", 1))  # which stands in the page
        assert "http" not in page.replace("http-equiv", "")
        assert str(tmp_path) not in page

    def test_says_when_the_patients_were_discharged(self, index):
        assert "Discharged" not in index().partition("<main>")[0]
        for first, last, said in ((date(2016, 6, 1), date(2016, 6, 30), "1 to 30 June 2016"),
                                  (date(2016, 5, 2), date(2016, 6, 30), "2 May to 30 June 2016"),
                                  (date(2015, 6, 1), date(2016, 6, 30), "1 June 2015 to 30 June 2016")):
            assert f"<p>Discharged {said}.</p>" in index(discharged=(first, last))

    def test_a_study_of_patients_has_no_notice(self, index):
        assert "Synthetic" not in index(title="Durability of gains")


class TestServicePage:
    @pytest.fixture
    def pages(self, study, runs, tmp_path):
        """pages(*results, **changed): the pages of the services by their names."""
        write_tables(tmp_path / study.id / "A" / "all")
        (tmp_path / study.id / "B").mkdir()

        def of(*results, **changed):
            found = report.pages_of(replace(study, **changed), tmp_path, runs, list(results))
            return {path.parent.name: page for path, page in found.items()}
        return of

    def test_has_the_answer_the_flow_and_the_way_to_its_neighbours(self, pages):
        page = pages()["A"]
        for said in ("61\u00a0of\u00a071\u00a0(86\u00a0%,\u00a076\u00a0to\u00a092) still were at 6 months.",
                     '<a href="../B/index.html">Next: Service B</a>', '<a href="../index.html">', 'href="#notebooks"',
                     "<dt>Discharged</dt><dd>3,027</dd>"):
            assert said in page
        assert "Previous" not in page  # nothing is there of all services together
        assert "Next" not in pages()["B"]
        assert not REQUESTS.search(page)

    def test_what_is_linked_is_there(self, pages, tmp_path):
        for page in pages().values():
            assert "../all/index.html" not in page and 'href="all/index.html"' not in page

    def test_lists_notebooks_by_what_they_ask_with_their_answers(self, pages, runs):
        run = next(run for run in runs if run.name == "03_reliable_improvement" and run.service == "A")
        write(run.target.with_suffix(".html"), "<html>")
        write(run.record, json.dumps({"status": "succeeded", "answer": "61 of 71 <b>still</b> had."}))
        page = pages(Result(run, "succeeded"))["A"]
        assert '<a href="all/03_reliable_improvement.html">Do patients who reliably improved stay improved?</a>' in page
        assert "<p>61 of 71 &lt;b&gt;still&lt;/b&gt; had.</p>" in page

    def test_of_few_patients_it_has_one_sentence_and_no_picture(self, pages, tmp_path):
        write(tmp_path / "durability_2016/A/all/figures/reliable_improvement_6m.png", "a picture")
        assert "data:image/png" in pages(few=71)["A"].replace("img-src data:", "")
        page = pages(few=72)["A"]
        assert page.count('class="answer"') == 1 and "Of those known to have reliably improved" in page
        assert "data:image/png" not in page and "<svg" not in page and 'class="interval">(86' not in page


class TestAnswer:
    def test_is_the_first_paragraph_below_its_heading(self):
        notebook = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("1"), new_markdown_cell("## Answer"),
                                       new_code_cell("1"), new_code_cell("2")])
        assert report.answer(nbformat.writes(notebook)) == ""
        notebook.cells[1].outputs = [new_output("display_data", {"text/markdown": "not this"})]
        notebook.cells[4].outputs = [new_output("display_data", {"text/markdown": "61 of 71.\n\nMore."})]
        assert report.answer(nbformat.writes(notebook)) == "61 of 71."
        notebook.cells[4].outputs = [new_output("display_data", {"text/markdown": "So:\n\n- 1\n- 2\n\nMore."})]
        assert report.answer(nbformat.writes(notebook)) == "So:\n\n- 1\n- 2"


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

    def test_a_keyboard_can_scroll_a_table(self, runs):
        notebook = make_notebook("01_cleaning", "1")
        notebook.cells[2].outputs = [new_output("display_data", {"text/html": "<table><tr><td>1</td></tr></table>"})]
        assert re.search('<div class="scroll" tabindex="0" role="group" aria-label="[^"]+"><table>',
                         report.page(nbformat.writes(notebook), runs[0]))

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
