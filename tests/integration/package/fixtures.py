"""Fixtures that build the wheel and install it into an empty environment, once for a session.

Guarantees: the environment has nothing but the wheel and what it requires, and no process sees this repository: each
runs in a folder of its own, without PYTHONPATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "KUBECONFIG", "GITHUB_TOKEN", "ARGO_SERVER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The installed command."""

    environment: Path

    @property
    def bin(self) -> Path:
        """The folder of its commands."""
        return self.environment / "bin"

    def run(
        self, *arguments: str, folder: Path, program: str = "agent-cancellation", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it in a folder, with nothing on standard input."""
        kept = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
        kept |= {"PATH": f"{self.bin}:{kept['PATH']}", "HOME": str(folder)}
        command = [program if "/" in program else str(self.bin / program), *arguments]
        return subprocess.run(
            command,
            cwd=folder,
            env=kept | dict(env or {}),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def build(kind: str, *, source: Path, output: Path) -> Path:
    """Build the `wheel` or the `sdist` of a folder; its path."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(output), str(source)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (built,) = output.iterdir()
    return built


def install(wheel: Path, *, environment: Path, extra: str = "", with_dependencies: bool = True) -> Tool:
    """Install the wheel into an empty environment."""
    venv.create(environment, with_pip=False, symlinks=True)
    target = f"{wheel}[{extra}]" if extra else str(wheel)
    command = [sys.executable, "-m", "pip", "--python", str(environment), "install", "--quiet", target]
    ran = subprocess.run(
        command if with_dependencies else [*command, "--no-deps"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return Tool(environment=environment)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working copy."""
    return build("wheel", source=ROOT, output=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The command with all that it needs on a laptop."""
    return install(wheel, environment=tmp_path_factory.mktemp("tool") / "environment", extra="generate")


@pytest.fixture(scope="session")
def bare_tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The command without any extra."""
    return install(wheel, environment=tmp_path_factory.mktemp("bare") / "environment")
