"""Argo Server behind an ingress: what the ingress answers in its place, and addresses that are none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import main
from pipelines.client.argo_server import ArgoServer, connect_argo_server
from pipelines.client.submission import wait_for_workflow
from steps.core.errors import (
    BadInputError,
    ConflictError,
    Exit,
    ForbiddenError,
    NotFoundError,
    StepError,
    UnavailableError,
)
from tests.doubles.clock import ManualClock
from tests.support.harness import NEW
from tests.support.settings_files import write_settings

pytestmark = pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # Hera's own

NAME = "cancel-x"
MISMATCH = "the namespace of the provided object does not match the namespace sent on the request"
PAGE = b"<html>Sign in, secret</html>"
WORKFLOW: dict[str, Any] = {"metadata": {"name": NAME}, "spec": {}}
SUCCEEDED = WORKFLOW | {"status": {"phase": "Succeeded"}}
SHAPES: tuple[bytes, ...] = (
    PAGE,
    b"",
    b"secret",
    b"[]",
    b"null",
    b'{"a": 1}',
    b'{"metadata": [], "spec": {}}',
    b'{"metadata": {}, "spec": {}}',
    b'{"metadata": {"name": "other"}, "spec": {}}',
    b'{"metadata": {"name": "cancel-x"}, "spec": "secret"}',
    b"[" * 20000,
)


@dataclass
class Ingress:
    """A server that gives these answers, the last one for ever."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: int = 0
    address: str = ""
    paths: list[str] = field(default_factory=list)

    def refusal(self, sent: bytes) -> tuple[int, bytes] | None:
        """What Argo Server passes on of the API server, if a Workflow names another namespace than the path."""
        namespace = json.loads(sent or b"{}").get("workflow", {}).get("metadata", {}).get("namespace")
        if namespace in (None, self.paths[-1].rpartition("/")[2]):
            return None
        return 400, json.dumps({"code": 3, "message": MISMATCH}).encode()

    def next(self) -> tuple[int, bytes]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.fixture
def ingress() -> Iterator[Ingress]:
    found = Ingress()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.paths.append(self.path)
            status, body = found.refusal(sent) or found.next()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def connected(ingress: Ingress, *answers: tuple[int, bytes | dict[str, Any]]) -> ArgoServer:
    ingress.answers = [
        (status, body if isinstance(body, bytes) else json.dumps(body).encode()) for status, body in answers
    ]
    return connect_argo_server({"ARGO_SERVER": ingress.address, "ARGO_SECURE": "false"}, namespace="argo")


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 520, 529])
@pytest.mark.parametrize("body", [PAGE, b"", b'{"message": "later"}', b"{}"])
def test_an_ingress_that_is_away_for_a_moment_does_not_end_the_waiting(
    ingress: Ingress, status: int, body: bytes
) -> None:
    cluster = connected(ingress, (status, body), (status, body), (200, SUCCEEDED))
    result = wait_for_workflow(NAME, cluster=cluster, clock=ManualClock(), deadline_s=60, progress=lambda _: None)
    assert result.phase == "Succeeded"
    assert ingress.asked == 3


@pytest.mark.parametrize("body", SHAPES)
def test_another_document_is_not_a_workflow(ingress: Ingress, body: bytes) -> None:
    cluster = connected(ingress, (200, body))
    with pytest.raises(UnavailableError, match=r"Argo Server: .* came: check ARGO_SERVER") as caught:
        cluster.get(NAME)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("body", [body for body in SHAPES if b"other" not in body])
def test_another_document_is_not_a_created_workflow(ingress: Ingress, body: bytes) -> None:
    cluster = connected(ingress, (200, body))
    with pytest.raises(UnavailableError, match=r"Argo Server: .* came: check ARGO_SERVER"):
        cluster.create(WORKFLOW)
    assert ingress.asked == 1, "it may exist"


@pytest.mark.parametrize("body", [PAGE, b"[]", b'{"version": 1}', b'{"version": null}', b"{}"])
def test_another_document_is_not_a_version(ingress: Ingress, body: bytes) -> None:
    with pytest.raises(UnavailableError, match=r"Argo Server: .* came: check ARGO_SERVER"):
        connected(ingress, (200, body)).version()


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (404, b'{"code": 5, "message": "workflow not found"}', NotFoundError, "404 workflow not found"),
        (409, b'{"code": 6, "message": "exists"}', ConflictError, "409 exists"),
        (400, b'{"code": 3, "message": "bad"}', BadInputError, "400 bad"),
        (401, b'{"code": 16, "message": "token not valid"}', ForbiddenError, "set ARGO_TOKEN"),
        (403, b"{}", ForbiddenError, "set ARGO_TOKEN"),
        (403, b'{"message": null}', ForbiddenError, "set ARGO_TOKEN"),
        (401, PAGE, ForbiddenError, "set ARGO_TOKEN"),
        (404, PAGE, UnavailableError, "an HTML page with status 404 came: check ARGO_SERVER"),
        (404, b"default backend - 404", UnavailableError, "text with status 404 came"),
        (409, PAGE, UnavailableError, "an HTML page with status 409 came"),
        (418, b"[]", UnavailableError, "JSON of another kind with status 418 came"),
        (404, b'{"message": "no route, secret"}', UnavailableError, "JSON of another kind with status 404 came"),
        (400, b'{"message": 1}', UnavailableError, "JSON of another kind with status 400 came"),
    ],
)
def test_a_refusal_is_an_error_by_meaning(
    ingress: Ingress, status: int, body: bytes, error: type[StepError], said: str
) -> None:
    with pytest.raises(StepError) as caught:
        connected(ingress, (status, body)).get(NAME)
    assert type(caught.value) is error
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "[::1",
        "127.0.0.1:abc",
        "127.0.0.1:99999",
        "host with space:1",
        "http://127.0.0.1:1",
        "me:secret@host:1",
        ":2746",
        "a/b",
    ],
)
def test_an_address_that_is_none_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    monkeypatch.setenv("ARGO_SERVER", address)
    assert main(("submit", "--ref=task-7", f"--sha={NEW}")) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "ARGO_SERVER is not host:port: set it to the address of Argo Server, such as argo.example.com:443" in output
    assert "secret" not in output


@pytest.mark.parametrize("address", ["127.0.0.1:2746", "argo.example.com", "[::1]:2746", " argo.example.com:443 "])
def test_an_address_with_or_without_a_port_is_one(address: str) -> None:
    assert connect_argo_server({"ARGO_SERVER": address}, namespace="argo").namespace == "argo"


@pytest.mark.parametrize(
    ("given", "namespace"), [((), "agent-cancellation"), (("--namespace=stop-agents",), "stop-agents")]
)
def test_the_workflow_is_created_where_its_template_is_and_not_where_the_argo_command_works(
    ingress: Ingress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: tuple[str, ...], namespace: str
) -> None:
    ingress.answers = [(200, json.dumps(WORKFLOW).encode())]
    settings = write_settings(tmp_path)
    for name, value in {"SERVER": ingress.address, "SECURE": "false", "NAMESPACE": "my-own-workflows"}.items():
        monkeypatch.setenv(f"ARGO_{name}", value)
    command = ("submit", f"--settings={settings}", "--ref=task-7", f"--sha={NEW}", "--no-wait", *given)
    assert main(command) == Exit.DONE
    assert ingress.paths == [f"/api/v1/workflows/{namespace}"]
