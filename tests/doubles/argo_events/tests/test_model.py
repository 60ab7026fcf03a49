"""The model of Argo Events against answers that the real code gave when it was run on the same inputs."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.doubles.argo_events import (
    Dropped,
    Event,
    EventSource,
    GoError,
    NotModelled,
    Refused,
    Rejection,
    Sensor,
    gojson,
    paths,
    sign,
)
from tests.doubles.argo_events.filters import passes
from tests.doubles.argo_events.parameters import apply
from tests.doubles.argo_events.regex import compile_go

if TYPE_CHECKING:
    from collections.abc import Mapping

BODY: dict[str, Any] = {
    "base_ref": None,
    "ref": "refs/heads/task-5-fix",
    "deleted": False,
    "repository": {"id": 186853002, "full_name": "5dlabs/cto"},
    "sender": {"login": "5DLabs-Rex[bot]", "type": "Bot"},
    "head_commit": {"message": "fix: thing (#123)\n\nbody"},
    "commits": [{"id": "1"}, {"id": "2"}],
    "small": 21500,
    "million": 1000000,
    "half": 0.5,
    "X-GitHub-Delivery": "72d3162e",
}
DATA: dict[str, Any] = {"headers": {"X-Github-Event": ["push"], "X-Github-Delivery": ["72d3162e"]}, "body": BODY}
EVENT = Event(source="github", subject="org", data=gojson.encode(DATA))
FROM_MESSAGE = r'{{ regexReplaceAll "(?s)^.*\\(#([0-9]+)\\).*$" .Input.body.head_commit.message "${1}" }}'


def _parameter(target: Any, *, dest: str, operation: str = "", **source: Any) -> Any:  # noqa: ANN401 - any JSON
    parameter = {"src": {"dependencyName": "push", **source}, "dest": dest, "operation": operation}
    return apply([parameter], target, {"push": EVENT})


def _value(**source: Any) -> Any:  # noqa: ANN401 - any JSON
    return _parameter({"x": 0}, dest="x", **source)["x"]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"dataKey": "body.repository.id"}, "186853002"),
        ({"dataKey": "body.repository.id", "useRawData": True}, 186853002),
        ({"dataKey": "body.deleted"}, "false"),
        ({"dataKey": "body.deleted", "useRawData": True}, False),
        ({"dataKey": "body.ref", "useRawData": True}, "refs/heads/task-5-fix"),
        ({"dataKey": "body.sender", "useRawData": True}, BODY["sender"]),
        ({"dataKey": "body.sender"}, '{"login":"5DLabs-Rex[bot]","type":"Bot"}'),
        ({"dataKey": "body.base_ref", "value": "DEF"}, "null"),
        ({"dataKey": "body.base_ref", "useRawData": True}, None),
        ({"dataKey": "body.missing", "value": ""}, ""),
        ({"dataKey": "headers.X-Github-Delivery"}, '["72d3162e"]'),
        ({"dataKey": "headers.X-Github-Delivery.0"}, "72d3162e"),
        ({"value": "fixed"}, "fixed"),
        ({"dataTemplate": "{{ .Input.body.repository.id }}"}, "1.86853002e+08"),
        ({"dataTemplate": "{{ .Input.body.million }}"}, "1e+06"),
        ({"dataTemplate": "{{ .Input.body.small }}"}, "21500"),
        ({"dataTemplate": "{{ .Input.body.half }}"}, "0.5"),
        ({"dataTemplate": "{{ .Input.body.deleted }}"}, "false"),
        ({"dataTemplate": "{{ .Input.body.repository.id | int64 }}"}, "186853002"),
        ({"dataTemplate": '{{ printf "%.0f" .Input.body.repository.id }}'}, "186853002"),
        ({"dataTemplate": "{{ .Input.body.repository.id | int64 }}", "useRawData": True}, "186853002"),
        ({"dataTemplate": FROM_MESSAGE}, "123"),
        ({"dataTemplate": '{{ regexReplaceAll "x(y)" .Input.body.ref "${1}" }}'}, "refs/heads/task-5-fix"),
        ({"dataTemplate": '{{ regexFind "zzz" .Input.body.ref }}', "value": "none"}, "none"),
        ({"dataTemplate": '{{ regexFind "task-[0-9]+" .Input.body.ref }}'}, "task-5"),
        ({"dataTemplate": "pr-{{ .Input.body.zzz }}"}, "pr-<no value>"),
        ({"dataTemplate": "{{ .Input.body.zzz }}", "value": "DEF"}, "DEF"),
        ({"dataTemplate": '{{ .Input.body.zzz | default "d" }}'}, "d"),
        ({"dataTemplate": '{{ .Input.body.base_ref | default "d" }}'}, "d"),
        ({"dataTemplate": "{{ .Input.body.base_ref.a }}", "value": "DEF"}, "DEF"),
        ({"dataTemplate": "{{ .Input.body.zzz.a }}", "value": "DEF"}, "DEF"),
        ({"dataTemplate": "{{ .Input.body.base_ref.a }}", "dataKey": "body.ref"}, "refs/heads/task-5-fix"),
        ({"dataTemplate": '{{ index .Input.body "X-GitHub-Delivery" }}'}, "72d3162e"),
        ({"dataTemplate": "{{ (index .Input.body.commits 1) | int64 }}", "value": "DEF"}, NotModelled),
        ({"dataTemplate": '{{ .Input.body.ref | trimPrefix "refs/heads/" | trunc 4 }}'}, "task"),
        ({"dataTemplate": "{{- .Input.body.sender.login | lower -}}"}, "5dlabs-rex[bot]"),
        ({"dataTemplate": "{{ .Input.body.repository.id | lower }}", "value": "DEF"}, "DEF"),
        ({"dataTemplate": "{{ .Input.context.id }}", "value": "DEF"}, "DEF"),
        ({"dataTemplate": "{{ .Input.body.X-GitHub-Delivery }}"}, NotModelled),
        ({"dataTemplate": "{{ uuidv4 }}"}, NotModelled),
        ({"dataTemplate": "{{ if .Input.body.ref }}x{{ $a := 1 }}{{ end }}"}, NotModelled),
        ({"dataTemplate": "{{ .Input.body.commits }}"}, NotModelled),
        ({"dataTemplate": "{{ index .Input.body.commits .Input.body.half }}", "value": "DEF"}, "DEF"),
        ({"dataTemplate": "{{ 1000000 }}"}, "1000000"),
        ({"dataKey": "body.:ref", "value": "DEF"}, "DEF"),
        ({"contextKey": "id"}, NotModelled),
        ({"dataKey": "body.*"}, NotModelled),
        ({"dataKey": "[body.ref,body.after]"}, NotModelled),
        ({"dataKey": "body.missing"}, GoError),
        ({"dataTemplate": '{{ regexFind "zzz" .Input.body.ref }}'}, GoError),
        ({"dataTemplate": "{{ .commit_message }}"}, GoError),
    ],
)
def test_a_parameter_has_the_value_that_argo_events_gives(source: Mapping[str, Any], value: Any) -> None:  # noqa: ANN401 - any JSON
    if isinstance(value, type):
        with pytest.raises(value):
            _value(**source)
    else:
        assert _value(**source) == value


@pytest.mark.parametrize(
    ("target", "dest", "result"),
    [
        ({"a": ["x", {"value": "y"}]}, "a.1.value", {"a": ["x", {"value": "V"}]}),
        ({"a": ["x", "y"]}, "a.4.value", {"a": ["x", "y", None, None, {"value": "V"}]}),
        ({"a": ["x"]}, "a.-1", {"a": ["x", "V"]}),
        ({}, "a.b.0.c", {"a": {"b": [{"c": "V"}]}}),
        ({}, "a.:0", {"a": {"0": "V"}}),
        ({"labels": {}}, r"labels.events\.example\.com/ref", {"labels": {"events.example.com/ref": "V"}}),
        ({"labels": {}}, "labels.events.com/ref", {"labels": {"events": {"com/ref": "V"}}}),
        ({"p": [{"name": "y", "value": ""}]}, 'p.#(name=="y").value', {"p": [{"name": "y", "value": "V"}]}),
        ({"p": [{"name": "y"}]}, 'p.#(name=="y").value', {"p": [{"name": "y"}]}),
        ({"p": [{"name": "x", "value": ""}]}, 'p.#(name=="y").value', {"p": [{"name": "x", "value": ""}]}),
        ({"spec": {"taskId": 1}}, "taskId", {"spec": {"taskId": 1}, "taskId": "V"}),
    ],
)
def test_a_destination_is_written_as_sjson_does(target: Any, dest: str, result: Any) -> None:  # noqa: ANN401 - any JSON
    before = json.dumps(target)
    assert _parameter(target, dest=dest, value="V") == result
    assert json.dumps(target) == before


@pytest.mark.parametrize("dest", ["a.*", "a|b", "@this", "a.?", 'p.#(name%"y*").value', "p.#(a==1)#.b"])
def test_a_destination_beyond_the_subset_is_refused(dest: str) -> None:
    with pytest.raises(NotModelled):
        _parameter({"a": {"b": 1}}, dest=dest, value="V")


def test_append_and_prepend_join_strings_and_only_write_where_nothing_is() -> None:
    named, nameless = {"metadata": {"name": "cancel-"}}, {"metadata": {"generateName": "cancel-"}}
    key = {"dataKey": "body.X-GitHub-Delivery"}
    appended = _parameter(named, dest="metadata.name", operation="append", **key)
    assert appended == {"metadata": {"name": "cancel-72d3162e"}}
    assert _parameter(named, dest="metadata.name", operation="prepend", **key)["metadata"]["name"] == "72d3162ecancel-"
    without_prefix = _parameter(nameless, dest="metadata.name", operation="append", **key)
    assert without_prefix["metadata"] == {"generateName": "cancel-", "name": "72d3162e"}
    with pytest.raises(GoError):
        _parameter(named, dest="metadata.name", operation="replace", **key)


def test_a_value_cannot_inject_json_or_yaml() -> None:
    evil = {"body": {"ref": '"},"x":{"y": "\n- {{workflow.name}}'}}
    event = Event(source="github", subject="org", data=gojson.encode(evil))
    parameters = [{"src": {"dependencyName": "push", "dataKey": "body.ref"}, "dest": "a.b"}]
    assert apply(parameters, {"a": {}}, {"push": event}) == {"a": {"b": evil["body"]["ref"]}}


def _data(path: str, *values: str, type_: str = "string", **more: str) -> dict[str, Any]:
    return {"name": "push", "filters": {"data": [{"path": path, "type": type_, "value": list(values), **more}]}}


def _expr(expression: str, **fields: str) -> dict[str, Any]:
    named = [{"name": name, "path": path} for name, path in fields.items()]
    return {"name": "push", "filters": {"exprs": [{"expr": expression, "fields": named}]}}


@pytest.mark.parametrize(
    ("dependency", "outcome"),
    [
        (_data("body.sender.login", r"^5DLabs-(Rex|Blaze|Morgan)\[bot\]$"), True),
        (_data("body.sender.login", "5DLabs-Rex[bot]"), False),
        (_data("body.sender.login", "5DLabs-Rex[bot]", "5DLabs-Rex"), True),
        (_data("headers.X-Github-Event", "^push$"), False),
        (_data("headers.X-Github-Event", "push"), True),
        (_data("headers.X-Github-Event.0", "^push$"), True),
        (_data("body.base_ref", "^$"), True),
        (_data("body.missing", "^$"), GoError),
        (_data("body.ref", comparator="="), GoError),
        (_data("body.ref", "^refs", comparator="!="), False),
        (_data("body.ref", "^refs", "^x", comparator="!="), True),
        (_data("body.ref", "^refs", comparator=">"), False),
        (_data("body.deleted", "false", type_="bool"), True),
        (_data("body.deleted", "false", type_="bool", comparator="!="), True),
        (_data("body.base_ref", "false", type_="bool"), True),
        (_data("body.deleted", "no", type_="bool"), GoError),
        (_data("body.small", "21500", type_="number"), True),
        (_data("body.small", "100", type_="number", comparator=">"), True),
        (_data("body.small", "100", type_="number", comparator="<="), False),
        (_data("body.base_ref", "0", type_="number"), True),
        (_data("body.ref", "x", type_="date"), GoError),
        (_data("body.commits.#", "2", type_="number"), True),
        (_data('body.commits.#(id=="1").id', "^1$"), True),
        (_data('body.commits.#(id=="9").id', "^1$"), GoError),
        (_data("body.ref", "^task-5$", template='{{ .Input | trimPrefix "refs/heads/" | trunc 6 }}'), True),
        (_data("body.base_ref", "x", template="{{ .Input }}"), GoError),
        (_data("body.ref,body.deleted", "x"), GoError),
        (_data("body.ref", "(?i)TASK"), NotModelled),
        (_data("body.ref", "(?=x)"), NotModelled),
        (_expr("n > 0", n="body.commits.#"), True),
        (_expr("n > 2", n="body.commits.#"), False),
        (_expr("x == 'a'", x="body.base_ref"), False),
        (_expr("x > 1", x="body.base_ref"), GoError),
        (_expr("y > 1", x="body.small"), GoError),
        (_expr("n > 0", n="body.missing"), GoError),
        (_expr("r == '2024-01-02'", r="body.ref"), NotModelled),
        (_expr("body.commits | length > 0", commits="body.commits"), NotModelled),
        ({"name": "push", "filters": {"script": "return true"}}, NotModelled),
        ({"name": "push", "filtersLogicalOperator": "or", "filters": {"data": []}}, NotModelled),
        ({"name": "push", "transform": {"jq": "."}}, NotModelled),
        ({"name": "push"}, True),
    ],
)
def test_a_filter_decides_as_argo_events_does(dependency: dict[str, Any], outcome: object) -> None:
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            passes(dependency, EVENT.content())
    else:
        assert passes(dependency, EVENT.content()) is outcome


def test_unescaped_brackets_accept_other_names_too() -> None:
    login = {"body": {"sender": {"login": "5DLabs-Rexb"}}}
    pattern = "5DLabs-(Rex|Blaze|Morgan)[bot]"
    assert passes(_data("body.sender.login", pattern), login)
    assert not passes(_data("body.sender.login", pattern), EVENT.content())


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"^task-\d+$", "task-5\n", False),
        (r"^task-\d+$", "task-5", True),
        (r"^task-\d+$", "task-\u0665", False),
        (r"^\w+$", "\u00fc", False),
        (r"^a.c$", "a\nc", False),
        (r"(?s)^a.c$", "a\nc", True),
        (r"^\s$", "\v", False),
        (r"^[\s]$", "\t", True),
        (r"^[^\]x]$", "]", False),
        (r"^x\z", "x\n", False),
    ],
)
def test_patterns_match_as_in_go(pattern: str, text: str, *, matches: bool) -> None:
    assert bool(compile_go(pattern).search(text)) is matches


@pytest.mark.parametrize(
    "pattern",
    [r"(a)\1", "(?<=a)b", "a++", "(?>a)", "(?P=x)", r"\pL", r"\u0041", "[[:alpha:]]", "[]a]", "a{,3}", r"\Qa\E", "("],
)
def test_patterns_that_python_and_go_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(NotModelled):
        compile_go(pattern)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ('{"b":1,"a":2}', '{"a":2,"b":1}'),
        ('"<a>&\\u2028\\u0007\\ud800\\/"', '"\\u003ca\\u003e\\u0026\\u2028\\u0007\ufffd/"'),
        ("1e2", "100"),
        ("1.50", "1.5"),
        ("9007199254740993", "9007199254740992"),
        ("123456789012345678", "123456789012345680"),
        ("1e21", "1e+21"),
        ("123456789012345678901234", "1.2345678901234569e+23"),
        ("0.0000001", "1e-7"),
        ("-0.00000123", "-0.00000123"),
        ("1e-10", "1e-10"),
    ],
)
def test_json_is_written_as_go_writes_it(text: str, encoded: str) -> None:
    assert gojson.encode(gojson.decode(text)) == encoded
    assert gojson.encode(gojson.decode(encoded)) == encoded


@pytest.mark.parametrize("text", ["NaN", "1e400", "{", "'a'", "", "01"])
def test_what_go_cannot_read_is_an_error(text: str) -> None:
    with pytest.raises(GoError):
        gojson.decode(text)


SOURCE = EventSource(name="github", event="org", secret="s3cret")


def _headers(body: bytes, **changes: str | None) -> dict[str, str]:
    headers: dict[str, str | None] = {
        "host": "hooks.example",
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": "72d3162e",
        "X-HUB-SIGNATURE-256": sign("s3cret", body),
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in headers.items() if value is not None}


def test_a_signed_request_becomes_an_event_with_canonical_headers_and_injected_keys() -> None:
    body = b'{"ref": "<x>", "X-GitHub-Event": "forged", "id": 186853002}'
    event = SOURCE.receive(_headers(body, authorization="Bearer x"), body)
    assert isinstance(event, Event)
    assert (event.source, event.subject, event.type) == ("github", "org", "github")
    content = event.content()
    assert content["body"] == {
        "ref": "<x>",
        "id": 186853002,
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e",
    }
    assert content["headers"]["X-Github-Event"] == ["push"]
    assert content["headers"]["X-Hub-Signature-256"] == [sign("s3cret", body)]
    assert content["headers"]["Authorization"] == ["*** Masked Auth Secret ***"]
    assert "Host" not in content["headers"]
    assert '"id":186853002,"ref":"\\u003cx\\u003e"' in event.data


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"X_HUB_SIGNATURE_256": None}, 400),
        (b"{}", {"X_HUB_SIGNATURE_256": "sha256=00"}, 400),
        (b"{}", {"X_HUB_SIGNATURE_256": "sha256=zz"}, 400),
        (b"{}", {"X_HUB_SIGNATURE_256": "00"}, 400),
        (b"{}", {"content_type": "text/plain"}, 400),
        (b"{}", {"content_type": None}, 400),
        (b"[]", {}, 400),
        (b"null", {}, 400),
        (b"{", {}, 400),
        (b'{"n": 1e400}', {}, 400),
        (b'{"x": "' + b"a" * (1 << 20) + b'"}', {}, 400),
        (b'{"x": "' + b"<" * 500_000 + b'"}', {}, 500),
    ],
)
def test_a_request_is_refused(body: bytes, headers: dict[str, str | None], status: int) -> None:
    refusal = SOURCE.receive(_headers(body, **headers), body)
    assert isinstance(refusal, Rejection)
    assert refusal.status == status


def test_an_old_signature_is_accepted_when_the_new_one_is_absent() -> None:
    digest = hmac.new(b"s3cret", b"{}", hashlib.sha1).hexdigest()
    headers = _headers(b"{}", X_HUB_SIGNATURE_256=None, x_hub_signature=f"sha1={digest}")
    assert isinstance(SOURCE.receive(headers, b"{}"), Event)


def test_without_a_secret_every_signature_is_accepted() -> None:
    open_source = EventSource(name="github", event="org", secret="")
    assert isinstance(open_source.receive(_headers(b"{}", X_HUB_SIGNATURE_256="sha256=00"), b"{}"), Event)


def test_a_form_is_accepted_and_signed_as_it_came() -> None:
    body = b"payload=%7B%22ref%22%3A%22x%22%7D"
    event = SOURCE.receive(_headers(body, content_type="application/x-www-form-urlencoded"), body)
    assert isinstance(event, Event)
    assert event.content()["body"]["ref"] == "x"


def _sensor(**trigger: object) -> dict[str, Any]:
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "cancel-"}}
    name = {"src": {"dependencyName": "push", "dataKey": "body.X-GitHub-Delivery"}, "dest": "metadata.name"}
    template = {
        "name": "cancel",
        "k8s": {
            "operation": "create",
            "source": {"resource": workflow},
            "parameters": [{**name, "operation": "append"}],
        },
    }
    dependency = {**_data("body.ref", "^refs/heads/"), "eventSourceName": "github", "eventName": "org"}
    return {
        "metadata": {"name": "pushes", "namespace": "events"},
        "spec": {"dependencies": [dependency], "triggers": [{"template": template, **trigger}]},
    }


def test_a_trigger_creates_its_object_with_labels_and_the_sensors_namespace() -> None:
    sensor = Sensor(_sensor(), clock=lambda: 1.5)
    assert sensor.handle(EVENT) == [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": "cancel-72d3162e",
                "namespace": "events",
                "labels": {
                    "events.argoproj.io/sensor": "pushes",
                    "events.argoproj.io/trigger": "cancel",
                    "events.argoproj.io/action-timestamp": "1500",
                },
            },
        }
    ]


def test_events_of_other_sources_and_events_without_interest_are_dropped() -> None:
    sensor = Sensor(_sensor())
    assert isinstance(sensor.handle(Event(source="other", subject="org", data="{}")), Dropped)
    tag = {"body": {**BODY, "ref": "refs/tags/v1"}}
    dropped = sensor.handle(Event(source="github", subject="org", data=gojson.encode(tag)))
    assert dropped == Dropped(reason="not interested in dependency push")
    missing = sensor.handle(Event(source="github", subject="org", data="{}"))
    assert isinstance(missing, Dropped)
    assert missing.is_error


@pytest.mark.parametrize(("trigger", "attempts"), [({}, 1), ({"atLeastOnce": True}, 5)])
def test_retries_need_at_least_once(trigger: dict[str, Any], attempts: int) -> None:
    tried = []

    def refuse(made: dict[str, Any]) -> None:
        tried.append(made)
        raise Refused("AlreadyExists")

    sensor = Sensor(_sensor(retryStrategy={"steps": 5}, **trigger), create=refuse)
    assert isinstance(sensor.handle(EVENT), Dropped)
    assert len(tried) == attempts
    assert sensor.failures == ["trigger cancel: AlreadyExists"]


def test_the_dead_letter_trigger_runs_after_the_last_attempt() -> None:
    def refuse_workflows(made: dict[str, Any]) -> None:
        if made["kind"] == "Workflow":
            raise Refused("Forbidden")

    record = {"name": "record", "k8s": {"source": {"inline": "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}"}}}
    manifest = _sensor(atLeastOnce=True, dlqTrigger={"atLeastOnce": True, "template": record})
    created = Sensor(manifest, create=refuse_workflows).handle(EVENT)
    assert isinstance(created, list)
    assert [one["kind"] for one in created] == ["ConfigMap"]


def test_a_value_that_is_missing_fails_the_whole_trigger() -> None:
    manifest = _sensor()
    source = {"dependencyName": "push", "dataKey": "body.missing"}
    manifest["spec"]["triggers"][0]["template"]["k8s"]["parameters"].append({"src": source, "dest": "spec.x"})
    dropped = Sensor(manifest).handle(EVENT)
    assert isinstance(dropped, Dropped)
    assert dropped.is_error


def test_trigger_parameters_edit_the_trigger_itself() -> None:
    parameter = {"src": {"dependencyName": "push", "value": "delete"}, "dest": "k8s.operation"}
    with pytest.raises(NotModelled):
        Sensor(_sensor(parameters=[parameter])).handle(EVENT)


def test_paths_read_what_gjson_reads() -> None:
    document = {"a.b": {"0": "zero"}, "list": [1, [2]], "t": True}
    assert paths.get(document, r"a\.b.0") == "zero"
    assert paths.get(document, "list.1.0") == 2
    assert paths.get(document, "list.9") is paths.MISSING
    assert paths.get(document, "list.#") == 2
    assert paths.get(document, "t.x") is paths.MISSING
