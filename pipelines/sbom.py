"""Write the SBOM of the steps' image from its lock file: `python -m pipelines.sbom`, for `make sbom` and `make image`.

Guarantees: one CycloneDX component for each package of the lock file, with its version, purl and the hashes of its
files. Licences and the dependency graph come from the packages' own metadata: pip installs the lock file into an
environment that is deleted afterwards. The document is valid, or none is written. Equal lock files give equal bytes:
there is no serial number, and no time but SOURCE_DATE_EPOCH.
Not guaranteed: a licence of a package that this platform does not install. What the base image has is not in it. It
needs a copy of the repository or the sdist, since the wheel has no pyproject.toml.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from steps.core import BadInputError

_Document = dict[str, Any]

ROOT = Path(__file__).parents[1]
_SPEC = "1.6"
_GENERATE = ("-m", "cyclonedx_py")
_OPTIONS = ("--output-reproducible", "--spec-version", _SPEC, "--pyproject", str(ROOT / "pyproject.toml"))


class SbomError(BadInputError):
    """The SBOM was not written. The message names the reason and the fix."""


def lock_file(extras: str) -> Path:
    """Return the lock file of an image.

    Args:
        extras: As in `make image EXTRAS=…`: `tracing`, or nothing.

    Raises:
        SbomError: There is no lock file for these extras.
    """
    path = ROOT / "steps" / f"requirements{f'-{extras}' if extras else ''}.txt"
    if not path.is_file():
        raise SbomError(f"EXTRAS={extras}: there is no {path.relative_to(ROOT)}; use EXTRAS=tracing, or leave it out")
    return path


def make_sbom(lock: Path) -> str:
    """Return the SBOM of a lock file as JSON.

    Raises:
        SbomError: cyclonedx-bom is missing, pip cannot install the lock file, or the document is not valid.
    """
    if find_spec("cyclonedx_py") is None:
        raise SbomError("the package cyclonedx-bom is missing: run make sbom, or install agent-cancellation[sbom]")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=False, symlinks=True)
        pip = ("-m", "pip", "--python", folder, "install", "--quiet", "--disable-pip-version-check")
        _python(*pip, "--no-compile", "--require-hashes", "--requirement", str(lock))
        installed = json.loads(_python(*_GENERATE, "environment", *_OPTIONS, folder))
    # The tool warns that a lock file alone has no dependency graph; `installed` has it.
    locked = json.loads(_python("-W", "ignore", *_GENERATE, "requirements", *_OPTIONS, str(lock)))
    text = json.dumps(merge(locked=locked, installed=installed), indent=2, sort_keys=True) + "\n"
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - only this needs the library
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - as above

    if error := JsonStrictValidator(SchemaVersion.from_version(_SPEC)).validate_str(text):
        raise SbomError(f"the SBOM does not fit the CycloneDX schema: {error}")
    return text


def merge(*, locked: _Document, installed: _Document) -> _Document:
    """Return the packages of the lock file, with what the installed ones say about themselves.

    Args:
        locked: The SBOM of the lock file, with the files' hashes.
        installed: The SBOM of an environment, with licences and dependencies.

    Raises:
        SbomError: The environment has a package or a version that the lock file has not.
    """
    described = {each["purl"]: each for each in installed["components"]}
    components = {each["purl"]: each for each in locked["components"]}
    if strange := sorted(described.keys() - components.keys()):
        raise SbomError(f"pip installed what is not in the lock file: {', '.join(strange)}; run make lock")
    for purl, component in components.items():
        # The tool's own description quotes the lock file's line.
        del component["description"]
        own = described.get(purl, {})
        component |= {key: own[key] for key in ("name", "description", "licenses") if key in own}
        component["externalReferences"] += own.get("externalReferences", [])
        component["bom-ref"] = purl
    refs = {each["bom-ref"]: purl for purl, each in described.items()}
    graph = {refs.get(each["ref"], each["ref"]): each.get("dependsOn", []) for each in installed["dependencies"]}
    dependencies = [
        {"ref": ref, "dependsOn": sorted(refs[each] for each in graph.get(ref, []))}
        for ref in sorted({*components, *graph})
    ]
    return {**installed, "components": [components[purl] for purl in sorted(components)], "dependencies": dependencies}


def _python(*arguments: str) -> str:
    """Run this interpreter; what it prints."""
    ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - own arguments
    if ran.returncode:
        raise SbomError(f"{' '.join(arguments[1:3])} failed:\n{ran.stderr[-2000:]}")
    return ran.stdout


def main() -> int:
    """Write the SBOM; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.sbom", description="write the SBOM of the steps' image")
    parser.add_argument("--extras", default="", help="as in make image EXTRAS=…")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    options = parser.parse_args()
    try:
        text = make_sbom(lock_file(options.extras))
    except SbomError as error:
        sys.stderr.write(f"no SBOM was written: {error}\n")
        return error.exit
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
