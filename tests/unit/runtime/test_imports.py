"""The modules that a step has loaded when it sends its first DELETE: only those that it needs.

Whole processes, which connect as in a pod.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from steps.settings.loading import SETTINGS_ENV
from tests.doubles.kubernetes import serve
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.pki import Authority
from tests.support.harness import DEFAULTS, TOKEN, Scene
from tests.support.scenarios import stale_push
from tests.support.scene.workflow import parameters

ROOT = Path(__file__).parents[3]
# Design: unpacked, on top of the base image.
MOST_MB = 120
UNNEEDED = {
    "kubernetes",  # 0.1 s
    "jinja2",  # for the comment, which comes last
    "opentelemetry",  # after the work, if at all
    "cProfile",
    "asyncio",
    "multiprocessing",
    "yaml",
    "argparse",
    "difflib",  # for a wrong key of the settings
    "steps.kube.kubeconfig",
    "steps.pull_request.comment_body",
    "steps.telemetry.otlp",
    "steps.reconciliation",
    "steps.fail",
    "pipelines",
}
# As the entry point, but the first DELETE is preceded by a list of what is loaded, and ends the process.
PROGRAM = """
import os, pathlib, sys
from steps.cancel import cancel
from steps.kube import KubernetesTransport, connection
from steps.runtime import run_step
connection.SERVICE_ACCOUNT = pathlib.Path(sys.argv[1])
send = KubernetesTransport.send
def watched(self, *, method, **request):
    if method == "DELETE":
        print(*sorted(sys.modules), flush=True)
        os._exit(0)
    return send(self, method=method, **request)
KubernetesTransport.send = watched
sys.exit(run_step(cancel))
"""


@pytest.fixture
def at_the_first_delete(scene: Scene, tmp_path: Path) -> set[str]:
    """The modules that a pod has loaded when it sends its first DELETE."""
    secret, folder = tmp_path / "secret", tmp_path / "account"
    for each in (secret, folder):
        each.mkdir()
    (secret / "token").write_text(TOKEN)
    (folder / "token").write_text("of the service account")
    pair = Authority(folder).issue("kubernetes", file_name="kubernetes")
    workflow = stale_push(scene)
    holder = scene.context(workflow, pod="pod-1").holder
    github = replace(DEFAULTS.github, api_url=scene.github_url, hosts=("github.com",), credentials_dir=str(secret))
    with serve(scene.api, tls=pair.server()) as url:
        environment = {
            "PATH": os.environ["PATH"],
            SETTINGS_ENV: replace(DEFAULTS, github=github).for_steps(),
            "WORKFLOW_NAME": workflow.name,
            "WORKFLOW_UID": workflow.uid,
            "WORKFLOW_CREATED_AT": str(int(workflow.created_at.timestamp())),
            "POD_NAME": holder.pod,
            "POD_UID": holder.pod_uid,
            "SERVICE_ACCOUNT": "cancel-agents",
            **{name.upper().replace("-", "_"): value for name, value in parameters(workflow.push).items()},
            **ServiceAccount(folder=folder, server=url).environment,
        }
        command = [sys.executable, "-c", PROGRAM, str(folder)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=25, check=False)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return set(ran.stdout.splitlines()[-1].split())


def with_dependencies(*requirements: str) -> dict[str, Distribution]:
    """Distributions and everything that they require here, by their normalised names."""
    found: dict[str, Distribution] = {}
    left = [Requirement(each) for each in requirements]
    while left:
        wanted = left.pop()
        owner = found[canonicalize_name(wanted.name)] = distribution(wanted.name)
        for each in map(Requirement, owner.requires or ()):
            marker = each.marker
            applies = not marker or any(marker.evaluate({"extra": extra}) for extra in wanted.extras or {""})
            if applies and canonicalize_name(each.name) not in found:
                left.append(each)
    return found


def image() -> dict[str, Distribution]:
    """The distributions that the image carries besides the steps."""
    return with_dependencies(*tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])


def unexpected(modules: set[str], *allowed: str) -> set[str]:
    """The distributions that modules come from, less some and what those require."""
    owners = packages_distributions()
    found: set[str] = {canonicalize_name(name) for each in modules for name in owners.get(each.partition(".")[0], ())}
    # The project itself, and what a virtual environment may load into every interpreter.
    return found - with_dependencies(*allowed).keys() - {"agent-cancellation", "setuptools"}


def loaded(statement: str) -> set[str]:
    """The modules that a process has loaded after a statement."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize("entry", ["cancel", "command", "fail", "reconcile"])
def test_an_entry_imports_two_libraries(entry: str) -> None:
    assert unexpected(loaded(f"import steps.{entry}"), "pydantic", "urllib3") == set()


def test_before_the_first_delete_nothing_is_loaded_in_vain(at_the_first_delete: set[str]) -> None:
    assert "github" in at_the_first_delete, "the head was read"
    assert unexpected(at_the_first_delete, "pydantic", "urllib3", "PyGithub") == set()
    assert at_the_first_delete & UNNEEDED == set()


def test_every_unneeded_module_on_the_list_exists() -> None:
    """Otherwise the test above could not fail."""
    assert [name for name in UNNEEDED if not importlib.util.find_spec(name)] == []


def test_what_the_steps_can_import_is_declared() -> None:
    """The development environment has more than the image, so a missing dependency would go unnoticed here."""
    every = [
        ".".join(path.with_suffix("").parts)
        for path in sorted(path.relative_to(ROOT) for path in (ROOT / "steps").rglob("*.py"))
        if path.name != "__init__.py"
    ]
    named = [name for name in every if name not in {"steps.kube.kubeconfig", "steps.telemetry.otlp"}]
    carried = image()
    assert unexpected(loaded(f"import {', '.join(named)}"), *carried) == set()
    assert not {"kubernetes", "hera", "pyyaml", "rich", "aiohttp"} & carried.keys()


def test_the_image_stays_within_its_size() -> None:
    """What it installs, with bytecode; `make bench` builds it and measures."""
    files = [owner.locate_file(file) for owner in image().values() for file in owner.files or ()]
    files += (ROOT / "steps").rglob("*.py*")
    size = sum(Path(str(file)).stat().st_size for file in files if Path(str(file)).is_file())
    assert 20 < size / 1e6 < MOST_MB
