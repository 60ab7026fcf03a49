"""Entry `image`: what the steps' image adds to its base, unpacked.

Guarantees that what is measured is made by the instructions of steps/Dockerfile, run in a folder of this machine. Needs
the package index that pip uses here. Not in it: what a layer costs besides its files.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.tools.bench.measured import BenchError, Entry, Row
from tests.tools.bench.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tools.bench.bench import Bench

DOCKERFILE = ROOT / "steps/Dockerfile"
# Design: unpacked, on top of the base image.
TARGET_MB = 120.0
VARIANTS = {"the image": "", "the image with EXTRAS=tracing": "tracing"}
SHOWN = 6
LIMIT_S = 600
_INSTRUCTION = re.compile(r"^([A-Z]+) ((?:.*\\\n)*.*)$", re.MULTILINE)
# Where the image has the environment, and the sources while it is built.
_ENVIRONMENT, _SOURCES = "/opt/steps", "/app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The instructions of the Dockerfile, for folders of this machine."""

    copied: tuple[str, ...]
    variables: dict[str, str]
    script: str

    @classmethod
    def of(cls, dockerfile: str, *, environment: Path, sources: Path) -> Installation:
        """Read a Dockerfile with one RUN.

        Raises:
            BenchError: It is not of that shape.
        """
        found = [(word, rest.replace("\\\n", " ")) for word, rest in _INSTRUCTION.findall(dockerfile)]
        names = [word for word, _ in found]
        if names.count("RUN") != 1:
            raise BenchError("steps/Dockerfile has no longer one RUN")
        before = found[: names.index("RUN")]
        run = found[names.index("RUN")][1]
        moved = re.sub(r"(?<![\w/.])/app\b", str(sources), run.replace(_ENVIRONMENT, str(environment)))
        return cls(
            copied=tuple(name for word, rest in before if word == "COPY" for name in rest.split()[:-1]),
            variables=dict(pair.split("=", 1) for word, rest in before if word == "ENV" for pair in shlex.split(rest)),
            script=moved,
        )


def build(folder: Path, *, extras: str) -> Path:
    """Build the image's environment in a folder.

    Raises:
        BenchError: An instruction failed.
    """
    environment, sources = folder / "steps", folder / "app"
    plan = Installation.of(DOCKERFILE.read_text(), environment=environment, sources=sources)
    for name in plan.copied:
        source, target = ROOT / name, sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    path = f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}"
    # An image's build knows no variable of Python but those of the Dockerfile.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables = {**outside, **plan.variables, "PATH": path, "EXTRAS": extras}
    ran = subprocess.run(
        ["/bin/sh", "-ec", plan.script],
        cwd=sources,
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if ran.returncode:
        raise BenchError(f"steps/Dockerfile's RUN failed:\n{(ran.stdout + ran.stderr)[-2000:]}")
    return environment


def sizes(environment: Path) -> Counter[str]:
    """Megabytes by package; a file counts with its bytes, a link with none."""
    (packages,) = environment.glob("lib/python*/site-packages")
    found: Counter[str] = Counter()
    for file in environment.rglob("*"):
        if file.is_file() and not file.is_symlink():
            inside = file.is_relative_to(packages)
            found[file.relative_to(packages).parts[0] if inside else "the environment"] += file.stat().st_size
    return found


def measure(bench: Bench) -> Iterator[Row]:
    """Build each variant once: its size does not vary."""
    for number, (what, extras) in enumerate(VARIANTS.items()):
        bench.progress(f"building {what}")
        found = sizes(build(bench.folder / f"image-{number}", extras=extras))
        yield Row(
            what=what,
            unit="MB",
            values=(found.total() / 1e6,),
            target=TARGET_MB,
            detail={name: size / 1e6 for name, size in found.most_common(SHOWN)},
        )


ENTRY = Entry(
    name="image",
    title="What the image adds to its base",
    includes=(
        "The bytes of all files, unpacked, bytecode included (1 MB = 10^6 bytes). The instructions of "
        "`steps/Dockerfile` were run on this machine; the largest packages are named."
    ),
    measure=measure,
)
