"""Where the servers come from, without building any."""

import os
import re
from pathlib import Path

import pytest

from tests.integration.control_plane.binaries import BinariesMissingError, cache_folder, find, kubernetes_folders

SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


def program(folder: Path, name: str) -> Path:
    """Put an executable file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_given_servers_are_used_as_they_are(tmp_path: Path) -> None:
    for name in SERVERS:
        program(tmp_path / "assets", name)
    binaries = find({"KUBEBUILDER_ASSETS": str(tmp_path / "assets"), "XDG_CACHE_HOME": str(tmp_path)})
    assert binaries.etcd == tmp_path / "assets" / "etcd"
    assert binaries.controller_manager == tmp_path / "assets" / "kube-controller-manager"


def test_cached_servers_are_not_built_again(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    folder = cache_folder(environ)
    for name in SERVERS:
        program(folder, name)
    assert find(environ).apiserver == folder / "kube-apiserver"


def test_the_cache_is_named_after_the_pinned_versions(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}).name == "control-plane-1.34.4-3.6.8"


@pytest.mark.parametrize("version", kubernetes_folders())
def test_each_release_of_kubernetes_has_a_cache_of_its_own(tmp_path: Path, version: str) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path), "KUBERNETES": version}
    assert cache_folder(environ).name == f"control-plane-{version}-3.6.8"


def test_the_page_on_compatibility_calls_exactly_these_releases_tested() -> None:
    page = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text()
    (rows,) = re.findall(r"^\| Kubernetes \|.*\n(?:\| \|.*\n)+", page, re.MULTILINE)
    assert set(re.findall(r"\((\d+\.\d+\.\d+)\) \| tested", rows)) == set(kubernetes_folders())


def test_an_unknown_release_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        BinariesMissingError, match=r"KUBERNETES=1\.2\.3 is not pinned here: use one of 1\.34\.4, 1\.37\.2"
    ):
        find({"XDG_CACHE_HOME": str(tmp_path), "KUBERNETES": "1.2.3"})


def test_without_go_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinariesMissingError, match="KUBEBUILDER_ASSETS"):
        find({"XDG_CACHE_HOME": str(tmp_path), "PATH": os.environ["PATH"]})
