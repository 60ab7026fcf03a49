"""Traces and profiles: what is sent, that it is little, and that nothing depends on it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.network_policy import network_policy_manifest
from pipelines.manifests.reconcile_workflow import reconcile_template
from pipelines.settings import Settings
from pipelines.settings.workflow import TracingSettings
from steps.core.clock import SystemClock
from steps.core.errors import BadInputError, Exit, NotFoundError
from steps.github.answers import span_name
from steps.settings.loading import SETTINGS_ENV
from steps.telemetry.log import Log
from steps.telemetry.profiling import PROFILE_ENV, profiled
from steps.telemetry.spans import Trace
from steps.telemetry.trace_context import TraceContext, trace_context_from_env
from steps.telemetry.tracing import TRACING_ENDPOINT_ENV, Tracer
from tests.doubles import otlp
from tests.doubles.clock import ManualClock
from tests.doubles.github import fail
from tests.doubles.kubernetes import serve, write_kubeconfig
from tests.integration.control_plane.installation import settings_with
from tests.support.harness import DEFAULTS, NEW, TOKEN, Scene
from tests.support.scene.workflow import parameters

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


# What is taken from the environment.


def test_argos_trace_context_is_read() -> None:
    found = trace_context_from_env(
        {"TRACEPARENT": TRACEPARENT, "TRACESTATE": "workflow=agent-cancellation/cancel-1, other=1"}
    )
    state = "workflow=agent-cancellation/cancel-1,other=1"
    assert found == TraceContext(trace_id=TRACE, parent_id=PARENT, sampled=True, state=state)


def test_a_trace_that_is_not_sampled_and_one_of_a_later_version_are_read() -> None:
    for text, sampled in ((f"00-{TRACE}-{PARENT}-00", False), (f"cc-{TRACE}-{PARENT}-03-more", True)):
        found = trace_context_from_env({"TRACEPARENT": text})
        assert found is not None
        assert found.sampled is sampled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        TRACEPARENT.upper(),
        TRACEPARENT + "\n",
        " " + TRACEPARENT,
        TRACEPARENT + "-more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE[:-1]}٣-{PARENT}-01",
        f'00-{TRACE}-{PARENT}-01","level":"error',
        f"cc-{TRACE}-{PARENT}-01-" + "x" * 500,
    ],
)
def test_a_malformed_trace_context_is_as_if_it_were_not_there(text: str) -> None:
    assert trace_context_from_env({"TRACEPARENT": text, "TRACESTATE": "a=1"}) is None
    assert Tracer(clock=ManualClock(), context=trace_context_from_env({"TRACEPARENT": text}), export=None).ids() == {}


@pytest.mark.parametrize("text", ["a", "A=1", "a=1,a=2", "a=1,,b=2", "a=\n", "a=1" + ",a1=2" * 40, "a=" + "x" * 600])
def test_a_malformed_trace_state_is_left_out(text: str) -> None:
    found = trace_context_from_env({"TRACEPARENT": TRACEPARENT, "TRACESTATE": text})
    assert found is not None
    assert found.state == ""


# Whole processes.


@dataclass(slots=True, kw_only=True)
class Pod:
    """A pod whose containers run here, as processes."""

    scene: Scene
    environment: dict[str, str]

    def run(self, step: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
        """Run a container to its end; its exit code and its log."""
        command = [sys.executable, "-m", f"steps.{step}"]
        given = self.environment | environment
        ran = subprocess.run(command, env=given, capture_output=True, text=True, timeout=25, check=False)
        assert ran.stderr == ""
        return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture
def pod(scene: Scene, tmp_path: Path) -> Iterator[Pod]:
    """A pod for a push that has nothing to stop, on the doubles over HTTP."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "token").write_text(TOKEN)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    holder = scene.context(workflow, pod="pod-1").holder
    github = replace(DEFAULTS.github, api_url=scene.github_url, credentials_dir=str(secret))
    settings = replace(DEFAULTS, github=github)
    with serve(scene.api) as url:
        values = {name.upper().replace("-", "_"): value for name, value in parameters(workflow.push).items()}
        identity = {
            "WORKFLOW_NAME": workflow.name,
            "WORKFLOW_UID": workflow.uid,
            "WORKFLOW_CREATED_AT": str(int(workflow.created_at.timestamp())),
            "POD_NAME": holder.pod,
            "POD_UID": holder.pod_uid,
            "SERVICE_ACCOUNT": "cancel-agents",
        }
        kubeconfig = str(write_kubeconfig(tmp_path / "kubeconfig", url))
        bare = {"PATH": os.environ["PATH"], "KUBECONFIG": kubeconfig, "PYTHONPATH": str(Path.cwd())}
        yield Pod(scene=scene, environment=bare | values | identity | {SETTINGS_ENV: settings.for_steps()})


