"""A bundle takes the place of an earlier one whole or not at all. Oracle: what stands in the folders, by hand."""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from durability_utils.sharing import bundle as sharing
from durability_utils.sharing import releases

STUDY = SimpleNamespace(id="s", table1_services=[], services={}, path=Path("s.yaml"))


@pytest.fixture
def share(tmp_path, monkeypatch):
    """share(): writes a bundle of one page, \"new\", and an entry in the register, by the steps of a real one."""
    def write_bundle(study, controlled, folder, *rest):
        folder.mkdir()
        (folder / "provenance.json").write_text('{"study": "s"}', encoding="utf-8")
        (folder / "index.html").write_text("new", encoding="utf-8")

    def enter(folder, *rest):
        (tmp_path / "entry.json").write_text("{}", encoding="utf-8")
        return tmp_path / "entry.json"

    for name, does in {"_check_results": [], "read_tables": {}, "control_safely": None, "patient_ids": set(),
                       "leaks": []}.items():
        monkeypatch.setattr(sharing, name, lambda *_, does=does, **__: does)
    monkeypatch.setattr(sharing, "write_bundle", write_bundle)
    for name, does in {"register": tmp_path, "patients_of": {}, "earlier": []}.items():
        monkeypatch.setattr(releases, name, lambda *_, does=does: does)
    monkeypatch.setattr(releases, "enter", enter)
    return lambda: sharing.share(STUDY, tmp_path / "results", tmp_path / "bundle", "nhs")


def holding(folder, **pages):
    folder.mkdir()
    for name, text in ({"provenance.json": '{"study": "s"}'} | pages).items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def page(tmp_path):
    return (tmp_path / "bundle" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_share_left_is_in_nobodys_way(share, tmp_path, there):
    holding(tmp_path / ".bundle.old", index_html="old")
    if there:
        holding(tmp_path / "bundle", index_html="between")
    share()
    assert page(tmp_path) == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "entry.json"]


def test_a_bundle_that_a_killed_share_had_moved_aside_is_back_where_the_next_is_refused(share, tmp_path, monkeypatch):
    holding(tmp_path / ".bundle.old", index_html="old")
    monkeypatch.setattr(sharing, "leaks", lambda *_: ["an id"])
    with pytest.raises(sharing.InputError, match="an id"):
        share()
    assert page(tmp_path) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("error", [PermissionError, KeyboardInterrupt])
def test_a_swap_that_fails_leaves_the_earlier_bundle_and_no_entry(share, tmp_path, monkeypatch, error):
    holding(tmp_path / "bundle", index_html="old")
    real = Path.replace

    def replace(path, target):
        if target == tmp_path / "bundle" and path.suffix != ".old":
            raise error
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(error):
        share()
    assert page(tmp_path) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.skipif(sys.platform == "win32", reason="there a signal ends the process")
def test_ctrl_c_waits_for_the_end_of_the_swap(share, tmp_path, monkeypatch):
    holding(tmp_path / "bundle", index_html="old")
    real = Path.replace

    def replace(path, target):
        os.kill(os.getpid(), signal.SIGINT)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        share()
    assert page(tmp_path) == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "entry.json"]
