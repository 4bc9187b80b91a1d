"""Exports of many services. Oracle: what was asked for, and cleaning, which has to find it."""

import pytest

from durability_utils.cohort.cleaning import clean_service
from durability_utils.cohort.plausibility import same_people
from durability_utils.study.study_file import read_study
from durability_utils.synthetic import national


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return read_study(national.write_national(7, tmp_path_factory.mktemp("national")))


def test_two_hundred_services_have_a_million_patients_between_500_and_12000_each():
    sizes = national.sizes(200)
    assert 950_000 < sizes.sum() < 1_050_000
    assert sizes.min() >= 500 and sizes.max() <= 12_000


def test_each_service_has_its_patients_after_cleaning(study):
    assert list(study.services) == [f"S00{number}" for number in range(1, 8)]
    cohorts = {name: clean_service(study, name).cohort for name in study.services}
    lost = [size - len(cohort) for size, cohort in zip(national.sizes(7), cohorts.values(), strict=True)]
    assert all(0 <= few <= 5 for few in lost)  # of conflicting rows both are refused
    assert all(cohort["patient_id"].is_unique for cohort in cohorts.values())
    assert same_people(study, cohorts).empty
    first, last = cohorts["S001"], cohorts["S007"]  # both like service A
    assert len(first.merge(last, on=[*first.columns.drop("patient_id")])) < len(last) / 100


def test_the_same_seed_writes_the_same_bytes(study, tmp_path):
    national.write_national(1, tmp_path)
    (file,) = study.services["S001"].files
    assert file.read_bytes() == (tmp_path / file.name).read_bytes()
