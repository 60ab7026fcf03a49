"""The way to GitHub: an own CA and a proxy, for nothing but GitHub, and what is said when the way is barred.

Certificates, handshakes, tunnels and refusals are real; GitHub is the double, behind TLS.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from pipelines.cli.main import main as command_line
from pipelines.client.argo_server import connect_argo_server
from pipelines.client.github import connect_github as laptop_connect
from pipelines.client.kubeconfig import kube_client as laptop_kube
from pipelines.doctor.check import Installation, run_checks
from pipelines.doctor.registry import CHECKS
from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.config_maps import breakers
from pipelines.manifests.network_policy import network_policy_manifest
from pipelines.manifests.reconcile_workflow import reconcile_template
from pipelines.settings import Settings
from steps.cancellation.workflow import build_workflow as workflow_of_a_push
from steps.core.errors import BadInputError, CertificateError, Exit, ForbiddenError, UnavailableError
from steps.github.client import GitHub
from steps.github.connection import CA_BUNDLE_VARIABLES
from steps.kube.connection import connect_kubernetes
from steps.runtime.github_connections import GitHubConnections
from steps.settings.github import GitHubSettings
from steps.settings.loading import SETTINGS_ENV
from steps.telemetry.audit import WriteCause, WriteReason
from steps.telemetry.measurements import Measurements
from tests.doubles import argo_controller, proxy
from tests.doubles import github as github_double
from tests.doubles.argo_workflows import Argo, Process
from tests.doubles.kubernetes import ApiServer, serve, write_kubeconfig
from tests.doubles.platform.client import Client
from tests.doubles.platform.crd import CRD
from tests.integration.control_plane.installation import settings_with
from tests.integration.control_plane.pki import Authority
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, TOKEN, Scene
from tests.support.keys import PRIVATE, PUBLIC
from tests.support.scene.in_process import InProcess
from tests.support.settings_files import write_settings

PASSWORD = "p@ss/word"
CA = "corporate-ca"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def nothing_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names neither a proxy nor a bundle."""
    for name in (*CA_BUNDLE_VARIABLES, *PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A GitHub Enterprise: what it holds, where it is, and how its pods are told of it.

    Attributes:
        host: Its address and port.
        rules: As the settings name it, with its CA and its Secret mounted, and no proxy.
        authority: Whose certificate it shows.
    """

    github: github_double.GitHub
    host: str
    rules: GitHubSettings
    authority: Authority


def a_github() -> github_double.GitHub:
    github = github_double.GitHub()
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress"])
    github.add_pull_request(head="task-7-work", sha=NEW, labels=["ready-for-qa"])
    github.add_token(TOKEN)
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC)
    return github


def rules_for(url: str, folder: Path) -> GitHubSettings:
    mounted = replace(DEFAULTS.github, ca_config_map=CA, ca_dir=str(folder), credentials_dir=str(folder / "secret"))
    return replace(mounted, api_url=url, attempts=2)


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


def from_a_pod(scene: Scene, rules: GitHubSettings) -> GitHub:
    """What a step connects with."""
    connect = GitHubConnections(
        settings=rules,
        clock=scene.clock,
        breaker=scene.breakers().github,
        measured=Measurements(),
        audit=scene.audit(),
    )
    return connect(lambda: None)


def ask(github: GitHub) -> str:
    """Ask GitHub something; the head of its pull request."""
    return github.pull_request(repository=REPOSITORY, number=1).head_sha


# A whole push, by the rendered commands and environments.


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster's API server, and what a pod of the steps finds there."""

    api: ApiServer
    client: Client
    environment: dict[str, str]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """An API server with our objects; its pods inherit a proxy that leads nowhere, and a bundle that is not there."""
    spaces = DEFAULTS.namespaces
    api = ApiServer(namespaces=("default", spaces.workflows, spaces.agents[0], spaces.events))
    for each in (CRD, argo_controller.CRD, breakers(DEFAULTS)):
        api.create(each)
    with serve(api) as url:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url)
        client = Client.from_kubeconfig(kubeconfig, user_agent="argo")
        inherited = {"HTTPS_PROXY": "http://127.0.0.1:1", CA_BUNDLE_VARIABLES[0]: "/not/there"}
        needed = {"KUBECONFIG": str(kubeconfig), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}
        yield Cluster(api=api, client=client, environment=needed | inherited)
        client.close()


