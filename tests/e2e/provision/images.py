"""The images that pods of the cluster run: Argo's programs on scratch, a Python base, and the steps' image.

Guarantees: an archive is complete or absent; its name changes with what went into it, so a changed step is a new image.
Not guaranteed: that the base image is the one a user builds on; it is Debian's Python.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.provision.argo_release import argo_release
from tests.e2e.provision.folders import folders, say
from tests.e2e.provision.oci import digest_of, write_image, write_layer
from tests.e2e.provision.programs import EVENTS, SANDBOX, TEKTON, Programs, version
from tests.integration.control_plane.binaries import lock

ROOT = Path(__file__).parents[3]
_RELEASE = "bookworm"
_PYTHON = "python3-minimal,python3-venv,ca-certificates"
# Where this machine's pip finds its packages and its certificates: a build must find them at the same places.
_OF_THE_HOST = ("/etc/pip.conf", "/etc/ssl/certs")
# What steps/Dockerfile copies.
_SOURCES = (
    *("pyproject.toml", "README.md", "LICENSE", "steps/Dockerfile", "steps/build-image.sh"),
    *("steps/requirements.txt", "steps/requirements-build.txt"),
)
_USER = "8737"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image and its archive."""

    name: str
    archive: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Every image of the cluster."""

    pause: Image
    controller: Image
    executor: Image
    server: Image
    events: Image
    python: Image
    steps: Image

    def all(self) -> tuple[Image, ...]:
        """All of them."""
        return (self.pause, self.controller, self.executor, self.server, self.events, self.python, self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class TektonImages:
    """The images of Tekton: two servers, and what its pods copy their first process from."""

    controller: Image
    webhook: Image
    entrypoint: Image

    def all(self) -> tuple[Image, ...]:
        """All of them."""
        return (self.controller, self.webhook, self.entrypoint)


class ImageError(Exception):
    """An image could not be built."""


def images(programs: Programs) -> Images:
    """Find all images, building what is missing; about three minutes if nothing is cached.

    Raises:
        ImageError: A build failed.
    """
    python = _cached("python", [_RELEASE, _PYTHON], _python, about="two minutes")
    argo, argo_events = argo_release().version, version("events", EVENTS)
    return Images(
        pause=_scratch("pause", programs.pause, path="usr/bin/pause"),
        controller=_scratch("workflow-controller", programs.workflows, version=argo),
        executor=_scratch("argoexec", programs.workflows, version=argo),
        server=_scratch("argo", programs.workflows, version=argo),
        events=_scratch("argo-events", programs.events, version=argo_events),
        python=python,
        steps=_cached("steps", _step_sources(python), lambda made, name: _steps(made, name, python), about="a minute"),
    )


def sandbox_image(folder: Path) -> Image:
    """The image of agent-sandbox's controller, from the folder of its program."""
    return _scratch("agent-sandbox-controller", folder, version=version("sandbox", SANDBOX))


def tekton_images(folder: Path) -> TektonImages:
    """The images of Tekton, from the folder of its programs. Its pods expect the programs where `ko` puts them."""

    def made(name: str) -> Image:
        image = f"tekton-{name}"
        return _scratch(image, folder, program=name, path=f"ko-app/{name}", version=version("tekton", TEKTON))

    return TektonImages(controller=made("controller"), webhook=made("webhook"), entrypoint=made("entrypoint"))


def _cached(
    kind: str, inputs: Iterable[str], build: Callable[[Path, str], None], *, about: str, version: str = ""
) -> Image:
    key = version + hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:12]
    image = Image(
        name=f"localhost/agent-cancellation-tests/{kind}:{key}", archive=folders().images / f"{kind}-{key}.tar"
    )
    with lock(folders().images / f"{kind}.lock"):
        if not image.archive.exists():
            say(f"building the image {kind} (about {about})")
            with tempfile.TemporaryDirectory(dir=folders().images, prefix="building-") as temporary:
                made = Path(temporary) / "image.tar"
                build(made, image.name)
                for old in folders().images.glob(f"{kind}-*.tar"):
                    old.unlink()
                made.rename(image.archive)
    return image


def _scratch(kind: str, folder: Path, *, program: str = "", path: str = "", version: str = "") -> Image:
    """An image of one static program; its tag begins with the version, as those of the projects do."""
    source = folder / (program or kind)
    target = path or f"bin/{kind}"

    def build(made: Path, name: str) -> None:
        layer = made.parent / "layer.tar"
        write_layer(layer, {target: source})
        write_image(made, name=name, layer=layer, entrypoint=[f"/{target}"], user=_USER)

    return _cached(kind, [digest_of(source)], build, about="seconds", version=f"v{version}-" if version else "")


def _python(made: Path, name: str) -> None:
    """Debian's smallest system with Python."""
    tree, layer = made.parent / "tree", made.parent / "layer.tar"
    bootstrap = ["debootstrap", "--variant=minbase", f"--include={_PYTHON}", _RELEASE, str(tree)]
    # In a mount namespace of its own: what it mounts is gone with it, however it ends.
    _run(["nice", "-n", "10", "unshare", "--mount", *bootstrap])
    unwanted = ["./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/*", "./var/lib/apt/lists/*"]
    exclude = [f"--exclude={pattern}" for pattern in unwanted]
    _run(["tar", "-C", str(tree), "--numeric-owner", "--sort=name", *exclude, "-cf", str(layer), "."])
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    write_image(made, name=name, layer=layer, entrypoint=[], path=search)


def _step_sources(base: Image) -> list[str]:
    files = [ROOT / name for name in _SOURCES] + sorted((ROOT / "steps").rglob("*.py"))
    return [base.name, *(f"{each.relative_to(ROOT)} {digest_of(each)}" for each in files)]


def _steps(made: Path, name: str, base: Image) -> None:
    """The steps' image, by the script that users run."""
    store = made.parent / "store.conf"
    places = f'graphroot = "{made.parent}/graph"\nrunroot = "{made.parent}/running"\n'
    store.write_text(f'[storage]\ndriver = "vfs"\n{places}')
    volumes = [f"--volume {path}:{path}:ro" for path in _OF_THE_HOST if Path(path).exists()]
    environment = {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(store),
        "BUILDAH_ISOLATION": "chroot",
        # Without a daemon that answers, the script takes buildah, from whose store the archive is written.
        "DOCKER_HOST": f"unix://{made.parent}/no-daemon",
        "BUILD_FLAGS": " ".join(volumes),
        "IMAGE": name,
        "SBOM": "",
        "BASE_IMAGE": base.name,
    }
    aside = ["nice", "-n", "10", "unshare", "--mount"]
    _run([*aside, "buildah", "pull", "--quiet", f"oci-archive:{base.archive}"], environment=environment)
    _run([*aside, str(ROOT / "steps/build-image.sh")], environment=environment)
    _run([*aside, "buildah", "push", "--quiet", name, f"oci-archive:{made}:{name}"], environment=environment)


def _run(command: list[str], *, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-4000:]}")
