"""The doctor, on a real API server: silent about a healthy installation, and by name about each of the broken ones."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from pipelines.cli.main import main
from steps.core.keys import PREFIX
from tests.doubles import github as github_double
from tests.doubles.platform.client import MERGE_PATCH, Client
from tests.integration.control_plane.installation import Installation

pytestmark = pytest.mark.control_plane

Json = dict[str, Any]
ARGO_NAMESPACE, TOKEN, WEBHOOK = "argo", "ghp_doctor", "the-webhooks-own"
ARGO = "/apis/argoproj.io/v1alpha1/namespaces"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{ARGO_NAMESPACE}/deployments/workflow-controller"
CONTROLLER = f"/api/v1/namespaces/{ARGO_NAMESPACE}/configmaps/workflow-controller-configmap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A healthy installation, and what can be done to it."""

    client: Client
    settings: Path
    paths: dict[str, str]

    def examine(self, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[Json]]:
        """What the doctor says."""
        capsys.readouterr()
        code = main(["doctor", "--settings", str(self.settings), "--json", *more])
        found: list[Json] = json.loads(capsys.readouterr().out)
        return code, found

    @contextmanager
    def changed(self, path: str, patch: Json) -> Iterator[None]:
        """An object in another state for a while."""
        before = self.client.ask("GET", path)
        self.client.ask("PATCH", path, patch, content_type=MERGE_PATCH)
        try:
            yield
        finally:
            self.restore(path, before)

    @contextmanager
    def gone(self, path: str) -> Iterator[None]:
        """An object that is not there for a while."""
        before = self.client.ask("GET", path)
        self.client.ask("DELETE", path)
        try:
            yield
        finally:
            again = copy.deepcopy(before)
            for field in ("resourceVersion", "uid", "creationTimestamp", "generation"):
                again["metadata"].pop(field, None)
            self.client.ask("POST", path.rpartition("/")[0], again)
            if "status" in before:
                put_status(self.client, path, before["status"])

    def restore(self, path: str, before: Json) -> None:
        """Put an object back as it was."""
        version = self.client.ask("GET", path)["metadata"]["resourceVersion"]
        again = copy.deepcopy(before)
        again["metadata"]["resourceVersion"] = version
        self.client.ask("PUT", path, again)


def put(client: Client, path: str, body: Json) -> None:
    """Create an object, or merge into the one that is there."""
    if client.request("POST", path.rpartition("/")[0], body).status == 409:
        client.ask("PATCH", path, body, content_type=MERGE_PATCH)


def put_status(client: Client, path: str, status: Json) -> None:
    """What a controller would write."""
    if client.request("PATCH", f"{path}/status", {"status": status}, content_type=MERGE_PATCH).status == 404:
        client.ask("PATCH", path, {"status": status}, content_type=MERGE_PATCH)


def ready(*types: str) -> Json:
    return {"conditions": [{"type": each, "status": "True"} for each in types]}


