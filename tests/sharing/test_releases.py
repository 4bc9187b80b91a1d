"""Bundles after bundles of nearly the same patients. Oracle: what changed is known, and nothing may tell it."""

import json
import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pandas as pd
import pytest
from attack import Attack
from copied_project import durability
from sharing.test_disclosure import random_cohorts, tables_of

from durability_utils.sharing import releases
from durability_utils.sharing.audit import control_safely, without
from durability_utils.sharing.bundle import _beside_earlier
from durability_utils.sharing.disclosure import Controlled
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT

RULES = ("nhs", "opensafely")


def patients(cohorts):
    return {service: [str(hash(tuple(map(str, row)))) for row in cohort.itertuples(index=False)]
            for service, cohort in cohorts.items()}


def shared(cohorts, folder, rule="nhs"):
    """What is shared alone, and after what is in the register; then it is in there, too."""
    services = [*cohorts]
    alone = control_safely(tables_of(cohorts), rule, services)
    known = releases.earlier(folder, patients(cohorts))
    safe = releases.control_again(alone, services, known, patients(cohorts))
    releases.enter(folder, patients(cohorts), safe, services, "")
    return alone, safe


@pytest.fixture(scope="module")
def small():
    return {"A": random_cohorts(7)["A"].iloc[:40]}


def test_the_same_again_falls_nowhere(small, tmp_path):
    _, first = shared(small, tmp_path)
    alone, again = shared(small, tmp_path)
    assert first.shown == alone.shown == again.shown
    assert len(releases.earlier(tmp_path, patients(small))) == 1
    assert not releases.earlier(tmp_path, {"A": ["somebody else"]})


def test_one_patient_less_tells_nothing_of_that_patient(small, tmp_path):
    """By hand: whatever count crosses a threshold would say that the patient is in it, so none that is shown does."""
    _, first = shared(small, tmp_path)
    alone, safe = shared({"A": small["A"].iloc[1:]}, tmp_path)
    crossed = [count for count, n in alone.shown.items() if n != first.shown.get(count, n)]
    assert crossed
    assert all(n == first.shown.get(count, n) or not isinstance(n, int) or not isinstance(first.shown[count], int)
               for count, n in safe.shown.items())
    assert not set(safe.means) & set(first.means)


def test_counts_by_other_rules_of_the_study_are_other_numbers(small, tmp_path):
    """The same patients, nobody of whom improves now: no contradiction, and who answered is the same number."""
    _, first = shared(small, tmp_path)
    cohort = small["A"].assign(phq9_end=small["A"]["phq9_baseline"], gad7_end=small["A"]["gad7_baseline"])
    alone = control_safely(tables_of({"A": cohort}), "nhs", ["A"])
    known = releases.earlier(tmp_path, patients(small))
    safe = releases.control_again(alone, ["A"], known, patients(small))
    responses = {count: n for count, n in first.shown.items() if count.kind == "response"}
    assert responses.items() <= safe.shown.items()


PAIRS = {(what, rule): (rule, rule) for what in ("a patient more", "a patient less", "a service less")
         for rule in RULES} | {("the other rule", rule): (rule, RULES[RULES.index(rule) - 1]) for rule in RULES}


@pytest.mark.slow("attacks 8 pairs of bundles: 3 minutes")
def test_two_bundles_tell_no_more_than_each_alone():
    """The attack knows who is in both, and who came or went; it may know no more than by one bundle and no numbers
    of the other, and not whether somebody who came or went is in any count."""
    with ProcessPoolExecutor() as pool:
        found = dict(zip(PAIRS, pool.map(attacked_pair, PAIRS), strict=True))
    assert {pair: cells for pair, cells in found.items() if cells} == {}