def test_each_line_carries_argos_trace_also_without_a_collector(pod: Pod) -> None:
    code, log = pod.run("cancel", TRACEPARENT=TRACEPARENT, TRACESTATE="workflow=a/b")
    assert code == Exit.DONE
    assert {(line["trace_id"], line["parent_id"]) for line in log} == {(TRACE, PARENT)}
    assert not any("span_id" in line for line in log)


def test_a_push_is_one_trace_with_a_span_for_each_step_and_each_request(pod: Pod) -> None:
    pod.scene.github.fault(fail(502), method="GET", path="/pulls$")
    pod.scene.api.calls.clear()
    with otlp.serve() as collector:
        environment = {
            "TRACEPARENT": TRACEPARENT,
            "TRACESTATE": "workflow=a/b",
            TRACING_ENDPOINT_ENV: collector.url,
        }
        code, log = pod.run("cancel", **environment)
        assert code == Exit.DONE
        assert len({line["span_id"] for line in log}) == 1
    spans = collector.spans()
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert {span.trace_state for span in spans} == {"workflow=a/b"}
    steps = {span.name: span for span in spans if span.kind == Span.SPAN_KIND_INTERNAL}
    assert set(steps) == {"step cancel"}
    assert {span.parent_span_id.hex() for span in steps.values()} == {PARENT}
    assert otlp.attributes(steps["step cancel"]) == {
        "correlation_id": "delivery-1",
        "repository": "5dlabs/cto",
        "task": "7",
    }
    requests = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert {span.parent_span_id for span in requests} == {span.span_id for span in steps.values()}
    kubernetes = [span for span in requests if span.name.startswith("kubernetes")]
    assert len(kubernetes) == len(pod.scene.api.calls)
    assert len(requests) - len(kubernetes) == len(pod.scene.github.calls)
    failed = [span for span in requests if span.status.code == Status.STATUS_CODE_ERROR]
    assert [(span.name, otlp.attributes(span)["http.response.status_code"]) for span in failed][:1] == [
        ("github GET pulls", 502)
    ]
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)


def test_no_trace_goes_through_a_proxy_that_a_pod_inherits(pod: Pod) -> None:
    server = json.loads(Path(pod.environment["KUBECONFIG"]).read_text())["clusters"][0]["cluster"]["server"]
    with otlp.serve() as collector:
        # A kubeconfig's way does go by the environment, as kubectl's does.
        inherited = {"http_proxy": "http://127.0.0.1:1", "no_proxy": server.removeprefix("http://")}
        code, _ = pod.run("cancel", **inherited, **{TRACING_ENDPOINT_ENV: collector.url})
    assert (code, len(collector.requests)) == (Exit.DONE, 1)


def test_spans_have_few_names_and_neither_a_payload_nor_a_credential(pod: Pod) -> None:
    with otlp.serve() as collector:
        pod.run("cancel", **{TRACING_ENDPOINT_ENV: collector.url})
    text = b"".join(collector.bodies)
    record = pod.scene.lease()["metadata"]["annotations"]["agent-cancellation/record"]
    for secret in (TOKEN, NEW, record, "Bearer", "127.0.0.1", pod.scene.lease()["metadata"]["name"]):
        assert secret.encode() not in text
    names = {span.name for span in collector.spans()}
    assert all(re.fullmatch(r"(step|kubernetes|github)( [A-Z]+)? [a-z_]+", name) for name in names)
    allowed = {"http.request.method", "http.response.status_code", "error.type"}
    for span in collector.spans():
        if span.kind == Span.SPAN_KIND_CLIENT:
            assert set(otlp.attributes(span)) <= allowed


