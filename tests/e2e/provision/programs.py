"""The programs of the cluster, built from pinned Go modules and kept in the cache by version.

Guarantees: a set of programs is complete or absent, two builders never work at once, versions and checksums come from
the committed go.mod and go.sum alone. Not guaranteed: byte-identical results with another Go version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.provision.argo_release import MODULES, argo_release
from tests.e2e.provision.folders import folders, say
from tests.integration.control_plane import binaries
from tests.integration.control_plane.binaries import Binaries, BinariesMissingError, compile_module, lock

EVENTS = "github.com/argoproj/argo-events"
NATS = "github.com/nats-io/nats-server/v2"
SANDBOX = "sigs.k8s.io/agent-sandbox"
TEKTON = "github.com/tektoncd/pipeline"
_BUILD = ("nice", "-n", "10", "go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false")
_GO = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Folders of programs; those of the control plane by their paths."""

    control_plane: Binaries
    kubernetes: Path
    workflows: Path
    events: Path
    nats: Path
    pause: Path


def version(folder: str, module: str) -> str:
    """The version of a module that a committed go.mod requires, without its `v`."""
    text = (MODULES / folder / "go.mod").read_text()
    found = re.search(rf"^require {re.escape(module)} v(\S+)$", text, re.MULTILINE)
    if found is None:
        raise BinariesMissingError(f"{MODULES / folder / 'go.mod'} does not require {module}")
    return found[1]


def programs() -> Programs:
    """Find all programs, building what is missing; about fifteen minutes on two cores if nothing is cached.

    Raises:
        BinariesMissingError: There is no Go, or a build failed.
    """
    kubernetes = binaries.pinned(binaries.KUBERNETES, "kubernetes")
    # Servers that the environment gives or names may be of any version: this tier is for that of the kubelet.
    unwanted = ("KUBEBUILDER_ASSETS", "KUBERNETES")
    environ = {name: value for name, value in os.environ.items() if name not in unwanted}
    return Programs(
        control_plane=binaries.find(environ),
        kubernetes=_cached(f"kubernetes-{kubernetes}", _kubernetes, about="2 to 5 minutes"),
        workflows=_cached(f"argo-workflows-{argo_release().version}", _workflows, about="6 minutes"),
        events=_cached(f"argo-events-{version('events', EVENTS)}", _events, about="4 minutes"),
        nats=_cached(f"nats-server-{version('nats', NATS)}", _nats, about="half a minute"),
        pause=_cached("pause-1", _pause, about="seconds"),
    )


def sandbox() -> Path:
    """The folder of agent-sandbox's controller, which is built if it is missing.

    Raises:
        BinariesMissingError: There is no Go, or the build failed.
    """
    return _cached(f"agent-sandbox-{version('sandbox', SANDBOX)}", _sandbox, about="a minute")


def tekton() -> Path:
    """The folder of Tekton's programs, which are built if they are missing.

    Raises:
        BinariesMissingError: There is no Go, or the build failed.
    """
    return _cached(f"tekton-{version('tekton', TEKTON)}", _tekton, about="2 to 4 minutes")


def _cached(name: str, build: Callable[[Path], None], *, about: str) -> Path:
    """A folder of the cache, made aside and renamed when it is complete."""
    folder = folders().root / f"cluster-{name}"
    with lock(folder.with_suffix(".lock")):
        if not folder.exists():
            if shutil.which("go") is None:
                raise BinariesMissingError(
                    f"{name} must be built, but there is no `go` on PATH: install Go 1.26 or later"
                )
            say(f"building {name} (about {about} on two cores)")
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as temporary:
                made = Path(temporary) / "made"
                made.mkdir()
                build(made)
                made.rename(folder)
    return folder


def _go(*arguments: str, folder: str) -> str:
    done = subprocess.run(
        arguments, cwd=MODULES / folder, env={**os.environ, **_GO}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BinariesMissingError(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    return done.stdout


def _kubernetes(made: Path) -> None:
    packages = [f"{binaries.KUBERNETES}/cmd/{name}" for name in ("kubelet", "kube-scheduler", "kube-proxy")]
    compile_module("kubernetes", packages, output=made, version=binaries.pinned(binaries.KUBERNETES, "kubernetes"))


def _events(made: Path) -> None:
    _go(*_BUILD, "-ldflags", "-s -w", "-o", f"{made}/argo-events", f"{EVENTS}/cmd", folder="events")


def _nats(made: Path) -> None:
    _go(*_BUILD, "-ldflags", "-s -w", "-o", f"{made}/nats-server", NATS, folder="nats")


def _pause(made: Path) -> None:
    _go(*_BUILD, "-ldflags", "-s -w", "-o", f"{made}/pause", ".", folder="pause")


def _sandbox(made: Path) -> None:
    package = f"{SANDBOX}/cmd/agent-sandbox-controller"
    _go(*_BUILD, "-ldflags", "-s -w", "-o", f"{made}/", package, folder="sandbox")


def _tekton(made: Path) -> None:
    packages = [f"{TEKTON}/cmd/{name}" for name in ("controller", "webhook", "entrypoint")]
    _go(*_BUILD, "-ldflags", "-s -w", "-o", f"{made}/", *packages, folder="tekton")


def _workflows(made: Path) -> None:
    """Build Argo Workflows from a copy of its module, which lacks two files that only its repository has."""
    release = argo_release()
    module, number = release.module, release.version
    source = made.parent / "source"
    shutil.copytree(module_folder(release.folder, module), source)
    subprocess.run(["chmod", "-R", "u+w", str(source)], check=True)
    # A symbolic link in the repository, which module archives drop.
    signals = source / "workflow/executor/osspecific"
    shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
    # The web interface, which is built elsewhere; the API behind it is what the tests use.
    page = source / "ui/dist/app/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html></html>\n")
    pins = made.parent / "go.mod"
    pins.write_text(f"{(MODULES / release.folder / 'go.mod').read_text()}\nreplace {module} => {source}\n")
    shutil.copyfile(MODULES / release.folder / "go.sum", made.parent / "go.sum")
    flags = f"-s -w -X {module}.version=v{number} -X {module}.gitTag=v{number} -X {module}.gitTreeState=clean"
    packages = [f"{module}/cmd/{name}" for name in ("workflow-controller", "argoexec", "argo")]
    # Argo's own build sets this tag: without it the Kubernetes API types do not compile.
    tags = "kubernetes_protomessage_one_more_release"
    _go(
        *_BUILD,
        f"-modfile={pins}",
        "-tags",
        tags,
        "-ldflags",
        flags,
        "-o",
        f"{made}/",
        *packages,
        folder=release.folder,
    )


def module_folder(folder: str, module: str) -> Path:
    """Where the go command keeps a pinned module, verified against go.sum."""
    _go("go", "mod", "download", module, folder=folder)
    return Path(_go("go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module, folder=folder).strip())
