"""What the three packages hold and say, and what is asked of the packages that they need."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGES = {
    ".": "src/longattncomp/__init__.py",
    "integrations/langchain-longattncomp": "langchain_longattncomp/__init__.py",
    "integrations/llama-index-postprocessor-longattncomp": "llama_index/postprocessor/longattncomp/__init__.py",
}


def project(package: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The files that say how to build, with one module each, in a repository with others that nobody added."""
    files = [Path("hatch_build.py"), Path("tests/test_é [1].py")]
    for package, module in PACKAGES.items():
        files += [Path(package, name) for name in ("pyproject.toml", "README.md", "LICENSE", module)]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / file).exists():
            shutil.copyfile(ROOT / file, tmp_path / file)
        else:
            (tmp_path / file).touch()
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    for package, module in PACKAGES.items():
        for name in (".env", "LICENSE.mine", "notes.txt", f"{Path(module).parent}/secret.py"):
            (tmp_path / package / name).write_text("secret")
    return tmp_path


@pytest.mark.parametrize("package", PACKAGES)
def test_an_sdist_packs_what_git_tracks_and_a_wheel_its_licence(repository: Path, package: str, tmp_path: Path) -> None:
    folder = repository / package
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True).stdout
    (sdist,) = SdistBuilder(str(folder)).build(directory=str(tmp_path / "out"))
    with tarfile.open(sdist) as packed:
        names = [name.partition("/")[2] for name in packed.getnames()]
    assert sorted(names) == sorted({*tracked.split("\0")[:-1], "PKG-INFO"})
    (wheel,) = WheelBuilder(str(folder)).build(directory=str(tmp_path / "out"), versions=["standard"])
    with zipfile.ZipFile(wheel) as packed_wheel:
        (licence,) = (name for name in packed_wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        assert packed_wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_outside_a_repository_an_sdist_packs_all(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(repository / ".git")
    (sdist,) = SdistBuilder(str(repository)).build(directory=str(repository / "out"))
    with tarfile.open(sdist) as packed:
        assert "notes.txt" in [name.partition("/")[2] for name in packed.getnames()]
    assert "git tracks nothing" in "".join(capsys.readouterr())


def test_packages_say_the_same_of_themselves() -> None:
    core, *adapters = map(project, PACKAGES)
    versions = [name.rpartition(" ")[2] for name in core["classifiers"] if "Python :: 3." in name]
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    for adapter in adapters:
        for name in ("classifiers", "license", "license-files", "requires-python"):
            assert adapter[name] == core[name]


def test_the_weights_package_holds_what_was_packed_and_needs_nothing(tmp_path: Path) -> None:
    weights = "weights/longattncomp-smollm2"
    found = project(weights)
    assert found["dependencies"] == []
    assert found["license"] == project(".")["license"]
    (wanted,) = map(Requirement, project(".")["optional-dependencies"]["smollm2"])
    assert (wanted.name, wanted.specifier.contains(found["version"])) == (found["name"], True)

    shutil.copytree(ROOT / weights, tmp_path / weights)
    with pytest.raises(FileNotFoundError, match="smollm2"):
        list(WheelBuilder(str(tmp_path / weights)).build(directory=str(tmp_path / "out"), versions=["standard"]))
    packed = tmp_path / "dist" / "smollm2"
    packed.mkdir(parents=True)
    names = ["blocks.safetensors", "config.json", "tokenizer.json"]
    for name in names:
        (packed / name).touch()
    (wheel,) = WheelBuilder(str(tmp_path / weights)).build(directory=str(tmp_path / "out"), versions=["standard"])
    with zipfile.ZipFile(wheel) as built:
        held = [name for name in built.namelist() if ".dist-info/" not in name]
        assert sorted(held) == [f"longattncomp_smollm2/{name}" for name in ["__init__.py", *names]]
        (licence,) = (name for name in built.namelist() if name.endswith("/LICENSE"))
        assert built.read(licence) == (ROOT / "LICENSE").read_bytes()


def audit(*packages: object, errors: str = "") -> tuple[str, int]:
    answer = json.dumps({"dependencies": packages}) if packages else ""
    found: tuple[str, int] = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["judge"](answer, errors)
    return found


def test_the_audit_fails_for_what_is_known_and_says_when_it_could_not_ask() -> None:
    safe = {"name": "safe", "version": "1", "vulns": []}
    unknown = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    assert audit(safe, unknown) == ("pip-audit: no vulnerability known in 1 of 2 packages; the others are unknown", 0)
    line, code = audit(safe, bad)
    assert code == 1
    assert "bad 2: CVE-1, mended in 3" in line
    for line, code in (audit(unknown), audit(errors="Traceback\nConnectionError: no route")):
        assert code == 0
        assert line.startswith("pip-audit: NOT AUDITED")
    assert "no route" in line
