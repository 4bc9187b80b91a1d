"""As many services as a country has: synthetic exports and the study file for them, to try a batch at that size.

Each service is one of the six of `study_cohort` once more, in its format and words and with its dirt, with patients
drawn from it with replacement. So rates differ between services as those of the six do. Nobody in it exists.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from durability_utils.study.parameters import PROJECT, read_yaml
from durability_utils.synthetic.cohort import ID_SPREAD, patient_id, study_cohort
from durability_utils.synthetic.exports import FILES, write_export
from durability_utils.synthetic.scores import random_generator

SMALLEST, LARGEST, MEAN = 500, 12_000, 5_000  # patients discharged from a service
SHIFTS = {f"{name}_{time}": (3, (0, most)) for name, most in (("phq9", 27), ("gad7", 21))
          for time in ("baseline", "end")}  # by at most so much, within these limits
LIKE = PROJECT / "parameters" / "durability_2016.yaml"


def sizes(services: int, seed: int = 2016) -> np.ndarray:
    """The patients discharged from each of so many services: whole numbers, 5,000 on average where there are many."""
    drawn = random_generator(seed, "sizes").lognormal(np.log(MEAN), 0.6, services)
    return np.clip(drawn * 0.85, SMALLEST, LARGEST).astype(int)


def write_national(services: int, folder: str | Path, seed: int = 2016) -> Path:
    """Write the exports of so many services and their study file, `national.yaml`, into a folder; returns its path.

    Services are called S001, S002, ...; a study file needs nothing else than these files and the project's parameters.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    of_six, entries = dict(iter(study_cohort(seed).groupby("service"))), {}
    numbered = list(enumerate(sizes(services, seed), start=1))
    for batch in (numbered[first:first + len(FILES)] for first in range(0, services, len(FILES))):
        like = dict(zip(FILES, batch, strict=False))
        cohort = pd.concat(_drawn(of_six[six], size, seed, number) for six, (number, size) in like.items())
        for six, (number, _) in like.items():
            name, columns = f"S{number:03d}", PROJECT / "parameters" / "columns" / f"service_{six.lower()}.yaml"
            path = folder / f"{name.lower()}{Path(FILES[six]).suffix}"
            write_export(cohort, six, path, seed + number)
            entries[name] = {"file": path.name, "columns": Path(os.path.relpath(columns, folder)).as_posix()}
    study = {key: value for key, value in read_yaml(LIKE).items()
             if key not in ("published", "table1_services")}
    study |= {"study": "national", "title": f"{services} services, synthetic", "services": entries}
    text = yaml.safe_dump(study, sort_keys=False, allow_unicode=True)
    (folder / "national.yaml").write_text(text, encoding="utf-8", newline="\n")
    return folder / "national.yaml"


def _drawn(cohort: pd.DataFrame, patients: int, seed: int, number: int) -> pd.DataFrame:
    """So many patients like those of a service, with ids, ages, days and scores of their own: nobody is there twice."""
    rng = random_generator(seed + number, "national")
    drawn = cohort.sample(patients, replace=True, random_state=rng, ignore_index=True)
    before = (number - 1) // len(FILES) * ID_SPREAD * LARGEST  # ids of services in the same style
    numbers = before + rng.permutation(ID_SPREAD * patients)[:patients] + 1
    shifted = {column: (drawn[column] + rng.integers(-most, most + 1, patients)).clip(*limits)
               for column, (most, limits) in SHIFTS.items()}
    return drawn.assign(patient_id=[patient_id(cohort["service"].iloc[0], number) for number in numbers],
                        **{column: rng.permutation(drawn[column].to_numpy()) for column in ("discharge_date", "age")},
                        **shifted)