def play(cluster: Cluster, rules: GitHubSettings) -> Process:
    """Run the Workflow of a push as processes."""
    usual = DEFAULTS.github
    settings = replace(DEFAULTS, github=replace(rules, ca_dir=usual.ca_dir, credentials_dir=usual.credentials_dir))
    values = {
        "repository": REPOSITORY,
        "task-id": "7",
        "ref": "refs/heads/task-7-work",
        "sha": NEW,
        "pushed-at": str(int(time.time())),
        "correlation-id": "delivery-1",
    }
    created = cluster.api.create(workflow_of_a_push(values, settings=settings))
    template = workflow_template(settings)
    argo = Argo(
        template=template,
        client=cluster.client,
        environment=cluster.environment,
        mounts={usual.ca_dir: Path(rules.ca_dir), usual.credentials_dir: Path(rules.credentials_dir)},
        monotonic=time.monotonic,
    )
    return argo.attempt(created)


def test_a_push_is_dealt_with_behind_a_ca_of_ones_own_and_a_proxy(
    site: Site, way: proxy.Proxy, cluster: Cluster
) -> None:
    process = play(cluster, replace(site.rules, proxy=way.url))
    assert process.exit_code == 0, process.output
    assert site.github.labels(1) == ("remediation-in-progress",)
    assert set(way.targets) == {site.host}, "nothing but GitHub goes through the proxy"
    assert way.refused == []
    assert cluster.api.calls, "the API server was asked all the same"


def test_without_the_ca_the_step_names_the_setting_and_is_not_tried_again(site: Site, cluster: Cluster) -> None:
    process = play(cluster, replace(site.rules, ca_config_map=""))
    assert process.exit_code == Exit.BAD_INPUT
    last = json.loads(process.output.splitlines()[-1])
    assert last["error"] == "CertificateError"
    assert "set github.ca_config_map" in last["event"]
    assert site.host in last["event"]
    assert site.github.calls == [], "nothing was sent"
    breakers = cluster.api.get("configmaps", DEFAULTS.breaker.config_map, namespace=DEFAULTS.namespaces.workflows)
    assert "data" not in breakers, "it says nothing of GitHub's health"


# Certificates.


def test_the_cas_certificates_count_for_github_whatever_stands_between_them(scene: Scene, site: Site) -> None:
    bundle = site.authority.certificate
    bundle.write_text(f"# Főtanúsítvány\n\n{bundle.read_text()}")
    assert ask(from_a_pod(scene, site.rules)) == NEW


def test_a_certificate_of_somebody_else_is_refused_and_told_apart(scene: Scene, site: Site, tmp_path: Path) -> None:
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


def test_a_server_that_breaks_off_the_handshake_is_waited_for(scene: Scene, site: Site) -> None:
    """What TLS says of a connection that was cut is no word on a certificate."""
    with github_double.serve(a_github()) as plain, pytest.raises(UnavailableError, match="SSLError"):
        ask(from_a_pod(scene, replace(site.rules, api_url=plain.replace("http:", "https:"))))


def test_a_name_that_nobody_knows_is_told_apart_from_a_server_that_is_down(
    scene: Scene, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnavailableError, match=r"/pulls/1: github\.example: its name cannot be resolved"):
        ask(from_a_pod(scene, replace(site.rules, api_url="https://github.example")))


