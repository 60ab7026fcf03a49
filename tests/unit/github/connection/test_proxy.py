"""The proxy of the settings: for GitHub, with its credentials, and when it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from steps.core.errors import CertificateError, ForbiddenError, UnavailableError
from tests.doubles import proxy
from tests.support.harness import NEW, Scene
from tests.support.keys import PRIVATE
from tests.unit.github.connection.site import PASSWORD, Site, ask, from_a_pod


def test_one_connection_serves_all_requests(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    github = from_a_pod(scene, replace(site.rules, proxy=way.url))
    for _ in range(3):
        ask(github)
    assert way.targets == [site.host]


def test_an_app_signs_in_by_the_same_way_and_the_proxy_gets_its_credentials(
    scene: Scene, site: Site, tmp_path: Path
) -> None:
    values = {"app-id": "42", "installation-id": "7", "private-key.pem": PRIVATE, "token": ""}
    values |= {"proxy-username": "steps", "proxy-password": PASSWORD}
    for name, text in values.items():
        (tmp_path / "secret" / name).write_text(text)
    (tmp_path / "secret" / "token").unlink()
    with proxy.serve(credentials=f"steps:{PASSWORD}") as asking:
        assert ask(from_a_pod(scene, replace(site.rules, proxy=asking.url))) == NEW
    assert asking.targets == [site.host, site.host]
    assert asking.refused == []


@pytest.mark.parametrize("password", ["", "wrong"])
def test_credentials_that_the_proxy_misses_are_asked_for_in_the_secret(
    scene: Scene, site: Site, tmp_path: Path, password: str
) -> None:
    if password:
        (tmp_path / "secret" / "proxy-username").write_text("steps")
        (tmp_path / "secret" / "proxy-password").write_text(password)
    with (
        proxy.serve(credentials=f"steps:{PASSWORD}") as asking,
        pytest.raises(ForbiddenError, match="put proxy-username and proxy-password into the Secret") as caught,
    ):
        ask(from_a_pod(scene, replace(site.rules, proxy=asking.url)))
    assert not password or password not in str(caught.value)
    assert len(asking.refused) == 1, "not tried again"
    assert site.github.calls == []


def test_half_of_the_proxys_credentials_is_named(scene: Scene, site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret" / "proxy-username").write_text("steps")
    with pytest.raises(ForbiddenError, match="lack proxy-password"):
        from_a_pod(scene, replace(site.rules, proxy="http://127.0.0.1:1"))


def test_a_proxy_that_refuses_is_not_asked_again(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    way.refuses = 403
    with pytest.raises(ForbiddenError, match=r"allow this connection at the proxy, or correct github\.proxy"):
        ask(from_a_pod(scene, replace(site.rules, proxy=way.url)))
    assert way.refused == [site.host]


def test_a_proxy_that_is_busy_is_asked_again(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    way.refuses = 503
    with pytest.raises(UnavailableError, match="through the proxy 127"):
        ask(from_a_pod(scene, replace(site.rules, proxy=way.url)))
    assert way.refused == [site.host] * 2


def test_behind_a_proxy_a_wrong_certificate_is_reported_as_well(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    with pytest.raises(CertificateError, match=f"the certificate of {site.host} cannot"):
        ask(from_a_pod(scene, replace(site.rules, proxy=way.url, ca_config_map="")))
