"""What the environment of a pod does not change, and what that of a laptop does."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines.cli.main import main as command_line
from pipelines.client.argo_server import connect_argo_server
from pipelines.client.github import connect_github as laptop_connect
from steps.core.errors import BadInputError, CertificateError, Exit, ForbiddenError
from steps.github.client import GitHub
from steps.github.connection import CA_BUNDLE_VARIABLES
from steps.kube.connection import connect_kubernetes
from steps.settings.github import GitHubSettings
from tests.doubles import proxy
from tests.doubles.kubernetes import ApiServer, serve
from tests.integration.control_plane.pki import Authority
from tests.support.harness import NEW, REPOSITORY, TOKEN, Scene
from tests.support.settings_files import write_settings
from tests.unit.github.connection.site import Site, ask, from_a_pod


def test_what_a_cluster_puts_into_a_pods_environment_changes_nothing(
    scene: Scene, site: Site, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, way.url)
    for name in CA_BUNDLE_VARIABLES:
        monkeypatch.setenv(name, "/not/there")
    assert ask(from_a_pod(scene, site.rules)) == NEW
    assert way.targets == []


def test_a_pod_asks_the_api_server_without_a_proxy_and_by_the_clusters_own_ca(
    way: proxy.Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, api = Authority(tmp_path), ApiServer()
    pair = authority.issue("kubernetes", file_name="kubernetes")
    (tmp_path / "token").write_text("of the service account")
    (tmp_path / "ca.crt").write_bytes(authority.certificate.read_bytes())
    monkeypatch.setattr("steps.kube.connection.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, way.url)
    with serve(api, tls=pair.server()) as url:
        host, _, port = url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        connected = connect_kubernetes()
        answer = connected.send(method="GET", target="/version", headers={}, body=None, timeout_s=5)
    assert answer.status == 200
    assert (way.targets, way.refused) == ([], [])


def laptop(rules: GitHubSettings) -> GitHub:
    return laptop_connect(rules, found={"token": TOKEN}, where="GITHUB_TOKEN")


def test_a_laptop_uses_the_proxy_that_its_environment_names(
    site: Site, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", way.url)
    pods_way = replace(site.rules, proxy="http://127.0.0.1:1", ca_dir="/not/there")
    assert ask(laptop(pods_way)) == NEW
    assert way.targets == [site.host]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert ask(laptop(pods_way)) == NEW
    assert way.targets == [site.host], "but not to whom NO_PROXY names"


def test_without_the_ca_a_laptop_shows_what_to_set(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(tmp_path, {'"https://api.github.com"': f'"{site.rules.api_url}"'})
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    given = ["--settings", str(tmp_path / "settings.toml"), "--repository", REPOSITORY, "--pr", "1"]
    assert command_line(["submit", *given]) == Exit.BAD_INPUT
    assert "set REQUESTS_CA_BUNDLE" in capsys.readouterr().err
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there")
    assert command_line(["submit", *given]) == Exit.BAD_INPUT
    assert "REQUESTS_CA_BUNDLE names /not/there" in capsys.readouterr().err
    assert site.github.calls == []


def test_a_proxy_that_refuses_a_laptop_is_reported_by_the_variables_name(
    site: Site, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.credentials = "me:another"
    monkeypatch.setenv("HTTPS_PROXY", way.url.replace("//", "//me:guessed@"))
    with pytest.raises(ForbiddenError, match="put them into HTTPS_PROXY") as caught:
        ask(laptop(site.rules))
    assert "guessed" not in str(caught.value)


class _Version(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(dict.fromkeys(
            ("buildDate", "compiler", "gitCommit", "gitTag", "gitTreeState", "goVersion", "platform"), ""
        ) | {"version": "v4.1.4"}).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def argo(site: Site) -> Iterator[str]:
    """An Argo Server behind the same CA; its host and port."""
    server = HTTPServer(("127.0.0.1", 0), _Version)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # who does not trust it hangs up
    tls = site.authority.issue("argo", file_name="argo").server()
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_argo_server_is_reached_by_the_same_variables(
    site: Site, argo: str, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version() -> str:
        return connect_argo_server({**os.environ, "ARGO_SERVER": argo}, namespace="argo").version()

    with pytest.raises(CertificateError, match=r"Argo Server cannot be verified .* set REQUESTS_CA_BUNDLE"):
        version()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.authority.certificate))
    assert version() == "v4.1.4"
    monkeypatch.setenv("HTTPS_PROXY", way.url)
    assert version() == "v4.1.4"
    assert way.targets == [argo]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there")
    with pytest.raises(BadInputError, match="REQUESTS_CA_BUNDLE names"):
        version()