def attacked_pair(pair: tuple[str, str]) -> dict:
    what, _ = pair
    services = "AB" if what == "a service less" else "A"
    everybody = {service: random_cohorts(7)[service].iloc[:40 // len(services)] for service in services}
    but_one = {**everybody, "A": everybody["A"].iloc[1:]}
    first = but_one if what == "a patient more" else everybody
    second = {"a patient less": but_one, "a service less": {"B": everybody.get("B")}}.get(what, everybody)
    moved = {service: (0, 0) for service in (*services, "all")}
    for service in ("A", "all"):
        moved |= {"a patient more": {service: (0, 1)}, "a patient less": {service: (-1, 0)}}.get(what, {})
    if what == "a service less":
        moved = {"B": (0, 0)}
    with TemporaryDirectory() as folder:
        bundles = [shared(cohorts, Path(folder), rule)[1]
                   for cohorts, rule in zip((first, second), PAIRS[pair], strict=True)]
    (one, _), (other, other_blank) = (
        [attack(controlled, [*cohorts], blank) for blank in (False, True)]
        for controlled, cohorts in zip(bundles, (first, second), strict=True))
    back = {service: (-most, -least) for service, (least, most) in moved.items()}
    return (other.beside(one, moved).found_out(other_blank.beside(one, moved))
            | one.beside(other, back).found_out(one.beside(other_blank, back)))  # the earlier one is out


def attack(controlled: Controlled, services: list[str], blank: bool) -> Attack:
    truth = Attack(Controlled(controlled.given, "none").tables, "none", services).exact
    return Attack(controlled.tables, controlled.rule, services, truth, blank)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_the_register_is_its_owners_alone(small, tmp_path):
    shared(small, tmp_path)
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}
    assert not any(text in path.read_text(encoding="utf-8") for path in tmp_path.iterdir()
                   for text in pd.Series(small["A"]["patient_id"]))


def test_a_refusal_names_what_would_fall_and_offers_what_helps(monkeypatch):
    alone = Controlled(tables_of({"A": random_cohorts(7)["A"].iloc[:60]}), "nhs")
    count = next(count for count, n in alone.shown.items() if isinstance(n, int))
    monkeypatch.setattr(releases, "control_again", lambda *_: without(alone, [count]))
    study, before = SimpleNamespace(table1_services=["A"]), [SimpleNamespace(made="2026-01-31T12:00:00+00:00")]
    words = rf"beside what was shared on 2026-01-31 .* {count}; wait .*--withhold.*--override"
    with pytest.raises(InputError, match=words):
        _beside_earlier(alone, study, before, {}, withhold=False)
    assert _beside_earlier(alone, study, before, {}, withhold=True).shown[count] == "*"


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"exact": {}, "bounds": {}, "rows": [[{"n": 1}, 0, 0]], '
                         '"patients": {}, "intervals": {}, "made": "2026-01-31", "rule": "nhs"}'])
def test_a_register_that_cannot_be_read_refuses_in_words(tmp_path, damage):
    (tmp_path / "2026-01-31.json").write_text(damage, encoding="utf-8")
    with pytest.raises(InputError, match=r"^2026-01-31.json: .*register of releases"):
        releases.earlier(tmp_path, {})


def test_a_key_that_is_gone_or_damaged_refuses_in_words(tmp_path):
    study = SimpleNamespace(id="study")
    folder = releases.register(tmp_path, study)
    (folder / "2026-01-31.json").touch()
    for damage in (lambda key: key.write_text("x", encoding="utf-8"), lambda key: key.unlink()):
        damage(folder / "key")
        with pytest.raises(InputError, match=r"^key: .* register of releases"):
            releases.register(tmp_path, study)


@pytest.mark.slow("runs a study of one service twice, and shares it five times: 1 minute")
def test_a_bundle_after_three_patients_have_gone(tmp_path):
    """By the command. Oracle: a refusal names counts and what helps; --withhold and --override do as they say."""
    for part in ("parameters/columns", "data/raw"):
        (tmp_path / part).mkdir(parents=True)
    for file in [*(PROJECT / "parameters").glob("*.yaml"), PROJECT / "parameters/columns/service_a.yaml",
                 PROJECT / "data/raw/service_a.csv"]:
        shutil.copy(file, tmp_path / file.relative_to(PROJECT))
    study, export = tmp_path / "parameters/small.yaml", tmp_path / "data/raw/service_a.csv"
    lines = (tmp_path / "parameters/durability_2016.yaml").read_text(encoding="utf-8").splitlines()
    study.write_text("\n".join(line for line in lines if not re.match("  [B-F]: |published", line)), encoding="utf-8")

    def command(name, *options):
        where = "--output" if name == "run" else "--results"
        return durability(name, study, where, tmp_path / "results", *options)

    def override(folder):
        return json.loads((tmp_path / folder / "provenance.json").read_text(encoding="utf-8"))["shared_although"]

    assert command("run").returncode == 0
    assert command("share", "--output", tmp_path / "first").returncode == 0
    rows = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join(row for at, row in enumerate(rows) if at not in (2, 8, 19)))
    assert command("run").returncode == 0
    refused = command("share", "--output", tmp_path / "second")
    assert refused.returncode == 2
    words = " ".join(refused.stderr.split())
    assert re.search(r"tell of single patients by A/all/.* more; wait .*--withhold.*--override", words)
    assert not (tmp_path / "second").exists()
    assert command("share", "--output", tmp_path / "second", "--withhold").returncode == 0
    assert command("share", "--output", tmp_path / "third", "--override", "the board asked").returncode == 0
    assert (override("second"), override("third")) == ("", "the board asked")
    register = sorted((tmp_path / "results/durability_2016/releases").glob("*.json"))
    assert [json.loads(file.read_text(encoding="utf-8"))["override"] for file in register] == [
        "", "", "the board asked"]
    register[0].write_text("{}", encoding="utf-8")
    damaged = command("share", "--output", tmp_path / "fourth")
    assert damaged.returncode == 2 and "Traceback" not in damaged.stderr and register[0].name in damaged.stderr