def test_a_port_at_which_nobody_listens_is_named(scene: Scene, site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(
        UnavailableError, match=f"/pulls/1: {host}: connection refused: nothing listens on this address and port"
    ):
        ask(from_a_pod(scene, replace(site.rules, api_url=f"https://{host}")))


def test_a_connection_that_is_broken_off_is_no_server_that_is_down(scene: Scene, site: Site) -> None:
    site.github.fault(github_double.reset(), times=float("inf"))
    with pytest.raises(UnavailableError, match=f"/pulls/1: {site.host}: it closed the connection"):
        ask(from_a_pod(scene, site.rules))


def test_what_was_not_sent_is_no_write_whose_end_is_unknown(scene: Scene, site: Site) -> None:
    with pytest.raises(CertificateError):
        from_a_pod(scene, replace(site.rules, ca_config_map="")).add_label(
            repository=REPOSITORY,
            number=1,
            label="remediation-in-progress",
            reason=WriteReason(cause=WriteCause.ADD_LABEL, epoch=1),
        )
    (line,) = [each for each in scene.events() if each["event"] == "audit"]
    assert line["result"] == "refused"


# The proxy.


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


def test_a_proxy_that_forbids_the_way_is_not_asked_again(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    way.refuses = 403
    with pytest.raises(ForbiddenError, match=r"allow this connection at the proxy, or correct github\.proxy"):
        ask(from_a_pod(scene, replace(site.rules, proxy=way.url)))
    assert way.refused == [site.host]


def test_a_proxy_that_is_busy_is_asked_again(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    way.refuses = 503
    with pytest.raises(UnavailableError, match="through the proxy 127"):
        ask(from_a_pod(scene, replace(site.rules, proxy=way.url)))
    assert way.refused == [site.host] * 2


def test_behind_a_proxy_a_wrong_certificate_is_told_as_well(scene: Scene, site: Site, way: proxy.Proxy) -> None:
    with pytest.raises(CertificateError, match=f"the certificate of {site.host} cannot"):
        ask(from_a_pod(scene, replace(site.rules, proxy=way.url, ca_config_map="")))


# What is not GitHub's.


def test_what_a_cluster_puts_into_a_pods_environment_changes_nothing(
    scene: Scene, site: Site, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, way.url)
    for name in CA_BUNDLE_VARIABLES:
        monkeypatch.setenv(name, "/not/there")
    assert ask(from_a_pod(scene, site.rules)) == NEW
    assert way.targets == []


def test_a_pod_asks_the_api_server_straight_and_by_the_clusters_own_ca(
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


# From a laptop.


def laptop(rules: GitHubSettings) -> GitHub:
    return laptop_connect(rules, found={"token": TOKEN}, where="GITHUB_TOKEN")


def test_a_laptop_goes_the_way_that_its_environment_names(
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


def test_a_laptop_without_the_ca_is_told_what_to_set(
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


def test_a_proxy_that_refuses_a_laptop_is_told_by_the_variables_name(
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


# What the doctor says.


def examined(scene: Scene, settings: Settings) -> dict[str, tuple[str, str]]:
    """Verdict and finding of the checks of GitHub."""
    token = {"GITHUB_TOKEN": TOKEN}
    kube = laptop_kube(settings, transport=InProcess(scene.api))
    installation = Installation(settings=settings, kube=kube, now=scene.clock.now(), env=token)
    checks = {name: CHECKS[name] for name in ("github's ca", "github")}
    return {each.check: (each.status, each.found) for each in run_checks(installation, checks)}


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (None, "wrong", f"has no ConfigMap {CA}"),
        ({"ca.pem": "x"}, "wrong", "has no key ca.crt"),
        ({"ca.crt": "not PEM"}, "wrong", "does not hold certificates"),
        ({"ca.crt": ""}, "ok", "has certificates"),
    ],
)
def test_the_doctor_looks_at_the_bundle(
    scene: Scene, site: Site, data: dict[str, str] | None, status: str, said: str
) -> None:
    if data is not None:
        if status == "ok":
            data = {"ca.crt": site.authority.certificate.read_text()}
        metadata = {"name": CA, "namespace": DEFAULTS.namespaces.workflows}
        scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    found = examined(scene, replace(DEFAULTS, github=site.rules))
    assert found["github's ca"][0] == status
    assert said in found["github's ca"][1]


def test_what_bars_a_laptops_way_is_unknown_of_the_pods(
    scene: Scene, site: Site, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(DEFAULTS, github=site.rules)
    status, said = examined(scene, settings)["github"]
    assert (status, "set REQUESTS_CA_BUNDLE" in said) == ("unknown", True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there")
    status, said = examined(scene, settings)["github"]
    assert (status, "REQUESTS_CA_BUNDLE names" in said) == ("unknown", True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.authority.certificate))
    assert examined(scene, settings)["github"][0] == "ok"
    way.refuses = 403
    monkeypatch.setenv("HTTPS_PROXY", way.url)
    status, said = examined(scene, settings)["github"]
    assert (status, "correct HTTPS_PROXY" in said) == ("unknown", True)


# What is rendered.


def told(**changes: Any) -> Settings:  # noqa: ANN401 - passed on
    """The shipped settings with others for GitHub."""
    return replace(DEFAULTS, github=replace(DEFAULTS.github, **changes))


@pytest.mark.parametrize("name", [CA, "github", "tmp", "corporate-ca.example.com"])
def test_every_pod_that_asks_github_mounts_the_bundle_and_none_waits_for_it(name: str) -> None:
    settings = told(ca_config_map=name)
    templates = [workflow_template(settings), reconcile_template(settings)]
    assert [problem for each in templates for problem in validate(each)] == []
    parts = [part for each in templates for part in each["spec"]["templates"] if "volumes" in part]
    assert [part["name"] for part in parts] == [names.ENTRYPOINT, names.FAIL, names.RECONCILE]
    for part in parts:
        (volume,) = [each for each in part["volumes"] if each.get("configMap", {}).get("name") == name]
        assert volume["configMap"] == {"name": name, "optional": True}
        assert len({each["name"] for each in part["volumes"]}) == len(part["volumes"])
        for container in part.get("containerSet", {}).get("containers") or [part["container"]]:
            (mount,) = [each for each in container["volumeMounts"] if each["name"] == volume["name"]]
            assert mount["mountPath"] == settings.github.ca_dir


def test_without_it_nothing_is_mounted() -> None:
    assert DEFAULTS.github.ca_dir not in json.dumps(
        [part.get("volumes") for part in workflow_template(DEFAULTS)["spec"]["templates"]]
    )


@pytest.mark.parametrize(
    ("changes", "port"),
    [
        ({"proxy": "http://proxy.example.com:3128"}, 3128),
        ({"proxy": "http://proxy.example.com"}, 80),
        ({"api_url": "https://github.example.com:8443/api/v3"}, 8443),
        ({"api_url": "https://github.example.com:8443/api/v3", "proxy": "http://proxy.example.com:3128"}, 3128),
        ({}, 443),
    ],
)
def test_the_port_that_pods_connect_to_is_let_out(changes: dict[str, str], port: int) -> None:
    _, egress = network_policy_manifest(told(**changes))["spec"]["egress"]
    assert [each["port"] for each in egress["ports"]] == sorted({443, 6443, port})


def test_no_container_is_told_of_the_proxy_but_by_the_settings() -> None:
    text = json.dumps(workflow_template(told(proxy="http://proxy.example.com:3128")))
    assert "_PROXY" not in text.upper()
    assert text.count("http://proxy.example.com:3128") == text.count(f'"{SETTINGS_ENV}"')


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("proxy", f"http://me:{PASSWORD}@proxy:3128", "the Secret that workflow.credentials_secret names"),
        ("proxy", "http://me@proxy:3128", "credentials do not belong here"),
        ("api_url", f"https://me:{PASSWORD}@github.example.com", "credentials do not belong here"),
        ("proxy", "proxy:3128", "not an address"),
        ("proxy", "socks5://proxy:1080", "not an address"),
        ("proxy", "http://proxy:99999", "not an address"),
        ("proxy", "http://pro xy:3128", "not an address"),
        ("proxy", "https://proxy:3128", "http://"),
        ("api_url", "github.example.com", "not an address"),
        ("api_url", "https://", "not an address"),
        ("api_url", "", "at least one"),
        ("ca_config_map", "Corporate CA", "give the name of a ConfigMap"),
        ("ca_key", "../token", "give letters, digits"),
    ],
)
def test_an_address_that_is_none_or_holds_credentials_is_refused(
    tmp_path: Path, key: str, value: str, said: str
) -> None:
    before = json.dumps(getattr(DEFAULTS.github, key))
    with pytest.raises(BadInputError, match=f"github.{key}: ") as caught:
        settings_with({f"\n{key} = {before}": f"\n{key} = {json.dumps(value)}"}, folder=tmp_path)
    assert said in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_the_doctor_asks_for_no_repository_if_all_of_an_owner_count(scene: Scene) -> None:
    events = replace(DEFAULTS.events, repositories=("5dlabs/*",))
    api = replace(DEFAULTS.github, api_url=scene.github_url)
    found = examined(scene, replace(DEFAULTS, github=api, events=events))
    assert found["github"] == ("ok", "events.repositories names no single repository")
    assert not [call for call in scene.github.calls if "*" in call.path]
