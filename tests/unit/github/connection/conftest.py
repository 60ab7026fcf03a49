"""Fixtures: a GitHub Enterprise behind a CA of its own, a proxy, and an environment that names neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steps.github.connection import CA_BUNDLE_VARIABLES
from tests.doubles import github as github_double
from tests.doubles import proxy
from tests.integration.control_plane.pki import Authority
from tests.support.harness import TOKEN
from tests.unit.github.connection.site import PROXIES, Site, a_github, rules_for


@pytest.fixture(autouse=True)
def nothing_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names neither a proxy nor a bundle."""
    for name in (*CA_BUNDLE_VARIABLES, *PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A GitHub Enterprise behind a CA of its own."""
    authority = Authority(tmp_path)
    pair, github = authority.issue("github", file_name="github"), a_github()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "token").write_text(TOKEN)
    with github_double.serve(github, tls=pair.server()) as url:
        host = url.removeprefix("https://")
        yield Site(github=github, host=host, rules=rules_for(url, tmp_path), authority=authority)


@pytest.fixture
def way() -> Iterator[proxy.Proxy]:
    """A proxy that lets everybody through."""
    with proxy.serve() as found:
        yield found
