"""Where the servers come from, without building any."""

import os
from pathlib import Path

import pytest

from tests.integration.control_plane.binaries import BinariesMissingError, cache_folder, find

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


def test_without_go_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinariesMissingError, match="KUBEBUILDER_ASSETS"):
        find({"XDG_CACHE_HOME": str(tmp_path), "PATH": os.environ["PATH"]})
