"""Where the servers of the control plane come from: given ones, cached ones, or ones built from pinned Go modules.

Guarantees: a build is complete or absent (it is made aside and renamed), two builders never work at once, and versions
come from the committed `go.mod` files alone. `KUBERNETES` in the environment names the release: that of
`go/kubernetes`, which is the default, or that of another folder `go/kubernetes-*`.
Not guaranteed: that given servers (`KUBEBUILDER_ASSETS`) have those versions.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "go"
ETCD = "go.etcd.io/etcd/server/v3"
KUBERNETES = "k8s.io/kubernetes"
SERVERS = ("kube-apiserver", "kube-controller-manager")
VERSION_PACKAGE = "k8s.io/component-base/version"


class BinariesMissingError(Exception):
    """The control plane's servers are neither there nor can they be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """The programs, by their paths."""

    etcd: Path
    apiserver: Path
    controller_manager: Path
    kubectl: Path


def pinned(module: str, folder: str) -> str:
    """Return the version that a committed go.mod requires of a module, without its `v`."""
    found = re.search(rf"^require {re.escape(module)} v(\S+)$", (MODULES / folder / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BinariesMissingError(f"{MODULES / folder / 'go.mod'} does not require {module}")
    return found[1]


def kubernetes_folders() -> dict[str, str]:
    """Return the folder of each release of Kubernetes that can be built, by its version; the default one first."""
    folders = ["kubernetes", *sorted(each.name for each in MODULES.glob("kubernetes-*"))]
    return {pinned(KUBERNETES, folder): folder for folder in folders}


def kubernetes_folder(environ: Mapping[str, str]) -> str:
    """Return the folder whose go.mod pins the release that `KUBERNETES` names, or the default one.

    Raises:
        BinariesMissingError: No folder pins that release.
    """
    folders = kubernetes_folders()
    wanted = environ.get("KUBERNETES") or next(iter(folders))
    if wanted not in folders:
        raise BinariesMissingError(f"KUBERNETES={wanted} is not pinned here: use one of {', '.join(folders)}")
    return folders[wanted]


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where the built servers are kept; its name changes with their versions."""
    root = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    versions = f"{pinned(KUBERNETES, kubernetes_folder(environ))}-{pinned(ETCD, 'etcd')}"
    return root / "agent-cancellation" / f"control-plane-{versions}"


def find(environ: Mapping[str, str] = os.environ) -> Binaries:
    """Return the servers, building what is missing; a cold build takes about seven minutes on two cores.

    Raises:
        BinariesMissingError: There is no Go to build them with, or the build failed.
    """
    assets = Path(environ["KUBEBUILDER_ASSETS"]) if environ.get("KUBEBUILDER_ASSETS") else None
    given = {} if assets is None else {each.name: each for each in assets.iterdir() if os.access(each, os.X_OK)}
    if not {"etcd", "kube-apiserver"} <= given.keys():
        given = {}
    for name in ("kube-controller-manager", "kubectl") if given else ("kubectl",):
        if on_path := shutil.which(name):
            given.setdefault(name, Path(on_path))
    folder = cache_folder(environ)
    missing = [name for name in ("etcd", *SERVERS, "kubectl") if name not in given]
    with lock(folder.with_suffix(".lock")):
        for name in missing:
            if not (folder / name).exists():
                names = [each for each in missing if not (folder / each).exists()]
                build(folder, names, kubernetes=kubernetes_folder(environ))
                break
    paths = {name: given.get(name, folder / name) for name in ("etcd", *SERVERS, "kubectl")}
    return Binaries(
        etcd=paths["etcd"],
        apiserver=paths["kube-apiserver"],
        controller_manager=paths["kube-controller-manager"],
        kubectl=paths["kubectl"],
    )


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a file lock, so that a second builder waits for the first and then finds its result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build(folder: Path, names: list[str], *, kubernetes: str) -> None:
    """Build programs into the cache, those of Kubernetes from the module in a folder of `go/`."""
    if shutil.which("go") is None:
        raise BinariesMissingError(
            f"{', '.join(names)} must be built, but there is no `go` on PATH. Install Go, or set KUBEBUILDER_ASSETS "
            "to a folder with etcd, kube-apiserver and kube-controller-manager."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as temporary:
        servers = [name for name in names if name != "etcd"]
        if "etcd" in names:
            say(f"building etcd {pinned(ETCD, 'etcd')} (about half a minute on two cores)")
            compile_module("etcd", [ETCD], output=Path(temporary) / "etcd", version=None)
        if servers:
            version = pinned(KUBERNETES, kubernetes)
            say(f"building {', '.join(servers)} {version} (seven minutes on two cores, seconds if cached)")
            packages = [f"{KUBERNETES}/cmd/{name}" for name in servers]
            compile_module(kubernetes, packages, output=Path(temporary), version=version)
        for name in names:
            (Path(temporary) / name).rename(folder / name)
    say(f"built into {folder}")


def compile_module(module: str, packages: list[str], *, output: Path, version: str | None) -> None:
    """Run the Go compiler on packages of a pinned module."""
    flags = "-s -w"
    if version is not None:
        major, minor, _ = version.split(".", 2)
        values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        flags += "".join(f" -X {VERSION_PACKAGE}.{key}={value}" for key, value in values.items())
    target = f"{output}/" if output.is_dir() else str(output)
    command = [
        "go",
        "build",
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        flags,
        "-o",
        target,
        *packages,
    ]
    done = subprocess.run(
        command,
        cwd=MODULES / module,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BinariesMissingError(f"building {', '.join(packages)} failed:\n{done.stderr[-4000:]}")


def say(line: str) -> None:
    """Report progress."""
    sys.stderr.write(f"control plane: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    found = find()
    sys.stdout.write("\n".join(map(str, (found.etcd, found.apiserver, found.controller_manager, found.kubectl))) + "\n")
