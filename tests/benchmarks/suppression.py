"""How much more the audit of bundles hides than it has to: its worth against a lower bound of the least.

The audit asks for one end of one interval after the other, and hides what costs least for each. Here all ends for which
it hid anything are asked at once, by one integer program in which every end has unknowns of its own and what is hidden
is hidden for all: what that takes, or its bound where it takes too long, no way of hiding can go below. The least may
be more, since a count that is hidden in the place of its interval is asked for nothing here.
`python tests/benchmarks/suppression.py 10`: ten random cohorts, half of them of one service, some minutes.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_diag, csr_array, hstack, vstack

sys.path.insert(0, str(Path(__file__).parents[1]))

from sharing.test_disclosure import random_cohorts, tables_of

from durability_utils.sharing import audit
from durability_utils.sharing.disclosure import Controlled

SECONDS = 120


def hidden_by_audit(system: audit.System, ends: dict, worth: dict) -> tuple[float, list[tuple]]:
    """The worth of what the audit hides, and the ends for which it did so."""
    asked, cheapest = [], audit._Problem.cheapest

    def noted(problem, unknown, number, *rest):
        fallen = cheapest(problem, unknown, number, *rest)
        if fallen:
            asked.append((unknown, number))
        return fallen

    audit._Problem.cheapest = noted
    try:
        fallen = system.protect(ends, worth)
    finally:
        audit._Problem.cheapest = cheapest
    return sum(worth[name] for name in fallen), list(dict.fromkeys(asked))


def bound(system: audit.System, asked: list[tuple], worth: dict) -> float:
    """What has to be hidden at least for all these ends."""
    problem, names = audit._Problem(system), {name: position for position, name in enumerate(worth)}
    n = len(problem.down)
    parts = [problem.asked(unknown, number, names) for unknown, number in asked]
    matrix = hstack([block_diag([rows[:, :n] for rows, *_ in parts]),
                     vstack([csr_array(rows[:, n:]) for rows, *_ in parts])])
    low, high = (np.concatenate([part[end] for part in parts]) for end in (1, 2))
    down, up = np.tile(problem.down, len(parts)), np.tile(problem.up, len(parts))
    found = milp(np.append(np.zeros(len(down)), list(worth.values())),
                 constraints=LinearConstraint(matrix.tocsr(), low, high),
                 bounds=Bounds(np.append(down, np.zeros(len(names))), np.append(up, np.ones(len(names)))),
                 integrality=np.append(np.zeros(len(down)), np.ones(len(names))),
                 options={"time_limit": SECONDS, "mip_rel_gap": 0.01})
    return found.mip_dual_bound


def main(cohorts: int) -> None:
    print("cohort  rule        worth shown without the audit   it hides   at least   ends")
    for seed in range(cohorts):
        rule, of = ("nhs", "opensafely")[seed % 2], random_cohorts(seed, "one service" if seed % 4 < 2 else "")
        controlled = Controlled(tables_of(of), rule)
        system, worth = audit.knowledge(controlled, [*of]), audit.worth(controlled)
        hidden, asked = hidden_by_audit(system, audit.intervals(controlled, system), worth)
        least = bound(system, asked, worth) if asked else 0
        print(f"{seed:6}  {rule:<12}{sum(worth.values()):29.0f}{hidden:11.0f}{least:11.0f}{len(asked):7}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
