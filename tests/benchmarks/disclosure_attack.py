"""The attack of `tests/attack.py` on 100 random cohorts under disclosure control: how many counts are found out, and
what control and attack cost. The tests do the same without counting.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "sharing"))
from attack import Attack
from test_disclosure import random_cohorts, tables_of

from durability_utils.sharing.audit import control_safely
from durability_utils.sharing.bundle import withheld_groups
from durability_utils.sharing.disclosure import Controlled

RULES = ("nhs", "opensafely")


def main(seeds: range = range(100)) -> None:
    seconds, hidden = {"control": 0.0, "attack": 0.0}, 0
    found_out = {"by the rule alone": 0, "after the audit": 0}
    for seed in seeds:
        tables, rule = tables_of(random_cohorts(seed)), RULES[seed % 2]
        services = list(dict.fromkeys(service for service, *_ in tables if service != "all"))
        started = time.perf_counter()
        safe = control_safely(tables, rule, services)
        seconds["control"] += time.perf_counter() - started
        started = time.perf_counter()
        attack = Attack(safe.tables, rule, services, withheld_groups(safe))
        found_out["after the audit"] += len(attack.found_out())
        seconds["attack"] += time.perf_counter() - started
        hidden += len(attack.hidden)
        print(f"\r{seed}", end="", flush=True)
        found_out["by the rule alone"] += len(Attack(Controlled(tables, rule).tables, rule, services).found_out())
    print(f"{len(seeds)} random cohorts, {hidden} hidden counts; found out: "
          + ", ".join(f"{n} {words}" for words, n in found_out.items()))
    print("seconds a cohort: " + ", ".join(f"{name} {total / len(seeds):.1f}" for name, total in seconds.items()))


if __name__ == "__main__":
    main()
