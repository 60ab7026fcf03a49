"""Record every scene in a real cluster: `python -m tests.tools.captures [NAME...]`, as root. The cluster stays up.

Guarantees that files are written only after all scenes have run, and that they show no path of this machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from tests.e2e.provision.argo import Options
from tests.e2e.provision.cluster import Cluster, configure, up
from tests.e2e.provision.packages import install_packages
from tests.e2e.support.installation import TOKEN
from tests.e2e.support.surroundings import Surroundings, surroundings
from tests.integration.control_plane.binaries import find
from tests.tools.captures.page import page
from tests.tools.captures.picture import picture
from tests.tools.captures.scenes import SCENES, Scene
from tests.tools.captures.terminal import terminal

DOCS = Path(__file__).parents[3] / "docs"


@contextmanager
def desk(cluster: Cluster) -> Iterator[Path]:
    """Create a directory with a person's files: settings, manifests, a kubeconfig."""
    with tempfile.TemporaryDirectory(prefix="agent-cancellation-captures-") as name:
        folder = Path(name)
        shutil.copyfile(cluster.folder / "settings.toml", folder / "settings.toml")
        write_files(render_files(cluster.settings), output=folder / "rendered")
        yield folder


def environment(cluster: Cluster, *, folder: Path) -> Mapping[str, str]:
    """The environment of a person's shell."""
    programs = (Path(sys.executable).parent, find().kubectl.parent, cluster.argo_command.parent)
    return {
        "HOME": str(folder),
        "KUBECONFIG": str(cluster.kubeconfig),
        "GITHUB_TOKEN": TOKEN,
        "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
    }


def shown(scene: Scene, around: Surroundings, *, folder: Path) -> str:
    """Run a scene and return its screen."""
    stage = around.stage()
    try:
        with terminal(folder=folder, environment=environment(around.cluster, folder=folder)) as opened:
            scene.play(stage, opened)
            return opened.screen().replace(str(folder), "~")
    finally:
        around.clear(stage)


def main() -> int:
    """Run the scenes, then write the files."""
    parser = argparse.ArgumentParser(prog="make captures", description="Record the pictures of docs/terminal.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"scenes to print, not to write ({len(SCENES)} known)")
    wanted = parser.parse_args().names
    install_packages({"tmux": "tmux"})
    cluster = up(None)
    # As the README recommends it.
    configure(cluster, Options(referencing="Strict"))
    console, screens = Console(stderr=True), {}
    with surroundings(cluster) as around, desk(cluster) as folder:
        for scene in SCENES:
            if not wanted or scene.name in wanted:
                console.print(f"[dim]{scene.name}[/]: {scene.title}")
                screens[scene.name] = shown(scene, around, folder=folder)
    if wanted:
        print("\n\n".join(screens.values()))
        return 0
    pictures = DOCS / "captures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir()
    for scene in SCENES:
        shown_as = picture(screens[scene.name], name=scene.name, title=scene.title)
        (pictures / f"{scene.name}.svg").write_text(shown_as)
    (DOCS / "terminal.md").write_text(page(screens))
    return 0


if __name__ == "__main__":
    sys.exit(main())
