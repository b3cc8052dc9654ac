"""The image: what its files say, and, slowly, that it builds and runs."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
CONTAINERFILE: Final = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def extras() -> list[str]:
    (found,) = re.findall(r"^ARG EXTRAS=(.*)$", CONTAINERFILE, re.MULTILINE)
    return str(found).split(",")


def test_nobody_is_root_and_nothing_is_secret() -> None:
    last = CONTAINERFILE[CONTAINERFILE.rindex("\nFROM ") :]
    assert "\nUSER 10001:10001\n" in last
    assert re.findall(r"^(?:ENV|ARG) .*(?:PASSWORD|SECRET|TOKEN|_KEY)", CONTAINERFILE, re.MULTILINE) == []
    # pip's configuration is there while packages are installed, and in no layer.
    assert "--mount=type=secret,id=pip" in CONTAINERFILE
    assert '\nENTRYPOINT ["/usr/bin/tini", "--", "footnote"]\nCMD ["serve"]\n' in last


def test_what_the_wheel_holds_comes_along() -> None:
    lines = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    packages = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages | {"weights", "constraints.txt", "pyproject.toml", PROJECT["project"]["readme"]} <= let_in
    assert "*" in lines
    assert all((ROOT / each).exists() for each in let_in)


def test_every_version_in_it_is_written_down() -> None:
    """What the image's extras bring, at whatever depth, is pinned."""
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    known = set(PROJECT["project"]["optional-dependencies"])
    assert set(extras()) <= known
    wanted = [*PROJECT["project"]["dependencies"]]
    wanted += [each for extra in extras() for each in PROJECT["project"]["optional-dependencies"][extra]]
    waiting, seen = [(Requirement(each), "") for each in wanted], set[str]()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for part in {"", *requirement.extras}:
            if f"{name}[{part}]" in seen:
                continue
            seen.add(f"{name}[{part}]")
            try:
                requires = distribution(name).requires or []
            except PackageNotFoundError:
                pytest.skip(f"{name} is not installed here")
            waiting += [(Requirement(each), part) for each in requires]
    assert {each.partition("[")[0] for each in seen} - pinned == set()
    assert "torch[]" not in seen


@pytest.mark.parametrize("script", ["build.sh", "image.sh"])
def test_scripts_are_scripts(script: str) -> None:
    subprocess.run(["sh", "-n", DEPLOY / script], check=True)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("plain", ["", "1"], ids=["buildah", "chroot"])
def test_the_image_is_built_from_nothing_and_answers(tmp_path: Path, plain: str) -> None:
    """`deploy/build.sh` ends with a check, an answer over HTTP and a SIGTERM inside: user 10001, root read-only."""
    for program in ("mmdebstrap", *(() if plain else ("buildah",))):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if os.geteuid():
        pytest.skip("needs root")
    done = subprocess.run(
        [DEPLOY / "build.sh", tmp_path / "image"], capture_output=True, text=True, check=False,
        env={**os.environ, "PLAIN": plain},
    )  # fmt: skip
    print(done.stdout[-6_000:])
    assert done.returncode == 0, done.stderr[-6_000:]
    assert "stopped by SIGTERM" in done.stdout
    assert not re.search(r"^✗", done.stdout, re.MULTILINE)
    bill = (tmp_path / "image" / "sbom.cdx.json").read_text(encoding="utf-8")
    named = {canonicalize_name(each["name"]) for each in json.loads(bill)["components"]}
    assert {"footnote-rag-weights", "faiss-cpu", "redis", "psycopg"} <= named
    assert not {"torch", "pip", "setuptools", "pytest"} & named
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(bill) is None
