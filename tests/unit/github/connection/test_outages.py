"""What is said when the connection to GitHub cannot be made or breaks."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from steps.core.errors import CertificateError, UnavailableError
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles import github as github_double
from tests.support.harness import REPOSITORY, Scene
from tests.unit.github.connection.site import Site, a_github, ask, from_a_pod


def test_a_server_that_breaks_off_the_handshake_is_waited_for(scene: Scene, site: Site) -> None:
    """A TLS error about a closed connection does not mean that the certificate is wrong."""
    with github_double.serve(a_github()) as plain, pytest.raises(UnavailableError, match="SSLError"):
        ask(from_a_pod(scene, replace(site.rules, api_url=plain.replace("http:", "https:"))))


def test_an_unknown_host_name_and_a_server_that_is_down_have_different_errors(
    scene: Scene, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnavailableError, match=r"/pulls/1: github\.example: its name cannot be resolved"):
        ask(from_a_pod(scene, replace(site.rules, api_url="https://github.example")))


def test_a_port_without_a_listener_is_named(scene: Scene, site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(
        UnavailableError, match=f"/pulls/1: {host}: connection refused: nothing listens on this address and port"
    ):
        ask(from_a_pod(scene, replace(site.rules, api_url=f"https://{host}")))


def test_a_connection_that_breaks_is_not_reported_as_a_server_that_is_down(scene: Scene, site: Site) -> None:
    site.github.fault(github_double.reset(), times=float("inf"))
    with pytest.raises(UnavailableError, match=f"/pulls/1: {site.host}: it closed the connection"):
        ask(from_a_pod(scene, site.rules))


def test_a_request_that_was_not_sent_has_no_unknown_result(scene: Scene, site: Site) -> None:
    with pytest.raises(CertificateError):
        from_a_pod(scene, replace(site.rules, ca_config_map="")).add_label(
            repository=REPOSITORY,
            number=1,
            label="remediation-in-progress",
            reason=WriteReason(cause=WriteCause.ADD_LABEL, epoch=1),
        )
    (line,) = [each for each in scene.events() if each["event"] == "audit"]
    assert line["result"] == "refused"