def test_a_trace_that_argo_does_not_sample_is_not_sent(pod: Pod) -> None:
    with otlp.serve() as collector:
        code, log = pod.run("cancel", TRACEPARENT=f"00-{TRACE}-{PARENT}-00", **{TRACING_ENDPOINT_ENV: collector.url})
    assert (code, collector.spans()) == (Exit.DONE, [])
    assert log[0]["trace_id"] == TRACE


@pytest.mark.parametrize("trouble", ["away", "failing", "silent", "no address"])
def test_a_collector_that_takes_nothing_changes_no_outcome(pod: Pod, trouble: str) -> None:
    with otlp.serve() as collector:
        collector.status = 503 if trouble == "failing" else 200
        if trouble == "silent":
            collector.silent.set()
        endpoint = {"away": "http://127.0.0.1:9", "no address": "http://[::1"}.get(trouble, collector.url)
        code, log = pod.run("cancel", **{TRACING_ENDPOINT_ENV: endpoint})
        assert code == Exit.DONE
        assert log[-1]["level"] == "warning"
        assert "traces" in log[-1]["event"]
    assert pod.scene.record().finished


def test_a_step_that_fails_says_so_in_its_span_and_keeps_its_exit_code(pod: Pod) -> None:
    pod.scene.github.fault(fail(401), method="GET", path="/pulls$")
    with otlp.serve() as collector:
        code, _ = pod.run("cancel", **{TRACING_ENDPOINT_ENV: collector.url})
    (step,) = [span for span in collector.spans() if span.name == "step cancel"]
    assert (code, otlp.attributes(step)["error.type"]) == (Exit.FORBIDDEN, "ForbiddenError")


def test_without_traces_the_library_is_not_imported() -> None:
    statement = "import sys, steps.cancel, steps.reconcile, steps.github.client; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, timeout=25, check=True)
    modules = set(ran.stdout.split())
    assert "steps.telemetry.tracing" in modules
    assert not {name for name in modules if name.partition(".")[0] in {"opentelemetry", "cProfile", "pstats"}}
    assert "steps.telemetry.otlp" not in modules


def test_with_traces_the_library_is_imported_only_after_the_work() -> None:
    statement = (
        "import sys; from steps.core import SystemClock; from steps.telemetry import tracer_from_env\n"
        "tracer = tracer_from_env({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:9'}, clock=SystemClock())\n"
        "with tracer.step('cancel'), tracer.request('x'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, timeout=25, check=True)
    assert ran.stdout.strip() == "[]"


# Its parts.


def test_an_image_without_the_extra_says_so_and_goes_on() -> None:
    def missing(_: Trace) -> Any:  # noqa: ANN401 - never returns
        raise ModuleNotFoundError("opentelemetry")

    output = io.StringIO()
    clock = ManualClock()
    tracer = Tracer(clock=clock, context=None, export=missing)
    with tracer.step("cancel"):
        pass
    tracer.flush(log=Log(clock=clock, stream=output))
    assert "EXTRAS=tracing" in output.getvalue()


def test_a_sender_that_never_returns_is_left_behind() -> None:
    output, clock = io.StringIO(), SystemClock()
    with otlp.serve() as collector:
        collector.silent.set()
        tracer = Tracer(clock=clock, context=None, export=lambda _: lambda: collector.released.wait(20))
        with tracer.step("cancel"):
            pass
        tracer.flush(log=Log(clock=clock, stream=output), within_s=0.01)
    assert json.loads(output.getvalue())["in_time"] is False


def test_the_number_of_spans_is_bounded_and_dropped_spans_are_counted() -> None:
    tracer = Tracer(clock=ManualClock(), context=None, export=lambda _: lambda: True)
    with tracer.step("reconcile"):
        for _ in range(2100):
            with tracer.request("kubernetes GET leases"):
                pass
    assert (len(tracer.spans), tracer.dropped, tracer.spans[-1].name) == (2001, 100, "step reconcile")


def test_a_requests_error_and_time_are_noted() -> None:
    clock = ManualClock()
    tracer = Tracer(clock=clock, context=None, export=lambda _: lambda: True)

    def ask() -> None:
        with tracer.request("kubernetes GET leases"):
            clock.sleep(2)
            raise NotFoundError("a text")

    with pytest.raises(NotFoundError):
        ask()
    (span,) = tracer.spans
    assert (span.error, span.end_ns - span.start_ns) == ("NotFoundError", 2 * 10**9)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/repos/5dlabs/labels/pulls/7", "github GET pulls"),
        ("/repos/5dlabs/cto/issues/7/labels/ready-for-qa", "github GET labels"),
        ("/repos/5dlabs/cto/issues/comments/7", "github GET comments"),
        ("/user", "github GET user"),
        ("/repos/5dlabs/cto/whatever", "github GET other"),
    ],
)
def test_a_request_to_github_is_named_by_what_it_asks_for(path: str, name: str) -> None:
    assert span_name("GET", path) == name