@pytest.fixture(scope="module")
def ward(installation: Installation, github: tuple[github_double.GitHub, str]) -> Ward:
    """What people and Argo's controllers add to an installation until it works."""
    client, spaces = installation.client, installation.settings.namespaces
    events = installation.settings.events
    paths = {
        "deployment": DEPLOYMENT,
        "controller": CONTROLLER,
        "bus": f"{ARGO}/{spaces.events}/eventbus/default",
        "source": f"{ARGO}/{spaces.events}/eventsources/{events.event_source}",
        "sensor": f"{ARGO}/{spaces.events}/sensors/{events.sensor}",
        "webhook secret": f"/api/v1/namespaces/{spaces.events}/secrets/{events.webhook_secret}",
        "github secret": (
            f"/api/v1/namespaces/{spaces.workflows}/secrets/{installation.settings.workflow.credentials_secret}"
        ),
        "slice": f"/apis/discovery.k8s.io/v1/namespaces/{spaces.events}/endpointslices/webhook",
        "schedule": f"{ARGO}/{spaces.workflows}/cronworkflows/{names.RECONCILE}",
        "template": f"{ARGO}/{spaces.workflows}/workflowtemplates/{names.TEMPLATE}",
        "limits": f"/api/v1/namespaces/{spaces.workflows}/configmaps/{names.LIMITS}",
        "role": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{spaces.agents[0]}/rolebindings/{names.STEPS_ACCOUNT}",
        "namespace": f"/api/v1/namespaces/{spaces.workflows}",
    }
    restricted = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    client.ask("PATCH", paths["namespace"], restricted, content_type=MERGE_PATCH)
    put(
        client,
        f"/api/v1/namespaces/{ARGO_NAMESPACE}",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGO_NAMESPACE}},
    )
    put(client, DEPLOYMENT, deployment("quay.io/argoproj/workflow-controller:v4.1.4"))
    put_status(client, DEPLOYMENT, {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1})
    settings = {"workflowRestrictions": "templateReferencing: Strict\n"}
    put(client, CONTROLLER, named("v1", "ConfigMap", "workflow-controller-configmap") | {"data": settings})
    put(
        client,
        paths["bus"],
        named("argoproj.io/v1alpha1", "EventBus", "default")
        | {"spec": {"jetstream": {"version": "latest", "maxPayload": "8MB"}}},
    )
    put_status(client, paths["bus"], ready("Configured", "Deployed"))
    put_status(client, paths["source"], ready("SourcesProvided", "Deployed"))
    put_status(client, paths["sensor"], ready("DependenciesProvided", "TriggersProvided", "Deployed"))
    put(client, paths["webhook secret"], secret(events.webhook_secret, {"secret": WEBHOOK}))
    put(
        client,
        paths["github secret"],
        secret(installation.settings.workflow.credentials_secret, {"token": TOKEN}),
    )
    put(client, paths["slice"], endpoints(f"{events.event_source}-eventsource-svc"))
    put_status(client, paths["schedule"], {"lastScheduledTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})
    for repository in events.repositories:
        if github[0].world.repository(repository) is None:
            github[0].add_repository(repository)
        github[0].add_hook(repository, events=["push", "pull_request"])
        github[0].world.label(github[0].repository(repository), installation.settings.labels.add)
    github[0].add_token(TOKEN, permissions={"contents": "read", "pull_requests": "write", "repository_hooks": "read"})
    return Ward(client=client, settings=installation.folder.parent / "settings.toml", paths=paths)


def named(version: str, kind: str, name: str) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def deployment(image: str) -> Json:
    labels = {"app": "workflow-controller"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    return named("apps/v1", "Deployment", "workflow-controller") | {"spec": spec}


def secret(name: str, values: dict[str, str]) -> Json:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return named("v1", "Secret", name) | {"data": encoded}


def endpoints(service: str) -> Json:
    body = named("discovery.k8s.io/v1", "EndpointSlice", "webhook")
    body["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    return body | {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}],
        "ports": [{"port": 12000}],
    }


@pytest.fixture(autouse=True)
def laptop(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop with the administrator's rights."""
    monkeypatch.setenv("KUBECONFIG", str(installation.plane.kubeconfig))
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)


def bad(found: list[Json]) -> list[tuple[str, str]]:
    return [(each["check"], each["status"]) for each in found if each["status"] != "ok"]


def test_a_healthy_installation_has_nothing_wrong(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = ward.examine(capsys)
    assert [each for each in found if each["status"] != "ok"] == []
    assert code == 0
    answer = json.dumps(found)
    assert TOKEN not in answer
    assert WEBHOOK not in answer


Break = Callable[[Ward], Any]


def _condition(ward: Ward) -> Any:  # noqa: ANN401 - a context
    status = {"conditions": [{"type": "Deployed", "status": "False", "message": "no such bus"}]}
    return _status(ward, "sensor", status)


@contextmanager
def _status(ward: Ward, what: str, status: Json) -> Iterator[None]:
    path = ward.paths[what]
    before = ward.client.ask("GET", path).get("status", {})
    put_status(ward.client, path, status)
    try:
        yield
    finally:
        put_status(ward.client, path, before)


def _data(values: dict[str, str | None]) -> Json:
    return {"data": {key: value and base64.b64encode(value.encode()).decode() for key, value in values.items()}}


@contextmanager
def _another_port(ward: Ward) -> Iterator[None]:
    """An endpoint of the API server behind its Service; this server publishes none, as it listens on loopback only."""
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    body = endpoints("kubernetes")
    put(ward.client, path, body | {"metadata": body["metadata"] | {"name": "kubernetes"}, "ports": [{"port": 16443}]})
    try:
        yield
    finally:
        ward.client.ask("DELETE", path)


def _version(ward: Ward) -> Any:  # noqa: ANN401 - a context
    container = {"name": "c", "image": "quay.io/argoproj/workflow-controller:v3.6.2"}
    return ward.changed(DEPLOYMENT, {"spec": {"template": {"spec": {"containers": [container]}}}})


BROKEN: list[tuple[str, Break, str, str, str]] = [
    ("no namespace is restricted", lambda w: w.changed(w.paths["namespace"], {"metadata": {"labels": None}}),
     "namespaces", "warning", "does not enforce the restricted"),
    ("Argo is gone", lambda w: w.gone(DEPLOYMENT), "argo", "wrong", "was not found"),
    ("Argo is too old", _version, "argo", "wrong", "Argo Workflows v3.6.2"),
    ("Argo has no pod", lambda w: _status(w, "deployment", {"availableReplicas": 0, "readyReplicas": 0}),
     "argo", "wrong", "no available pod"),
    ("anything may be referred to", lambda w: w.changed(CONTROLLER, {"data": None}),
     "argo's mode", "warning", "may choose their account"),
    ("Argo has an instance id", lambda w: w.changed(CONTROLLER, {"data": {"instanceID": "blue"}}),
     "argo's instance", "wrong", "no controller has the instance id (none) (argo: blue)"),
    ("the API server listens on another port", _another_port, "api server", "wrong", "listens on 16443, and"),
    ("pods have no init container",
     lambda w: w.changed(CONTROLLER, {"data": {"initlessPod": "enabled: true\n"}}),
     "argo's pods", "wrong", "pods have no init container"),
    ("pods have no init container, in one document",
     lambda w: w.changed(CONTROLLER, {"data": {"config": "initlessPod:\n  enabled: true\n"}}),
     "argo's pods", "wrong", "pods have no init container"),
    ("the bus is gone", lambda w: w.gone(w.paths["bus"]), "event bus", "wrong", "has no EventBus"),
    ("the bus carries only small messages",
     lambda w: w.changed(w.paths["bus"], {"spec": {"jetstream": {"maxPayload": None}}}),
     "event bus", "warning", "carries 1048576 bytes in a message"),
    ("a template was edited", lambda w: w.changed(w.paths["template"], {"spec": {"serviceAccountName": "root"}}),
     "objects", "wrong", "at spec.serviceAccountName"),
    ("a binding is gone", lambda w: w.gone(w.paths["role"]), "access", "wrong", "may not delete coderuns"),
    ("the limit is not a number", lambda w: w.changed(w.paths["limits"], {"data": {"concurrent": "many"}}),
     "limits", "wrong", "no Workflow can begin"),
    ("the webhook's secret is empty", lambda w: w.changed(w.paths["webhook secret"], _data({"secret": "\n"})),
     "webhook secret", "wrong", "signatures of webhooks are not checked"),
    ("the webhook's secret is gone", lambda w: w.gone(w.paths["webhook secret"]),
     "webhook secret", "wrong", "has no Secret"),
    ("the Sensor is not ready", _condition, "events", "wrong", "Deployed: no such bus"),
    ("the event is another", lambda w: w.changed(w.paths["source"], {"spec": {"github": {"org": None}}}),
     "events", "wrong", "no push arrives"),
    ("nothing takes webhooks", lambda w: w.gone(w.paths["slice"]), "webhook", "wrong", "get no answer"),
    ("reconcile is suspended", lambda w: w.changed(w.paths["schedule"], {"spec": {"suspend": True}}),
     "reconcile", "wrong", "is suspended"),
    ("reconcile has not run", lambda w: _status(w, "schedule", {"lastScheduledTime": "2026-01-01T00:00:00Z"}),
     "reconcile", "wrong", "has not run for"),
    ("half an App", lambda w: w.changed(w.paths["github secret"], _data({"token": None, "app-id": "42"})),
     "github secret", "wrong", "lack installation-id"),
    ("a token that has expired", lambda w: w.changed(w.paths["github secret"], _data({"token": "ghp_expired"})),
     "github", "wrong", "the token is wrong, revoked or expired"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("break_it", "check", "status", "said"), [each[1:] for each in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_each_fault_is_named_with_what_to_do(  # noqa: PLR0917 - one argument per column of the table
    ward: Ward, capsys: pytest.CaptureFixture[str], break_it: Break, check: str, status: str, said: str
) -> None:
    with break_it(ward):
        code, found = ward.examine(capsys)
    (named_,) = [each for each in found if each["check"] == check and said in each["found"]]
    assert named_["status"] == status
    assert named_["fix"]
    assert code == (1 if status == "wrong" else 0)
    assert "ghp_expired" not in json.dumps(found)


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        ('plural = "coderuns"', 'plural = "otherruns"', "kinds", "otherruns.agents.platform/v1 is not served"),
        ('agents = "agent-platform"', 'agents = "nowhere"', "namespaces", "namespace nowhere does not exist"),
        ('agents = "agent-platform"', 'agents = ["agent-platform", "nowhere"]', "namespaces", "nowhere does not exist"),
        ('state = ""', 'state = "nowhere"', "namespaces", "namespace nowhere does not exist"),
        ('state = ""', 'state = "default"', "access", "cancel-agents may not get configmaps in default"),
        ('agents = "agent-platform"', 'agents = ["agent-platform", "default"]', "access", "coderuns in default"),
        ('instance_id = ""', 'instance_id = "blue"', "argo's instance", "no controller has the instance id blue"),
        ('event_bus = "default"', 'event_bus = "other"', "event bus", "has no EventBus other"),
        ('event_bus = "default"', 'event_bus = "other"', "events", "sends to EventBus default"),
        ('sensor = "implementation-agent-remediation"', 'sensor = "other"', "objects", "Sensor other"),
        ("image_pull_secrets = []", 'image_pull_secrets = ["nowhere"]', "pull secrets", "has no Secret nowhere"),
        ("node_selector = {}", 'node_selector = { pool = "none" }', "nodes", "may run on none of 0 nodes"),
        ("every_s = 60 ", "every_s = 0 ", "reconcile", "an earlier version still runs reconcile"),
        ('group = "agents.platform"', 'group = "example.com"', "kinds", "coderuns.example.com/v1 is not served"),
        ('"batch/v1/jobs"', '"tekton.dev/v1/taskruns"', "kinds", "taskruns.tekton.dev/v1 is not served"),
        ('version = "v1"                     # API version', 'version = "v2"', "kinds", "/v2 is not served, only v1"),
        ('"batch/v1/jobs"', '"batch/v2/jobs"', "kinds", "jobs.batch/v2 is not served, only v1"),
        ('"batch/v1/jobs"', '"apps/v1/replicasets"', "access", "may not list replicasets"),
        ('repositories = ["5dlabs/cto"]', 'repositories = ["5dlabs/none"]', "github", "no repository 5dlabs/none"),
        ('ca_config_map = ""', 'ca_config_map = "nowhere"', "github's ca", "has no ConfigMap nowhere"),
        ("concurrent = 10\n", "concurrent = 11\n", "limits", "workflow.concurrent is 11"),
        ("api_server_ports = [443, 6443]", "api_server_ports = [8443]", "api server", "listens on 443, "),
        ('event_source = "github-eventsource"', 'event_source = "other"', "events", "has no EventSource other"),
    ],
)
def test_settings_that_do_not_fit_the_cluster_are_named(  # noqa: PLR0917 - as above
    ward: Ward, capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, check: str, said: str
) -> None:
    text = ward.settings.read_text()
    assert old in text
    path = tmp_path / "settings.toml"
    path.write_text(text.replace(old, new))
    other = Ward(client=ward.client, settings=path, paths=ward.paths)
    _, found = other.examine(capsys)
    assert any(each["check"] == check and said in each["found"] and each["status"] != "ok" for each in found)


def test_without_the_right_to_read_doctor_says_so_and_calls_nothing_ok(
    ward: Ward,
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    home = installation.settings.namespaces.workflows
    path = installation.plane.service_account_kubeconfig(home, names.STEPS_ACCOUNT, tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    code, found = ward.examine(capsys, "--no-github")
    assert code == 75
    by_check = {each["check"]: each["status"] for each in found}
    assert {by_check[name] for name in ("webhook secret", "github secret", "objects", "access", "argo")} == {"unknown"}
    assert by_check["kinds"] == "ok", "everybody may ask what is served"


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("v4.1.4", "ok"),
        ("v3.7.14", "ok"),
        ("v4.0.3", "warning"),
        ("v5.0.0", "warning"),
        ("v3.6.2", "wrong"),
        ("latest", "warning"),
    ],
)
def test_without_the_right_to_read_argos_controller_argo_server_is_asked(  # noqa: PLR0917 - as above
    ward: Ward,
    installation: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    version: str,
    status: str,
) -> None:
    home = installation.settings.namespaces.workflows
    path = installation.plane.service_account_kubeconfig(home, names.STEPS_ACCOUNT, tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with argo_server(version) as address:
        monkeypatch.setenv("ARGO_SERVER", address)
        monkeypatch.setenv("ARGO_SECURE", "false")
        _, found = ward.examine(capsys, "--no-github")
    assert [each["status"] for each in found if each["check"] == "argo"] == [status]


@contextmanager
def argo_server(version: str) -> Iterator[str]:
    """What an Argo Server says of its version."""
    answer = {
        **dict.fromkeys(("buildDate", "compiler", "gitCommit", "gitTag", "gitTreeState", "goVersion", "platform"), ""),
        "version": version,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v1/version" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_persons_own_token_is_enough_to_ask_github(
    ward: Ward, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    with ward.gone(ward.paths["github secret"]):
        _, found = ward.examine(capsys)
    statuses = {each["check"]: each["status"] for each in found}
    assert (statuses["github secret"], statuses["github"]) == ("wrong", "ok")


def test_a_task_that_waits_for_a_person_is_pointed_out(
    ward: Ward, installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    home = installation.settings.namespaces.workflows
    path = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases/cancel-doctor"
    body = named("coordination.k8s.io/v1", "Lease", "cancel-doctor")
    body["metadata"]["labels"] = {f"{PREFIX}/needs-attention": "true"}
    put(ward.client, path, body)
    try:
        code, found = ward.examine(capsys)
    finally:
        ward.client.ask("DELETE", path)
    assert code == 0
    assert any(each["check"] == "tasks" and "cancel-doctor" in each["found"] for each in found)


def test_the_table_is_plain_without_a_terminal_and_says_what_to_do(
    ward: Ward, capsys: pytest.CaptureFixture[str]
) -> None:
    with ward.gone(ward.paths["bus"]):
        capsys.readouterr()
        assert main(["doctor", "--settings", str(ward.settings), "--no-github"]) == 1
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "event bus" in output
    assert "→ create an EventBus named default" in output


def test_it_writes_nothing(ward: Ward, installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    before = ward.client.ask("GET", ward.paths["template"])
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{installation.settings.namespaces.workflows}/leases"
    count = len(ward.client.ask("GET", leases)["items"])
    ward.examine(capsys)
    assert ward.client.ask("GET", ward.paths["template"]) == before
    assert len(ward.client.ask("GET", leases)["items"]) == count
