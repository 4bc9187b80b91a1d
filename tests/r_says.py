"""What R says of the same input: numbers that a script in `oracles/` computed, call and version beside each."""

import csv
from functools import cache
from pathlib import Path

ORACLES = Path(__file__).parent / "oracles"


@cache
def r_says(topic: str) -> dict[str, float]:
    """Name to number of `oracles/<topic>.csv`; the call and the versions of R and its packages are in the same row."""
    with (ORACLES / f"{topic}.csv").open(encoding="utf-8") as file:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(file)}
