"""The command: its exit codes, and what it says where."""

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from conftest import canonical_rows, study_text, write_csv
from strangers_export import write_strangers_export
from tiny_study import make_study
from typer.testing import CliRunner

from durability_utils.cli import _name, _time_left, app
from durability_utils.cohort import cleaning, last_month, plausibility
from durability_utils.runs import plan
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError

if sys.platform == "linux":
    import pty

REJECTED = pd.DataFrame({
    "row": [4, 9, *range(20, 27)], "patient_id": "secret", "column": ["patient_id", "patient_id", *["phq9_end"] * 7],
    "value": ["P1", "\x1b[2J" + "x" * 10_000_000, "28", "", *["99"] * 5],
    "reason": ["copy", "copy", *["out_of_range"] * 7], "refused": ["row"] * 2 + ["value"] * 7, "file": "a.csv",
})
MAPPED = ["patient_id", "consent_contact", "phq9_baseline", *(f"phq9_6m_item{item}" for item in range(1, 10))]


@pytest.fixture
def study(tmp_path, monkeypatch):
    def make(exports, **options):
        monkeypatch.setattr(plan, "NOTEBOOKS", make_study(tmp_path, exports, **options)[1])
        monkeypatch.chdir(tmp_path)
        return "parameters/durability_2016.yaml"

    return make


