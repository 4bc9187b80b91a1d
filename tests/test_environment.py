"""The places that name dependencies agree, and none names where packages are fetched from."""

import re
import tomllib

import yaml

from durability_utils.study.parameters import PROJECT


def names_and_bounds(requirements) -> dict[str, str]:
    """Package name (without extras) -> version bounds."""
    found = {}
    for requirement in requirements:
        name, bounds = re.fullmatch(r"([A-Za-z0-9_-]+)(?:\[\w+\])?(.*)", requirement).groups()
        found[name.replace("_", "-")] = bounds
    return found


def direct() -> dict[str, str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return names_and_bounds(project["dependencies"] + extras["dev"] + extras["cluster"] + extras["book"])


def test_environment_yml_has_the_same_direct_dependencies_and_bounds():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
    entries = environment["dependencies"]
    from_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    conda = [entry for entry in entries if isinstance(entry, str) and entry not in ("pip", "python>=3.11")]
    assert names_and_bounds(conda + from_pip) == direct()


def test_the_lock_pins_every_direct_dependency_with_hashes_and_names_no_address():
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    assert set(direct()) <= pinned
    assert "://" not in lock
    entries = re.split(r"^(?=[a-z0-9.-]+==)", lock, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
