"""GitHub's own example webhooks, and hostile variants of them, through the rendered EventSource and Sensor."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import yaml

from pipelines.manifests.files import render_files
from steps.cancellation.workflow import build_workflow
from tests.doubles.argo_events import Dropped, Event, EventSource, Refused, Rejection, Sensor, sign
from tests.doubles.github import GitHub, webhooks
from tests.schemas.published import webhook_examples
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS

# The first run on a machine fetches the examples.
pytestmark = pytest.mark.timeout(300)

SECRET = "s3cret"
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
Object = dict[str, Any]


@cache
def _rendered(kind: str) -> Object:
    for path, text in sorted(render_files(DEFAULTS).items()):
        if path.endswith(".yaml") and (manifest := yaml.safe_load(text)).get("kind") == kind:
            return dict(manifest)
    raise LookupError(f"nothing rendered is a {kind}")


SENSOR = _rendered("Sensor")
DEPENDENCY = SENSOR["spec"]["dependencies"][0]


def _allowed(path: str) -> str:
    """Give a plain value that the Sensor's filter on the path accepts."""
    condition = next(one for one in DEPENDENCY["filters"]["data"] if one["path"] == path)
    plain: str = condition["value"][0].removeprefix("^(?:").removeprefix("^(?i:").removesuffix(")$").replace("\\", "")
    return plain


REPOSITORY = _allowed("body.repository.full_name")
BOT = _allowed("body.sender.login")


def _receive(
    payload: Object, *, event: str = "push", delivery: str = DELIVERY, bus: Object | None = None
) -> list[Object] | Dropped | Rejection:
    """Send a payload as GitHub would; the API server takes only what the published schema allows."""
    source = EventSource.of(_rendered("EventSource"), event=DEPENDENCY["eventName"], secret=SECRET, bus=bus)
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": sign(SECRET, body),
    }
    received = source.receive(headers, body)
    if isinstance(received, Rejection):
        return received

    def create(made: Object) -> None:
        problems = validate(made)
        if problems:
            raise Refused("; ".join(map(str, problems)))

    return Sensor(SENSOR, create=create).handle(received)


def _push() -> Object:
    """Take a real example of a push to a branch and make it one of the agent's."""
    example = next(
        one["payload"]
        for one in webhook_examples()
        if one["event"] == "push" and one["payload"]["ref"].startswith("refs/heads/") and one["payload"]["commits"]
    )
    payload: Object = copy.deepcopy(example)
    payload["ref"] = "refs/heads/task-5-fix-login"
    payload["sender"] |= {"login": BOT, "type": "Bot"}
    payload["repository"]["full_name"] = REPOSITORY
    return payload


def test_the_published_examples_are_many_and_none_comes_from_the_agent() -> None:
    examples = webhook_examples()
    assert len(examples) > 300
    assert sum(one["event"] == "push" for one in examples) >= 10
    for example in examples:
        answer = _receive(example["payload"], event=example["event"])
        assert isinstance(answer, Dropped), example["event"]


def test_no_other_event_is_taken_for_a_push_even_if_everything_else_fits() -> None:
    push = _push()
    for example in webhook_examples():
        if example["event"] != "push":
            assert isinstance(_receive(example["payload"] | push, event=example["event"]), Dropped), example["event"]


def test_a_push_of_the_agent_creates_exactly_one_workflow() -> None:
    payload = _push()
    created = _receive(payload)
    assert isinstance(created, list)
    (workflow,) = created
    assert validate(workflow) == []
    assert workflow["metadata"]["generateName"] == f"cancel-{DELIVERY}-"
    assert workflow["metadata"]["labels"]["agent-cancellation/delivery"] == DELIVERY
    assert workflow["spec"]["priority"] == payload["repository"]["pushed_at"]
    parameters = {one["name"]: one["value"] for one in workflow["spec"]["arguments"]["parameters"]}
    assert parameters == {
        "repository": REPOSITORY,
        "task-id": "5",
        "ref": "refs/heads/task-5-fix-login",
        "before": payload["before"],
        "sha": payload["after"],
        "pushed-at": str(payload["repository"]["pushed_at"]),
        "correlation-id": DELIVERY,
        "reason": "push",
        "dry-run": "false",
        "requested-by": BOT,
    }


