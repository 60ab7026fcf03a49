"""Which certificates of GitHub count, and what is said about the others."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from steps.core.errors import BadInputError, CertificateError
from tests.doubles import github as github_double
from tests.integration.control_plane.pki import Authority
from tests.support.harness import DEFAULTS, NEW, Scene
from tests.unit.github.connection.site import CA, Site, a_github, ask, from_a_pod, rules_for


def test_the_cas_certificates_count_for_github_whatever_stands_between_them(scene: Scene, site: Site) -> None:
    bundle = site.authority.certificate
    bundle.write_text(f"# Főtanúsítvány\n\n{bundle.read_text()}")
    assert ask(from_a_pod(scene, site.rules)) == NEW


def test_another_hosts_certificate_is_refused_with_an_error_of_its_own(
    scene: Scene, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    Authority(tmp_path / "other")
    with pytest.raises(CertificateError, match=r"to the ConfigMap that github.ca_config_map names"):
        ask(from_a_pod(scene, replace(site.rules, ca_dir=str(tmp_path / "other"))))
    assert site.github.calls == []


def test_a_certificate_that_has_expired_is_to_be_renewed(scene: Scene, site: Site) -> None:
    expired = site.authority.issue("github", file_name="old", lifetime=dt.timedelta(minutes=-1))
    with (
        github_double.serve(a_github(), tls=expired.server()) as url,
        pytest.raises(CertificateError, match="renew it"),
    ):
        ask(from_a_pod(scene, replace(site.rules, api_url=url)))


def test_a_certificate_for_another_name_asks_for_the_right_address(scene: Scene, site: Site, tmp_path: Path) -> None:
    pair = site.authority.issue("github", file_name="another")
    with (
        github_double.serve(a_github(), host="127.0.0.2", tls=pair.server()) as url,
        pytest.raises(CertificateError, match="correct the address"),
    ):
        ask(from_a_pod(scene, rules_for(url, tmp_path)))


@pytest.mark.parametrize(
    ("bundle", "said"), [(None, "is missing"), ("not PEM", "not a bundle of certificates"), ("", "not a bundle")]
)
def test_a_bundle_that_is_none_is_named_before_anything_is_asked(
    scene: Scene, site: Site, tmp_path: Path, bundle: str | None, said: str
) -> None:
    path = tmp_path / DEFAULTS.github.ca_key
    path.unlink()
    if bundle is not None:
        path.write_text(bundle)
    with pytest.raises(BadInputError, match=f"github.ca_config_map: key ca.crt of ConfigMap {CA} .*{said}"):
        from_a_pod(scene, site.rules)