# What is rendered.


def rendered_with(endpoint: str, *, profile: bool = False) -> Settings:
    workflow = replace(DEFAULTS.workflow, profile=profile)
    return replace(DEFAULTS, tracing=TracingSettings(endpoint=endpoint), workflow=workflow)


@pytest.mark.parametrize(
    ("endpoint", "port"), [("http://otel.observability:4318", 4318), ("http://otel/x", 80), ("https://otel", 443)]
)
def test_the_collectors_port_is_let_out_and_its_address_is_in_every_container(endpoint: str, port: int) -> None:
    settings = rendered_with(endpoint)
    _, egress = network_policy_manifest(settings)["spec"]["egress"]
    assert [each["port"] for each in egress["ports"]] == sorted({443, 6443, port})
    for template in (workflow_template(settings), reconcile_template(settings)):
        text = json.dumps(template)
        assert text.count(json.dumps({"name": TRACING_ENDPOINT_ENV, "value": endpoint})) == text.count(
            f'"{SETTINGS_ENV}"'
        )


def test_without_traces_nothing_is_rendered() -> None:
    text = json.dumps(workflow_template(DEFAULTS))
    assert TRACING_ENDPOINT_ENV not in text
    assert PROFILE_ENV not in text
    assert PROFILE_ENV in json.dumps(workflow_template(rendered_with("", profile=True)))


@pytest.mark.parametrize("endpoint", ["otel:4318", "http://user:secret@otel:4318", "http://otel:99999", "http://"])
def test_an_address_that_is_none_is_refused(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="tracing"):
        settings_with({'endpoint = ""': f'endpoint = "{endpoint}"'}, folder=tmp_path)


# The profile.


def test_a_step_writes_its_profile_if_it_is_asked_to(pod: Pod) -> None:
    code, log = pod.run("cancel", **{PROFILE_ENV: "1"})
    found = [line for line in log if line["event"] == "profile"]
    assert code == Exit.DONE
    assert 10 <= len(found) <= 25
    assert "cancel" in {line["function"] for line in found}
    assert [line["total_s"] for line in found] == sorted((line["total_s"] for line in found), reverse=True)


def test_a_step_that_fails_is_profiled_as_well() -> None:
    output = io.StringIO()
    log = Log(clock=ManualClock(), stream=output)
    with pytest.raises(NotFoundError), profiled({PROFILE_ENV: "1"}, log=log):
        raise NotFoundError("a text")
    assert "a text" not in output.getvalue()


def test_by_default_there_is_no_profile(pod: Pod) -> None:
    _, log = pod.run("cancel", **{PROFILE_ENV: "0"})
    assert not [line for line in log if line["event"] == "profile"]


def test_a_signal_while_traces_are_sent_changes_no_exit_code(pod: Pod) -> None:
    with otlp.serve() as collector:
        collector.silent.set()
        command = [sys.executable, "-m", "steps.cancel"]
        environment = pod.environment | {TRACING_ENDPOINT_ENV: collector.url}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            assert collector.asked.wait(20)
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    assert process.returncode == Exit.DONE