def test_the_github_double_sends_what_github_sends() -> None:
    github = GitHub()
    github.add_repository(REPOSITORY)
    sent = webhooks.push(github, "task-5-fix", "c" * 40, secret=SECRET, actor=BOT)
    doubled, real = json.loads(sent.body), _push()
    assert doubled.keys() | {"installation"} == real.keys()
    for key in ("repository", "sender", "pusher", "head_commit"):
        assert doubled[key].keys() <= real[key].keys() | {"has_discussions"}, key
        for name, value in doubled[key].items():
            known = real[key].get(name)
            assert value is None or known is None or type(value) is type(known), (key, name)
    received = EventSource.of(_rendered("EventSource"), event=DEPENDENCY["eventName"], secret=SECRET).receive(
        sent.headers, sent.body
    )
    assert isinstance(received, Event)
    created = Sensor(SENSOR).handle(received)
    assert isinstance(created, list)
    assert [one["metadata"]["generateName"] for one in created] == [f"cancel-{sent.id}-"]


def test_nothing_that_people_write_freely_reaches_the_workflow() -> None:
    payload = _push()
    text = "{{workflow.serviceAccountName}} $(reboot) \"'"
    payload["head_commit"]["message"] = text
    payload["commits"][0]["message"] = text
    payload["pusher"]["name"] = text
    payload["repository"]["description"] = text
    assert "reboot" not in json.dumps(_receive(payload))


@pytest.mark.parametrize(
    ("ref", "task"),
    [
        ("refs/heads/task-5", "5"),
        ("refs/heads/task-123-a.b_c", "123"),
        ("refs/heads/feature/task-7-x", "7"),
    ],
)
def test_the_task_is_read_from_the_branch(ref: str, task: str) -> None:
    created = _receive(_push() | {"ref": ref})
    assert isinstance(created, list)
    assert {"name": "task-id", "value": task} in created[0]["spec"]["arguments"]["parameters"]


@pytest.mark.parametrize(
    "ref",
    [
        "refs/tags/task-5",
        "refs/heads/main",
        "refs/heads/task-",
        "refs/heads/task-0",
        "refs/heads/task-05",
        "refs/heads/xtask-5",
        "refs/heads/task-5x",
        "refs/heads/task-5-x\n",
        "refs/heads/task-5\n",
        "\nrefs/heads/task-5",
        "refs/heads/task-\u0665",
        "refs/heads/task-\uff15",
        "refs/heads/task-5-{{workflow.name}}",
        "refs/heads/task-5-$(id)",
        "refs/heads/task-5-a/../../b",
        "refs/heads/task-5-" + "x" * 200,
        "refs/heads/task-1234567890",
        "REFS/HEADS/task-5",
        "refs/heads/task-5\x00",
    ],
)
def test_a_strange_ref_is_dropped(ref: str) -> None:
    assert isinstance(_receive(_push() | {"ref": ref}), Dropped)


@pytest.mark.parametrize(
    "sender",
    [
        {"login": "octocat"},
        {"login": f"x{BOT}"},
        {"login": f"{BOT}x"},
        {"login": BOT.replace("[bot]", "b")},
        {"login": BOT.replace("[bot]", "")},
        {"login": f"{BOT}\n"},
        {"login": None},
        {"login": [BOT]},
        {"type": "User"},
        {"type": "Organization"},
        {"type": None},
    ],
)
def test_another_sender_is_dropped(sender: Object) -> None:
    payload = _push()
    payload["sender"] |= sender
    assert isinstance(_receive(payload), Dropped)


@pytest.mark.parametrize(
    "name", ["other/cto", f"{REPOSITORY}-evil", f"x{REPOSITORY}", REPOSITORY.replace("/", "x"), None]
)
def test_another_repository_is_dropped(name: str | None) -> None:
    payload = _push()
    payload["repository"]["full_name"] = name
    assert isinstance(_receive(payload), Dropped)


