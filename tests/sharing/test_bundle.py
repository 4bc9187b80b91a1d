"""The bundle of the study, made by the command from a real run, and looked at as somebody outside would."""

import csv
import io
import json
import re

import docx
import matplotlib as mpl
import openpyxl
import pandas as pd
import pytest
from attack import Attack
from copied_project import durability
from drawn import hold_against_truth, read, strips

from durability_utils.results import write_figure, write_table
from durability_utils.sharing import bundle as sharing
from durability_utils.sharing.audit import control_safely
from durability_utils.sharing.bundle import patient_ids, read_tables, share
from durability_utils.sharing.disclosure import WORDS, Controlled
from durability_utils.sharing.shared_figures import shared_figures
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds, read_holds
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

STUDY_FILE = PROJECT / "parameters" / "durability_2016.yaml"

pytestmark = pytest.mark.slow("runs the whole study, shares it and attacks what is shared: 3 minutes")


@pytest.fixture(scope="module")
def study():
    return read_study(STUDY_FILE)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("private") / "results"
    assert durability("run", STUDY_FILE, "--output", folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def bundle(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "bundle"
    done = durability("share", STUDY_FILE, "--results", results, "--output", folder)
    assert done.returncode == 0, done.stderr
    assert "disclosure control: nhs" in done.stdout
    return folder


@pytest.fixture(scope="module")
def tables(bundle):
    return {(file.parts[-3], file.parts[-2], file.stem): pd.read_csv(file, dtype=str, keep_default_na=False)
            for file in (bundle / "tables").rglob("*.csv")}


@pytest.fixture(scope="module")
def truth(results, study):
    """The counts of the private tables as the attack names them."""
    exact = Controlled(read_tables(study, results), "none").tables
    return Attack(exact, "none", list(study.table1_services)).exact


def test_the_attack_finds_nothing_in_the_bundle_whose_provenance_says_what_was_done(tables, bundle, study, truth):
    record = json.loads((bundle / "provenance.json").read_text(encoding="utf-8"))
    assert (record["study"], record["disclosure"]) == (study.id, "nhs")
    assert not re.search("[0-9a-f]{64}", json.dumps(record)), "a hash on which a guess about an export can be tried"
    attack = Attack(tables, "nhs", list(study.table1_services), truth)
    assert len(attack.hidden) > 200
    assert attack.found_out() == {}


def test_the_attack_finds_nothing_by_the_other_rule(results, study, truth):
    controlled = control_safely(read_tables(study, results), "opensafely", study.table1_services)
    assert Attack(controlled.tables, "opensafely", list(study.table1_services), truth).found_out() == {}


def test_every_count_is_a_multiple_of_five_or_hidden(tables):
    """Oracle: the rule. Counts stand in columns that private tables have as whole numbers."""
    counts = ["n", "of", "n_against", "discharged", "consented", "either_follow_up"]
    shown = {text for table in tables.values() for column in table.columns.intersection(counts)
             for text in table[column]}
    numbers = {int(text) for text in shown - {"*"}}
    assert len(numbers) > 10
    assert all(number % 5 == 0 and number >= 5 for number in numbers)


def test_published_counts_come_out_rounded(tables):
    """Hand count from the paper: 3027 discharged, 323 consented, 106 answered; of 71 improved 61 kept it (86 %)."""
    rates = tables["all", "all", "response_rates"].iloc[-1]
    assert rates[["discharged", "consented", "either_follow_up"]].tolist() == ["3025", "325", "105"]
    kept = tables["all", "all", "reliable_improvement_rates"].set_index(["end", "follow_up"]).loc[
        ("reliable_improvement", "reliable_improvement")]
    assert kept[["n", "of", "percent"]].tolist() == ["60", "70", "86"]


def test_pages_hold_no_code_and_ask_for_nothing(bundle):
    for page in bundle.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<script|import pandas|https?://(?!www\.w3)", text), page.name
        assert "Synthetic data" in text
        assert "Counts below 5 are shown as *" in text
        links = set(re.findall(r'href="([^"]+)"', text))
        assert all((bundle / link).is_file() for link in links)


def test_every_picture_is_that_of_its_table_and_agrees_with_the_truth(bundle, tables, results, study, tmp_path):
    """Drawn anew from the CSV file alone it is the same to the last byte; each length is held against the table."""
    exact, drawn = read_tables(study, results), {file.with_suffix("") for file in (bundle / "figures").rglob("*.png")}
    assert drawn == {file.with_suffix("") for file in (bundle / "figures").rglob("*.svg")}
    assert len(drawn) > 15
    assert {"reliable_improvement_rates", "reliable_recovery_rates"} < {path.name for path in drawn}
    for path in drawn:
        service, step, name = key = path.parts[-3:]
        figure = shared_figures(service, step, tables, f"{study.title}. {WORDS['nhs']}", "service A")[name]
        hold_against_truth(name, read(name, figure, tables[key]), tables[key], exact[key].cells, "nhs")
        again = io.StringIO()
        write_figure(figure, tmp_path / "again.png")  # which lays it out
        with mpl.rc_context({"svg.hashsalt": name}):
            figure.savefig(again, format="svg", metadata={"Date": None, "Creator": None})
        assert again.getvalue() == path.with_suffix(".svg").read_text(encoding="utf-8"), path


def test_the_first_page_says_what_the_study_found(bundle):
    """Hand count from the paper: of 71 improved 61 kept it, 323 of 3027 consented, 106 answered; drawn as printed."""
    page = (bundle / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "60 of 70 (86 %, 70 to 96) still were at 6 months" in page
    assert "Of 3,025 discharged, 325 (11 %, 10 to 12) consented" in page
    assert ("Reliable improvement kept", "All services", "60/70 (86 %, 70 to 96)", 86, 70, 96) in strips(page)


def test_word_has_ten_tables_for_a_paper_and_the_workbook_all(bundle, tables):
    document = docx.Document(bundle / "tables.docx")
    captions = [paragraph.text for paragraph in document.paragraphs if paragraph.style.name == "Caption"]
    assert len(captions) == 10 and len(document.tables) == 11  # and the checklists
    assert captions[0].startswith("Table 1. From discharge to the answers. N = 3,025")
    kept = document.tables[5].rows[1].cells
    assert kept[1].text == "70" and kept[2].text.startswith("60\u00a0(86\u00a0%,")
    book = openpyxl.load_workbook(bundle / "tables.xlsx")
    rates = list(book["Response rates"].iter_rows(values_only=True))
    assert rates[0][:4] == ("Patients of", "Steps", "Service", "Discharged")
    assert ("All services", "all steps", "all", 3025) in {row[:4] for row in rates}
    listed = {row[0].value: row[3].value for row in book["Contents"].iter_rows() if row[0].hyperlink}
    assert list(listed) == book.sheetnames[1:]
    with_numbers = sum(table["n"].str.isdecimal().any() and (
        table[table.columns.intersection(["n", "of"])].map(str.isdecimal).any(axis=1)).sum()
        for (*_, name), table in tables.items() if name == "reliable_recovery_rates")
    assert listed["Reliable recovery rates"] == with_numbers


def test_the_checklists_have_the_items_of_their_statements(bundle):
    """Oracle: STROBE has 22 items, of which 6 have 18 parts in a cohort, RECORD adds 13. No page is named: the private
    report, which prints the same, has others."""
    text = (bundle / "methods.html").read_text(encoding="utf-8")
    assert [len(re.findall(f"<tr><td[^>]*>{name}<", text)) for name in ("STROBE", "RECORD")] == [34, 13]
    assert not re.findall(r"\w+\.html", re.sub(r"href=\"[^\"]+\"", "", text))
    assert "von Elm E et al. (2007)" in text and "Benchimol EI et al. (2015)" in text


def test_the_comparison_of_groups_is_called_that_of_the_services_that_it_holds(bundle):
    """Oracle: `table1_services: [A]` of the study file."""
    page = (bundle / "all.html").read_text(encoding="utf-8")
    heads = re.findall(r"<h3>(Those who answered, compared[^<]*|How large the differences[^<]*)</h3>", page)
    assert len(heads) == 2 and all(head.endswith(", service A") for head in heads)
    drawn = (bundle / "figures" / "all" / "all" / "representativeness.svg").read_text(encoding="utf-8")
    assert "Who participated, service A" in drawn
    book = openpyxl.load_workbook(bundle / "tables.xlsx")
    for name in ("Representativeness", "Representativeness effects"):
        whom = {row[0] for row in book[name].iter_rows(min_row=2, values_only=True)}
        assert "All services (service A alone)" in whom and "All services" not in whom


def test_nobodys_id_is_in_it(bundle, results, study):
    """Apart from the scan: the ids of services B and C are no words of a report."""
    ids = [text for text in patient_ids(study, results) if re.match(r"TT-|c0", text)]
    assert len(ids) > 1500
    texts = "".join(file.read_text(encoding="utf-8") for file in bundle.rglob("*") if file.suffix in (".csv", ".json"))
    assert not any(text in texts for text in ids)


def test_a_leak_stops_the_bundle_and_the_earlier_one_stays(bundle, results, study, monkeypatch):
    earlier = (bundle / "index.html").read_bytes()
    real = sharing.write_bundle

    def leaking(study, controlled, folder, *rest):
        real(study, controlled, folder, *rest)
        (folder / "tables" / "all" / "all" / "note.csv").write_text("note\nask TT-02197\n", encoding="utf-8")

    monkeypatch.setattr(sharing, "write_bundle", leaking)
    with pytest.raises(InputError, match=r"nothing was shared: tables/all/all/note\.csv: a patient's id"):
        share(study, results, bundle, "none")
    assert (bundle / "index.html").read_bytes() == earlier
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_every_table_of_a_run_says_all_that_it_holds(results):
    for file in results.glob("*/*/*/tables/*.csv"):
        with file.open(encoding="utf-8", newline="") as table:
            assert read_holds(file.with_suffix(".json")).columns == set(next(csv.reader(table))), file.name


def test_ones_own_tables_of_patients_or_with_a_kind_of_count_that_nobody_knows_stay_private(results, study, tmp_path):
    """And one whose counts are not those of the same names in the study's own tables stops everything."""
    tables = results / study.id / "A" / "all" / "tables"
    own = pd.DataFrame({"mode": ["post", "online"], "n": [30, 20]})
    write_table(own, tables / "my_patients.csv", Holds("Mine", {"n": "mode/6m/{mode}"}, patients=True))
    write_table(own, tables / "my_nights.csv", Holds("Mine", {"n": "answered_at_night/{mode}"}))
    write_table(own, tables / "my_words.csv")
    share(study, results, tmp_path / "bundle", "none")
    assert {file.stem for file in (tmp_path / "bundle").rglob("*.csv")} == {
        file.stem for file in results.glob("*/*/*/tables/re[ps]*.csv")} | {
        "reliable_improvement_6m", "reliable_improvement_rates", "reliable_improvement_path", "reliable_recovery_6m",
        "reliable_recovery_rates", "reliable_recovery_path", "sample_characteristics", "services_rates", "definitions",
        "attrition_estimates", "relapse_by_month"}
    assert "Mine" not in (tmp_path / "bundle" / "A.html").read_text(encoding="utf-8")
    write_table(own, tables / "my_modes.csv", Holds("Mine", {"n": "mode/6m/{mode}"}))
    with pytest.raises(InputError, match=r"^A/all/mode/6m/post is 30 in one table and \d+ in response_by_mode;"):
        share(study, results, tmp_path / "bundle", "none")
    for file in tables.glob("my_*"):
        file.unlink()


def test_a_bundle_has_what_was_run_and_says_what_was_not(tmp_path):
    assert durability("run", STUDY_FILE, "--notebook", "03", "--output", tmp_path / "results").returncode == 0
    done = durability("share", STUDY_FILE, "--results", tmp_path / "results", "--output", tmp_path / "bundle")
    assert done.returncode == 0, done.stderr
    assert {file.stem for file in (tmp_path / "bundle").rglob("*.csv")} == {
        f"reliable_improvement_{name}" for name in ("6m", "rates", "path")}
    for text in (done.stderr, (tmp_path / "bundle" / "index.html").read_text(encoding="utf-8")):
        assert "10_relapse (not run): When do patients in remission relapse?" in text
        assert "03_reliable" not in text and "01_cleaning" not in text


def test_without_any_results_nothing_is_shared(study, tmp_path):
    with pytest.raises(InputError, match="no notebook has been run in results; give the command `durability run`"):
        share(study, tmp_path / "results", tmp_path / "bundle", "nhs")


def test_the_new_tables_have_what_the_study_found_rounded(tables):
    """Hand counts from the private tables: 1,092 of 2,967 finished improved; 55 of them answered at 6 months alone."""
    rates = tables["all", "all", "services_rates"].set_index(["service", "rate", "denominator"])
    row = rates.loc[("all", "reliable_improvement", "nhs")]
    assert row[["n", "of", "percent"]].tolist() == ["1090", "2965", "37"]
    estimates = tables["all", "all", "attrition_estimates"]
    assert set(estimates["of"]) == {"1090", "520"} and "note" not in estimates
    assert not {"relapses", "censored"} & set(tables["all", "all", "relapse_by_month"])


def test_another_folder_is_left_alone(results, study, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds something else"):
        share(study, results, tmp_path, "nhs")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