def durability(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_a_run_sums_up_and_goes_on_after_a_failure(study, tmp_path):
    result = durability("run", study({"A": "fine", "B": "unusable"}, published=True), "--jobs", "2",
                        "--notebook", "02", "--notebook", "06")
    assert result.exit_code == 1
    assert "4 succeeded, 1 failed, 1 skipped in" in result.stdout
    assert ("2 of 3 published figures reproduced; not counted: 1 place where the paper contradicts itself"
            in result.stdout)
    assert "report: results/durability_2016/index.html" in result.stdout
    failures = [line for line in result.stderr.splitlines() if " failed: " in line]
    assert failures == ["service B: 01_cleaning failed: B.csv: line 3: no number "
                        "(results/durability_2016/B/cleaning/01_cleaning.ipynb)"]
    assert "Traceback" not in result.stderr
    assert "5/6" in result.stderr
    root = tmp_path / "results" / "durability_2016"
    assert "line 3: no number" in (root / "index.html").read_text(encoding="utf-8")
    for page in root.rglob("*.html"):
        assert str(tmp_path) not in page.read_text(encoding="utf-8")
    assert len(list(root.rglob("*.html"))) == 10  # two of the study, three of services, five of notebooks


@pytest.mark.parametrize("option, message", [
    (("--service", "Z"), "no service 'Z'; there are A, all"),
    (("--step", "step9"), "no step 'step9'"),
    (("--notebook", "00"), "no notebook '00'"),
])
@pytest.mark.parametrize("command", ["run", "list"])
def test_unknown_options_are_refused_and_nothing_is_touched(study, tmp_path, command, option, message):
    result = durability(command, study({"A": "fine"}), *option)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_results_lie_neither_in_a_circle_of_links_nor_where_an_export_lies(study, tmp_path):
    path = study({"A": "fine"})
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    for command in ("run", "list"):
        result = durability(command, path, "--output", "one/results")
        assert result.exit_code == 2 and "dir 'one/results' is a circle of links." in result.stderr
    (tmp_path / "data" / "durability_2016").symlink_to(tmp_path / "data")
    result = durability("run", path, "--output", "data")  # so that the export lies at data/durability_2016/A.csv
    assert (result.exit_code, result.stderr) == (
        2, "--output: the results would lie where A.csv lies; choose another folder\n")
    assert (tmp_path / "data" / "A.csv").read_text(encoding="utf-8") == "fine"


@pytest.mark.skipif(os.name == "nt", reason="locales of Unix")
def test_a_study_with_letters_beyond_ascii_is_read_in_any_locale(tmp_path):
    folder = tmp_path / "Zürich"
    (folder / "über").mkdir(parents=True)
    write_csv(folder / "über" / "äö.csv", canonical_rows([{}] * 3))
    (folder / "über" / "study.yaml").write_text(study_text(title="Wohlbefinden älterer, synthetisch", services={
        "A": {"file": "äö.csv"}}), encoding="utf-8")
    said = subprocess.run([Path(sys.executable).parent / "durability", "check", "über/study.yaml"], cwd=folder,
                          env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
                          capture_output=True, text=True, encoding="utf-8", check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert "service A: 3 rows read, 3 in the cohort" in said.stdout


@pytest.mark.parametrize("command", ["run", "list", "check"])
def test_a_bad_study_file_is_refused(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert durability(command, "none.yaml").exit_code == 2
    (tmp_path / "bad.yaml").write_text("study: x\nsteps: 3\n", encoding="utf-8")
    result = durability(command, "bad.yaml")
    assert result.exit_code == 2
    assert "bad.yaml: unknown key 'steps'" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_an_export_that_is_not_there_is_said_once(study, tmp_path):
    path = study({"A": "fine"})
    (tmp_path / "data" / "A.csv").unlink()
    result = durability("run", path)
    assert result.exit_code == 1
    assert result.stderr.count("A.csv") == 1
    skipped = [line for line in result.stderr.splitlines() if "skipped" in line]
    assert len(skipped) == len({line.partition(" ")[2] for line in skipped}) == 2  # of A, and of all


def test_time_left_by_hand():
    """Five executed in 10 s, 8 left: 16 s; nothing before five."""
    assert _time_left(10, 5, 8) == "0:00:16 left"
    assert _time_left(10, 4, 9) == "-:--:-- left"


def test_what_is_written_aside_is_named_by_its_folder():
    assert _name(Path("exports/bundles/.bundle.1a2b3c4d/tables")) == "bundles/"
    assert _name(Path("../exports/north.csv")) == "north.csv"


def test_an_output_that_is_a_file_is_refused(study, tmp_path):
    (tmp_path / "results").touch()
    assert durability("run", study({"A": "fine"}), "--output", "results").exit_code == 2


@pytest.mark.parametrize(("keys", "message"), [
    ({}, "expected none or nhs or opensafely, found nothing"), ({"disclosure": "nhs"}, "`durability run`")])
def test_nothing_is_shared_without_a_rule_or_results(study, tmp_path, keys, message):
    result = durability("share", study({"A": "fine"}, **keys), "--output", "bundle")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "bundle").exists()


def test_list_names_what_would_run(study):
    result = durability("list", study({"A": "fine"}), "--service", "A", "--notebook", "03", "--step", "step2")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["01_cleaning", "A", "all", "results/durability_2016/A/cleaning/01_cleaning.ipynb"],
        ["03_reliable_improvement", "A", "step2", "results/durability_2016/A/step2/03_reliable_improvement.ipynb"],
        ["2", "runs"],
    ]


class TestCheck:
    @pytest.fixture
    def cleaner(self, monkeypatch):
        def clean_service(study, service):
            if service == "B":
                raise InputError("service B: B.csv: no column phq9_end")
            return SimpleNamespace(cohort=pd.DataFrame(index=range(90), columns=plausibility.WHO), rejected=REJECTED,
                                   absent=[name for name in dictionary().index if name not in MAPPED],
                                   unmatched=["PHQ_FUP1"], unused=["Team", "Notes"])

        monkeypatch.setattr(cleaning, "clean_service", clean_service)
        monkeypatch.setattr(last_month, "profile_of", lambda *about: {})
        monkeypatch.setattr(plausibility, "look", lambda *about: pd.DataFrame(columns=plausibility.COLUMNS))

    def test_counts_by_reason_with_no_more_than_five_examples(self, study, cleaner):
        result = durability("check", study({"A": "fine"}))
        assert result.exit_code == 0
        assert result.stdout.splitlines() == [
            "service A: 92 rows read, 90 in the cohort",
            "  mapped: 12 columns",
            "    patient_id, consent_contact, phq9_baseline, phq9_6m_item1 to 9",
            "  refused  reason        column      n  row: value",
            # long, and with what would clear the screen
            "  row      copy          patient_id  2  4: P1, 9: \\x1b[2J" + "x" * 16,
            "  value    out_of_range  phq9_end    7  20: 28, 21, 22: 99, 23: 99, 24: 99, ...",
            "  in the map, but not in the export: PHQ_FUP1",
            "  in the export, but not used: Team, Notes",
            "  nothing looks wrong",
        ]
        assert "secret" not in result.output

    def test_an_unusable_export_is_named_once_and_the_others_are_checked(self, study, cleaner):
        result = durability("check", study({"B": "fine", "C": "fine"}))
        assert result.exit_code == 1
        assert result.stderr.splitlines() == ["service B: B.csv: no column phq9_end"]
        assert "service C: 92 rows read" in result.stdout


class TestNew:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_strangers_export(tmp_path / "north.csv")
        return tmp_path

    def test_what_is_there_is_replaced_only_when_told(self, folder):
        (folder / "mine.yaml").write_text("mine", encoding="utf-8")
        result = durability("new", "mine", "north.csv")
        assert (result.exit_code, result.stderr) == (2, "mine.yaml: there already; --force replaces it\n")
        assert (folder / "mine.yaml").read_text(encoding="utf-8") == "mine"
        assert not (folder / "mine_columns").exists()
        assert durability("new", "mine", "north.csv", "--force").exit_code == 0
        assert 'study: "mine"' in (folder / "mine.yaml").read_text(encoding="utf-8")

    @pytest.mark.parametrize(("name", "content", "message"), [
        ("south.csv", "id,comment\n1,fine\n2,write to ann@example.org\n", "south.csv: line 3"),
        ("south.csv", "id,phq9_first\n1,3,4\n", "south.csv: line 2"), ("south.csv", "", "south.csv"),
        ("south.csv", "12,30/06/2016\n7,30/06/2016\n", "south.csv: line 1"), ("south.pdf", "%PDF", "south.pdf"),
        ("south.xlsx", "no workbook", "south.xlsx"), ("south.sav", "no table", "south.sav")])
    def test_one_unusable_export_and_nothing_is_written(self, folder, name, content, message):
        (folder / name).write_text(content, encoding="utf-8")
        result = durability("new", "mine", "north.csv", name)
        assert result.exit_code == 2 and result.stdout == ""
        assert message in result.stderr and result.stderr.count("\n") == 1
        assert "ann@" not in result.stderr
        assert sorted(path.name for path in folder.iterdir()) == sorted(["north.csv", name])

    @pytest.mark.parametrize("arguments", [("a/b", "north.csv"), ("..", "north.csv"), ("mine", "none.csv"),
                                           ("mine", "north.csv", "north.csv"), ("mine", ".", "north.csv"), ("mine",)])
    def test_what_cannot_be_done_is_refused(self, folder, arguments):
        result = durability("new", *arguments)
        assert result.exit_code == 2 and "Traceback" not in result.output
        assert [path.name for path in folder.iterdir()] == ["north.csv"]

    def test_a_row_that_cleaning_loses_is_said_without_a_traceback(self, study, monkeypatch):
        def loses_a_row(study, service):
            raise AssertionError("137 rows read, but 132 kept and 4 listed as refused")

        monkeypatch.setattr(cleaning, "clean_service", loses_a_row)
        result = durability("check", study({"A": "fine"}))
        assert result.exit_code == 1
        assert result.stderr.splitlines() == ["service A: 137 rows read, but 132 kept and 4 listed as refused"]


class TestReport:
    def test_writes_a_word_file_a_service(self, study, tmp_path):
        path = study({"A": "fine", "B": "fine"})
        refused = durability("report", path)
        assert refused.exit_code == 2 and "service all has no results in results" in refused.stderr
        assert durability("run", path, "--notebook", "2", "--notebook", "3").exit_code == 0
        result = durability("report", path)
        assert (result.exit_code, result.stdout) == (0, "3 Word files: results/durability_2016/reports/\n")
        assert durability("report", path, "--service", "A", "--output", "letters").stdout == "1 Word file: letters/\n"
        assert [file.name for file in (tmp_path / "letters").iterdir()] == ["durability_2016_A.docx"]
        assert "no service 'Z'" in durability("report", path, "--service", "Z").stderr


class TestHelp:
    def test_commands_stand_in_the_order_of_a_study_with_an_example_each(self):
        said = durability("--help").stdout
        commands = re.findall(r"^  (\w+) {2,}\w.*[^.]\.$", said, re.M)
        assert commands == ["new", "check", "run", "report", "share", "list"]
        assert "durability new my_study exports/north.csv" in said
        for command in commands:
            assert f"\n    durability {command} my_study" in said
            own = durability(command, "--help").stdout
            assert f"\n  durability {command} my_study" in own
            assert not re.search(r"list\[|int range|<\w+>|[{}]", own)
        assert "[OPTIONS] MY_STUDY EXPORT...\n" in durability("new", "--help").stdout

    @pytest.mark.parametrize("command", ["run", "check", "list", "report"])
    @pytest.mark.parametrize("name", ["north.csv", "north.XLSX", "north.sav", "north.parquet", "north.dta"])
    def test_an_export_in_the_place_of_a_study_file_is_answered_with_new(self, tmp_path, monkeypatch, command, name):
        monkeypatch.chdir(tmp_path)
        result = durability(command, f"exports/{name}")
        assert result.exit_code == 2 and ": no such file" in result.stderr and "data" not in result.stderr
        (tmp_path / "exports").mkdir()
        (tmp_path / "exports" / name).touch()
        result = durability(command, f"exports/{name}")
        assert (result.exit_code, result.stderr) == (
            2, f"{name} is data, not a study file; propose one from it first: durability new MY_STUDY exports/{name}\n")

    def test_a_folder_too_and_a_name_with_blanks_stands_in_quotes(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "the north").mkdir()
        assert durability("check", "the north").stderr == (
            "the north is a folder, not a study file; propose one from it first: durability new MY_STUDY "
            '"the north"\n')

    @pytest.mark.parametrize(("arguments", "message"), [
        (("run", "a.yaml", "--jobs", "x"), "Invalid value for '--jobs'"), (("run",), "Missing argument 'STUDY.yaml'"),
        (("run", "a.yaml", "--nope"), "No such option: --nope"), (("--nope",), "No such option: --nope"),
        (("new", "a"), "Missing argument 'EXPORT...'"), (("frob",), "No such command 'frob'")])
    def test_wrong_usage_is_answered_with_one_line(self, arguments, message):
        result = durability(*arguments)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert result.stderr.startswith(message) and result.stderr.endswith(" --help\n")


@pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals and signals of Linux")
class TestTerminal:
    def in_terminal(self, folder, *arguments, columns=110, stop=None):
        """Exit code and all that the command shows in a terminal; `stop`: seconds after which Ctrl-C is typed, from the
        moment on when Python itself has started."""
        child, terminal = pty.fork()
        if not child:
            os.chdir(folder)
            os.environ |= {"COLUMNS": str(columns), "TERM": "xterm", "PYTHONPATH": str(plan.PROJECT)}
            begins = "from durability_utils.__main__ import main; print('begins', flush=True); main()"
            os.execv(sys.executable, [sys.executable, "-c", begins, *arguments])
        said, started = b"", None
        while True:
            started = started or (time.monotonic() if b"begins" in said else None)
            if started and stop is not None and time.monotonic() - started > stop:
                os.write(terminal, b"\x03")
                stop = None
            try:
                if select.select([terminal], [], [], 0.02)[0]:
                    said += os.read(terminal, 65536)
            except OSError:  # it has ended
                break
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()

    @pytest.mark.parametrize("columns", [60, 110])
    def test_the_bar_and_the_count_stay_whatever_runs(self, tmp_path, columns):
        make_study(tmp_path, {"A" * 70: "fine"})
        code, said = self.in_terminal(tmp_path, "run", "parameters/durability_2016.yaml", "--notebook", "3",
                                      columns=columns)
        shown = re.findall(r"[^\r\n\x1b]*0/7[^\r\n\x1b]*", re.sub(r"\x1b\[[\d;?]*\w", "", said))
        assert code in (0, 1) and shown
        assert all("\u2501" in line and "left" in line and len(line) <= columns for line in shown)
        assert any("A" in line for line in shown)

    @pytest.mark.slow("starts the command 28 times")
    @pytest.mark.parametrize("command", ["run", "check", "report", "new"])
    def test_at_any_moment_ctrl_c_ends_with_one_line(self, tmp_path, command):
        make_study(tmp_path, {"A": "fine"})
        write_strangers_export(tmp_path / "north.csv")
        arguments = ["mine", "north.csv", "--force"] if command == "new" else ["parameters/durability_2016.yaml"]
        stopped = 0
        for moment in (0.05, 0.2, 0.5, 0.9, 1.3, 2, 3):
            code, said = self.in_terminal(tmp_path, command, *arguments, stop=moment)
            assert "Traceback" not in said and "Aborted" not in said
            if code == 130:
                stopped += 1
                lines = [line for line in re.split("[\r\n]+", re.sub(r"\x1b\[[\d;?]*\w", "", said))
                         if "stopped" in line]
                assert len(lines) == 1
                assert said.rfind("\x1b[?25h") >= said.rfind("\x1b[?25l")  # the cursor is there
        assert stopped > 1
