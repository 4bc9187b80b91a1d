"""Bundles after bundles of nearly the same patients. Oracle: what changed is known, and nothing may tell it."""

import os
from types import SimpleNamespace

import pandas as pd
import pytest
from attack import Attack
from sharing.test_disclosure import random_cohorts, tables_of

from durability_utils.sharing import releases
from durability_utils.sharing.audit import control_safely, without
from durability_utils.sharing.bundle import _beside_earlier
from durability_utils.sharing.disclosure import Controlled
from durability_utils.study.errors import InputError

SERVICES = ["A", "B", "C"]


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
    return {"A": random_cohorts(7)["A"].iloc[:60]}


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


@pytest.mark.slow("attacks two bundles at once: 1 minute")
def test_a_service_less_gives_no_count_of_it_away(tmp_path):
    """The attack on both bundles at once: their common services are the same unknowns. It is told all that is small."""
    cohorts = {service: random_cohorts(7)[service].iloc[:40] for service in "AB"}
    _, first = shared(cohorts, tmp_path)
    rest = {service: cohorts[service] for service in [*cohorts][1:]}
    _, second = shared(rest, tmp_path)
    truth, both = {}, {}
    for mark, controlled in (("", first), ("less ", second)):
        tables = Controlled(controlled.given, "none").tables
        services = [service for service in SERVICES if (service, "all", "response_rates") in tables]
        truth[mark] = Attack(tables, "none", services).exact
        both[mark] = Attack(controlled.tables, "nhs", services, truth[mark])
    found = joined(both[""], both["less "], [*rest]).found_out()
    assert {name: ends for name, ends in found.items() if ends[0] == ends[1]} == {}


def joined(attack, other, same):
    """An attack that holds what both know; counts of the services in `same` are the same ones."""
    shift = len(attack.low)
    attack.rows += [(low, high, tuple((cell + shift, factor) for cell, factor in terms))
                    for low, high, terms in other.rows]
    attack.low, attack.high = [*attack.low, *other.low], [*attack.high, *other.high]
    for name, at in other.at.items():
        service = name[1] if name[0] == "sum" else name[0]
        if name in attack.at and service in same and name[-1] != "rest":
            attack.relation(0, 0, (attack.at[name], 1), (at + shift, -1))
    return attack


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