@pytest.mark.parametrize(
    "changes",
    [
        {"deleted": True, "after": "0" * 40},
        {"deleted": True},
        {"after": "HEAD"},
        {"after": None},
        {"after": "a" * 39},
        {"after": "A" * 40},
        {"before": None},
        {"before": "main"},
        {"sender": None},
        {"repository": None},
        {"ref": None},
        {"ref": ["refs/heads/task-5"]},
    ],
)
def test_a_push_that_brings_no_code_or_lacks_what_we_need_is_dropped(changes: Object) -> None:
    assert isinstance(_receive(_push() | changes), Dropped)


def test_a_push_without_sender_repository_or_ref_is_dropped() -> None:
    for key in ("sender", "repository", "ref", "after", "deleted"):
        payload = _push()
        del payload[key]
        assert isinstance(_receive(payload), Dropped), key


@pytest.mark.parametrize("delivery", ["", "x", DELIVERY.upper(), f"{DELIVERY}\n", f"{DELIVERY}-x", "../../etc"])
def test_a_strange_delivery_id_is_dropped(delivery: str) -> None:
    assert isinstance(_receive(_push(), delivery=delivery), Dropped)


def test_a_ping_is_dropped() -> None:
    assert isinstance(_receive(_push() | {"zen": "Design for failure.", "hook_id": 1}, event="ping"), Dropped)


@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.swapcase])
def test_a_name_in_another_case_is_the_same_name(spelled: Callable[[str], str]) -> None:
    payload = _push()
    payload["repository"]["full_name"] = spelled(REPOSITORY)
    payload["sender"]["login"] = spelled(BOT)
    created = _receive(payload)
    assert isinstance(created, list)
    assert len(created) == 1


@pytest.mark.parametrize(
    "pushed_at", ["2024-05-01T12:00:00Z", "1700000000", None, [], -1, 1.5, True, 10**9 - 1, 10**10, 10**30]
)
def test_a_push_time_that_no_workflow_can_have_is_dropped_at_once(pushed_at: object) -> None:
    """The API server would refuse the Workflow, and every other push would wait for the Sensor's retries."""
    payload = _push()
    payload["repository"]["pushed_at"] = pushed_at
    assert isinstance(_receive(payload), Dropped)


@pytest.mark.parametrize(
    ("pushed_at", "priority"),
    [(2**31 - 2, 2**31 - 2), (2**31 - 1, 2**31 - 1), (2**31, 2**31 - 1), (5_000_000_000, 2**31 - 1)],
)
def test_a_push_after_2038_has_the_highest_priority_that_argo_knows(pushed_at: int, priority: int) -> None:
    payload = _push()
    payload["repository"]["pushed_at"] = pushed_at
    created = _receive(payload)
    assert isinstance(created, list)
    (workflow,) = created
    assert workflow["spec"]["priority"] == priority
    values = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
    assert values["pushed-at"] == str(pushed_at)
    assert build_workflow(values, settings=DEFAULTS)["spec"]["priority"] == priority


def test_a_body_beyond_the_limit_is_refused_before_it_is_read() -> None:
    payload = _push()
    payload["commits"] = [payload["commits"][0]] * 20_000
    answer = _receive(payload)
    assert isinstance(answer, Rejection)
    assert answer.status == 400


def test_a_push_of_many_commits_is_taken_if_the_bus_carries_it() -> None:
    payload = _push()
    # As many as GitHub lists in one webhook.
    payload["commits"] = [payload["commits"][0]] * 2048
    assert len(json.dumps(payload)) > 2**20
    answer = _receive(payload)
    assert isinstance(answer, Rejection)
    assert (answer.status, answer.reason) == (500, "nats: maximum payload exceeded")
    created = _receive(payload, bus={"spec": {"jetstream": {"maxPayload": "8MB"}}})
    assert isinstance(created, list)
    assert len(created) == 1


def test_a_forged_signature_is_refused() -> None:
    source = EventSource.of(_rendered("EventSource"), event=DEPENDENCY["eventName"], secret=SECRET)
    body = json.dumps(_push()).encode()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": DELIVERY}
    for signature in ({}, {"X-Hub-Signature-256": sign("wrong", body)}, {"X-Hub-Signature-256": sign(SECRET, b"{}")}):
        refusal = source.receive(headers | signature, body)
        assert isinstance(refusal, Rejection)
        assert refusal.status == 400
