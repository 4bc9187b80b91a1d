"""The study as folders of Talking Therapies tables: proposed by `durability new`, a few lines edited, run.

Oracle: the study itself, of which each patient and every published figure have to come out again.
"""

import re

import pandas as pd
import pytest
from copied_project import durability

from durability_utils.analyses.published import compare, our_figures, read_published
from durability_utils.cohort.cleaning import clean_service
from durability_utils.new_study.draft import new_study
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.cohort import study_cohort
from durability_utils.synthetic.tables import MI_ITEMS, write_tables

STUDY_FILE = PROJECT / "parameters" / "durability_2016.yaml"
FORMS = {"A": "as_submitted", "B": "as_submitted", "C": "as_submitted",
         "D": "as_returned", "E": "as_returned", "F": "as_returned"}
# what the tables tell besides: referrals, why they ended, and the WSAS, which the study did not ask
ADDED = ["referral_id", "referral_date", "re_referred_date", "end_reason", "wsas_baseline", "wsas_end"]

# of its settings: the paper's MI is the sum of 27 items, the data set's their mean
DIFFERS = ["measures.IES-R.window",  # not so on the form
           "measures.MI.range.1", "measures.MI.range.2", "measures.MI.caseness"]


def edited(text: str) -> str:
    """What a person who knows the study changes in the proposed study file; nothing else."""
    changes = {
        'title: "tables" .*': "title: Durability of clinical gains, synthetic tables",
        "# (discharged: .*?}).*": r"\1",                                 # the proposed window is the study's
        # the study added the items of the MI up, the data set has their mean: 60 and 20 of the sum
        "anxiety_measure: .*": "anxiety_measure: adsm_else_gad7\n"
                               f"thresholds: {{MI: {{caseness: {60 / MI_ITEMS}, reliable_change: {20 / MI_ITEMS}}}}}\n"
                               "table1_services: [A]\n"
                               f"published: {(PROJECT / 'parameters/published/durability_2016.yaml').as_posix()}"}
    for before, after in changes.items():
        text, n = re.subn(before, after, text, count=1)
        assert n == 1, before
    return text


@pytest.fixture(scope="module")
def proposed(tmp_path_factory):
    """The study file of six folders, and what `durability new` said."""
    folder, cohort = tmp_path_factory.mktemp("tables"), study_cohort()
    for service, form in FORMS.items():
        write_tables(cohort[cohort["service"] == service], folder / service, form=form)
    said = new_study("tables", [folder / service for service in FORMS], folder)
    path = folder / "tables.yaml"
    path.write_text(edited(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path, said


@pytest.fixture(scope="module")
def cohort(proposed):
    study = read_study(proposed[0])
    return pd.concat([clean_service(study, name).cohort.assign(service=name) for name in study.services],
                     ignore_index=True)


def test_each_folder_is_a_service_and_everything_has_its_place(proposed):
    study, said = read_study(proposed[0]), proposed[1]
    assert list(study.services) == list(FORMS)
    assert [set(entry.joined) for entry in study.services.values()] == [{"local", "survey", "end_only"}] * 6
    assert not [line for line in said if re.match("  (REQUIRED|NOT FOUND)|.*left aside", line)]
    assert sum("identifiers, which are left out: NHSNumber, PersonBirthDate, Postcode" in line for line in said) == 3
    assert sum(bool(re.search(r"CHECK referrals: patients with several: [0-9]+;", line)) for line in said) == 6


def test_each_patient_is_as_in_the_study(proposed, cohort):
    study = read_study(STUDY_FILE)
    for service in FORMS:
        expected = clean_service(study, service).cohort.set_index("patient_id").sort_index().drop(columns=ADDED)
        found = cohort[cohort["service"] == service].set_index("patient_id").sort_index()[list(expected)]
        scores = [name for name in found if name.startswith("adsm_")]
        points = found[scores].astype("Float64")
        found[scores] = points.mask((expected["adsm"] == "MI").fillna(False), (points * MI_ITEMS).round())
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, obj=service)


def test_every_published_figure_comes_out_of_the_tables(proposed, cohort):
    study = read_study(proposed[0])
    table = compare(read_published(study.published), our_figures(cohort, study, study.rules)).set_index("figure")
    differing = table.index[table["verdict"] == "differs"]
    assert sorted(differing) == sorted(DIFFERS)
    assert table["verdict"].value_counts().to_dict() == {
        "agrees": 230, "paper_contradicts_itself": 4, "differs": len(DIFFERS)}


@pytest.mark.slow("runs the notebooks 01 to 06 of six services: a minute")
def test_the_command_runs_the_notebooks_to_the_same_figures(proposed, tmp_path):
    notebooks = [word for number in range(1, 7) for word in ("--notebook", f"0{number}")]
    run = durability("run", proposed[0], "--output", tmp_path, "--service", "all", "--step", "all", *notebooks)
    assert run.returncode == 0, run.stderr
    assert "230 of 234 published figures (54 of them settings, such as the questionnaires) reproduced" in run.stdout
    assert "not counted: 4 places where the paper contradicts itself" in run.stdout
    assert (tmp_path / "tables" / "index.html").is_file()
