"""Where the published schemas come from: built once, never half, and never from other bytes than the pinned ones."""

from __future__ import annotations

import os
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.schemas import cache, gomod, npm, strict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_an_entry_is_built_once_however_many_ask_at_once() -> None:
    built = []
    start = threading.Barrier(8)

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "file").write_text("x")

    def ask() -> str:
        start.wait(10)
        return (cache.entry("thing-1", build=build) / "file").read_text()

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert answers == ["x"] * 8
    assert len(built) == 1


def test_an_entry_that_fails_to_build_leaves_nothing_behind() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise cache.Unavailable("no network")

    with pytest.raises(cache.Unavailable):
        cache.entry("thing-1", build=fail)
    assert [path.name for path in cache.root().iterdir()] == ["thing-1.lock"]
    assert cache.entry("thing-1", build=lambda folder: (folder / "file").touch()).is_dir()


def test_without_go_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(cache.Unavailable, match=r"no go command on PATH.*install Go"):
        gomod.folder(gomod.ARGO_EVENTS)


def test_versions_are_those_pinned_in_go_sum() -> None:
    assert gomod.version(gomod.ARGO_WORKFLOWS).startswith("v4.")
    with pytest.raises(LookupError):
        gomod.version("example.com/other")


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an npm on PATH that packs one file of the test's own."""
    archive = tmp_path / "pack.tgz"
    (tmp_path / "data.json").write_text("{}")
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "data.json", arcname="package/data.json")
    tool = tmp_path / "bin" / "npm"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nwhile [ "$1" != "--pack-destination" ]; do shift; done\ncp {archive} "$2"/pack.tgz\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("fake_npm")
def test_a_package_with_other_bytes_than_the_pinned_ones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cache.Unavailable, match="is not the pinned package"):
        list(npm.members(npm.OPENAPI, scratch=tmp_path))


def test_a_failing_npm_is_reported_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "npm"
    tool.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(cache.Unavailable, match="no such version"):
        list(npm.members(npm.OPENAPI, scratch=tmp_path / "cache"))


def test_strict_schemas_refuse_unknown_fields_except_where_kubernetes_leaves_room() -> None:
    schema = {
        "type": "object",
        "properties": {
            "closed": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "description": {"type": "string", "description": "a property that is called like a keyword"},
        },
    }
    converted = strict.strict(schema)
    assert converted["additionalProperties"] is False
    properties = converted["properties"]
    assert properties["closed"]["additionalProperties"] is False
    assert properties["closed"]["properties"]["a"] == {"type": ["string", "null"]}
    assert "additionalProperties" not in properties["open"]
    assert properties["map"]["additionalProperties"] == {"type": "string"}
    assert properties["port"] == {"type": ["integer", "string"]}
    assert strict.strict({"type": "integer", "format": "int32"})["maximum"] == 2**31 - 1
    assert properties["description"] == {"type": "string"}
