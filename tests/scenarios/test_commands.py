"""Commands in comments on a pull request, from the signed webhook to the agents and the labels."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.command_workflow import command_template
from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.rbac import command_access
from pipelines.manifests.sensor import sensor_manifest
from pipelines.settings import Settings
from steps.core.errors import Exit
from steps.domain.command import command_from_env
from steps.domain.record import LabelOutcome, Phase
from steps.kube.transport import Json
from steps.settings.policies import LabelChanges, RepositoryPolicy
from tests.doubles.argo_events import Dropped, Event, EventSource, Sensor, sign
from tests.doubles.github import fail, webhooks
from tests.doubles.kubernetes import Fault
from tests.schemas.published import webhook_examples
from tests.schemas.references import unresolved
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS, NEW, NEWER, REPOSITORY, Scene
from tests.support.rbac import granted, used
from tests.support.scene.workflow import submitted

EXTERNAL = [f"ServiceAccount/{DEFAULTS.namespaces.events}/default"]
SECRET, PERSON = "of the webhook", "octocat"
EVENTS = replace(DEFAULTS.events, react_to=(*DEFAULTS.events.react_to, "commands"))
SETTINGS: Settings = replace(DEFAULTS, events=EVENTS)
CANCEL, KEEP = "/cancel-agents", "/keep-agents"
HOME = SETTINGS.namespaces.workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A pull request on which people comment."""

    scene: Scene
    settings: Settings = SETTINGS

    def receive(self, sent: webhooks.Delivery) -> list[Json]:
        """Let a webhook come in; the Workflows that the Sensor has made, none if it dropped the event."""
        source = EventSource.of(event_source_manifest(self.settings), event=EVENTS.event_name, secret=SECRET)
        received = source.receive(sent.headers, sent.body)
        assert isinstance(received, Event)
        made: list[Json] = []
        Sensor(sensor_manifest(self.settings), create=lambda body: made.append(self.scene.api.create(body))).handle(
            received
        )
        return made

    def say(self, body: str, *, actor: str = PERSON, number: int = 1, **more: Any) -> list[Json]:  # noqa: ANN401 - passed on
        """Comment."""
        return self.receive(self.written(body, actor=actor, number=number, **more))

    def written(self, body: str, *, actor: str = PERSON, number: int = 1, **more: Any) -> webhooks.Delivery:  # noqa: ANN401 - passed on
        """Comment; the webhook about it."""
        options = {"repository": REPOSITORY} | more
        return webhooks.issue_comment(self.scene.github, number, body, secret=SECRET, actor=actor, **options)

    def command(self, body: str, **more: Any) -> tuple[Exit, str]:  # noqa: ANN401 - passed on
        """Comment, and run the command's Workflow; its exit code and its report."""
        (made,) = self.say(body, **more)
        return self.scene.command(made)

    def pushes(self) -> list[Json]:
        """The Workflows of pushes."""
        found = self.scene.api.list("workflows", namespace=HOME)
        return [each for each in found if each["spec"]["workflowTemplateRef"]["name"] == "cancel-agents"]

    def untouched(self) -> bool:
        """Whether nothing was submitted, and no label was written."""
        return not self.pushes() and not self.scene.github.writes()


@pytest.fixture
def conversation(scene: Scene) -> Conversation:
    """A pull request with a stale agent, after a push that does not count, and a person who may write."""
    scene.settings = SETTINGS
    scene.github.give_role(PERSON, "write")
    scene.agent()
    scene.later(60)
    scene.github.push("task-7-work", NEW, actor=PERSON)
    scene.later(60)
    return Conversation(scene=scene)


def test_cancel_agents_does_what_submit_does(conversation: Conversation) -> None:
    scene = conversation.scene
    commented = int(scene.clock.timestamp())
    (made,) = conversation.say(CANCEL)
    assert validate(made) == []
    assert made["spec"]["workflowTemplateRef"] == {"name": "agent-commands"}
    scene.later(2)
    code, report = scene.command(made)
    (push,) = conversation.pushes()
    assert (code, report) == (Exit.DONE, f"{push['metadata']['name']} submitted for {PERSON}")
    assert validate(push) == []
    values = {each["name"]: each["value"] for each in push["spec"]["arguments"]["parameters"]}
    assert values == {
        "repository": REPOSITORY,
        "task-id": "7",
        "ref": "refs/heads/task-7-work",
        "sha": NEW,
        "pushed-at": str(commented),
        "correlation-id": made["metadata"]["labels"]["agent-cancellation/delivery"],
        "reason": "command",
        "dry-run": "false",
        "requested-by": PERSON,
    }
    scene.argo.step()
    assert scene.play(submitted(push)) is Exit.DONE
    assert scene.runs() == set()
    record = scene.record()
    assert (record.phase, record.labels, record.push.reason) == (Phase.COMPLETED, LabelOutcome.MOVED, "command")


def test_cancel_agents_leaves_what_began_since_the_heads_push(conversation: Conversation) -> None:
    scene = conversation.scene
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    scene.later(60)
    later = scene.agent()["metadata"]["name"]
    scene.later(60)
    code, _ = conversation.command(CANCEL)
    assert code is Exit.DONE
    (push,) = (each for each in conversation.pushes() if "command" in json.dumps(each))
    scene.argo.step()
    assert scene.play(submitted(push)) is Exit.DONE
    assert scene.runs() == {later}
    assert scene.record().push.reason == "push"


def test_if_the_heads_push_is_unknown_what_began_before_the_comment_is_stale(conversation: Conversation) -> None:
    """As with submit; only a run that names its commit is known to be newer."""
    scene = conversation.scene
    between = scene.agent()["metadata"]["name"]
    scene.later(60)
    (made,) = conversation.say(CANCEL)
    later = scene.agent()["metadata"]["name"]
    assert scene.command(made)[0] is Exit.DONE
    scene.argo.step()
    assert scene.play(submitted(conversation.pushes()[0])) is Exit.DONE
    assert between not in scene.runs()
    assert scene.runs() == {later}


def test_keep_agents_does_what_the_skip_label_does(conversation: Conversation) -> None:
    scene, before = conversation.scene, conversation.scene.runs()
    assert conversation.command(KEEP) == (Exit.DONE, f"skip-automation added to #1 for {PERSON}")
    assert "skip-automation" in scene.github.labels(1)
    assert conversation.pushes() == []
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert scene.runs() == before
    assert scene.record().labels is LabelOutcome.SKIPPED


@pytest.mark.parametrize("text", [CANCEL, KEEP])
@pytest.mark.parametrize("around", ["{}", " {} ", "\n{}\r\n", "\t{}\n\n"])
def test_white_space_around_a_command_does_not_matter(conversation: Conversation, text: str, around: str) -> None:
    (made,) = conversation.say(around.format(text))
    command = text.removeprefix("/").removesuffix("-agents")
    assert {"name": "command", "value": command} in made["spec"]["arguments"]["parameters"]


@pytest.mark.parametrize(
    "body",
    [
        "please /cancel-agents",
        "/cancel-agents now",
        "/cancel-agents\n/keep-agents",
        "> /cancel-agents",
        "`/cancel-agents`",
        "/cancel-agents.",
        "/Cancel-Agents",
        "cancel-agents",
        "/cancel-agents-x",
        "/cancel-agents\n{{workflow.name}}",
        "/keep-agents forever",
        "Type /keep-agents to keep them",
        "/cancel\u200b-agents",
        "\u00a0/cancel-agents",
        "/stop-agents",
    ],
)
def test_any_other_text_is_dropped(conversation: Conversation, body: str) -> None:
    assert conversation.say(body) == []


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_comment_on_an_issue_is_dropped(conversation: Conversation, text: str) -> None:
    assert conversation.say(text, on_issue=True) == []


@pytest.mark.parametrize("action", ["edited", "deleted", "pinned"])
def test_a_comment_that_is_edited_into_a_command_is_dropped(conversation: Conversation, action: str) -> None:
    assert conversation.say(CANCEL, action=action) == []


@pytest.mark.parametrize("actor", ["5DLabs-Rex[bot]", "acme[bot]"])
def test_a_bot_gives_no_commands(conversation: Conversation, actor: str) -> None:
    conversation.scene.github.give_role(actor, "admin")
    assert conversation.say(CANCEL, actor=actor) == []


@pytest.mark.parametrize(
    "change",
    [
        {"repository": {"full_name": "5dlabs/other"}},
        {"repository": {"full_name": f"{REPOSITORY}-evil"}},
        {"sender": {"type": "Bot"}},
        {"sender": {"type": "Organization"}},
        {"sender": {"id": 1}},
        {"sender": {"login": "a/../b"}},
        {"sender": {"login": "{{workflow.name}}"}},
        {"sender": {"login": None}},
        {"comment": {"created_at": "yesterday"}},
        {"comment": {"created_at": 1700000000}},
        {"comment": {"created_at": None}},
        {"comment": {"body": None}},
        {"comment": {"body": ["/cancel-agents"]}},
        {"comment": {"user": None}},
        {"issue": {"number": "1"}},
        {"issue": {"number": 0}},
        {"issue": {"number": 10**12}},
        {"issue": {"number": None}},
        {"issue": {"state": "closed"}},
        {"issue": {"pull_request": None}},
        {"issue": {"pull_request": {"url": "https://api.github.com/x y/pulls/1"}}},
        {"issue": {"pull_request": {}}},
    ],
    ids=json.dumps,
)
def test_a_webhook_with_a_field_that_does_not_fit_is_dropped(
    conversation: Conversation, change: dict[str, dict[str, Any]]
) -> None:
    sent = conversation.written(CANCEL)
    payload = json.loads(sent.body)
    for key, values in change.items():
        payload[key] |= values
    assert conversation.receive(again(sent, payload)) == []


def again(sent: webhooks.Delivery, payload: Json) -> webhooks.Delivery:
    """The same delivery with another payload, signed."""
    return webhooks.delivery(payload, event=sent.headers["X-GitHub-Event"], secret=SECRET, delivery_id=sent.id)


def test_other_events_are_not_taken_for_a_comment(conversation: Conversation) -> None:
    sent = conversation.written(CANCEL)
    payload = json.loads(sent.body)
    for event in ("issues", "pull_request_review_comment", "commit_comment", "push", "pull_request"):
        moved = webhooks.delivery(payload, event=event, secret=SECRET, delivery_id=sent.id)
        assert conversation.receive(moved) == [], event


def test_commands_are_off_by_default(conversation: Conversation) -> None:
    assert "commands" not in DEFAULTS.events.react_to
    plain = Conversation(scene=conversation.scene, settings=DEFAULTS)
    assert plain.say(CANCEL) == []
    names = {each["metadata"]["name"] for each in all_manifests(DEFAULTS)}
    assert "agent-commands" not in names
    (source,) = event_source_manifest(DEFAULTS)["spec"]["github"].values()
    assert "issue_comment" not in source["events"]


def test_nothing_that_people_write_freely_reaches_the_workflow(conversation: Conversation) -> None:
    sent = conversation.written(f"\n{CANCEL}\n")
    payload = json.loads(sent.body)
    payload["issue"] |= {"title": "{{workflow.name}} $(reboot)", "body": "reboot"}
    payload["comment"]["author_association"] = "reboot"
    (made,) = conversation.receive(again(sent, payload))
    text = json.dumps(made)
    assert "reboot" not in text
    assert CANCEL not in text


@pytest.mark.parametrize("text", [CANCEL, KEEP])
@pytest.mark.parametrize("role", [None, "read", "triage"])
def test_a_person_who_may_not_write_changes_nothing(conversation: Conversation, text: str, role: Any) -> None:  # noqa: ANN401 - a role or none
    conversation.scene.github.give_role("visitor", role)
    answer = conversation.command(text, actor="visitor")
    assert answer == (Exit.DONE, "nothing to do: visitor may not write to the repository")
    assert conversation.untouched()


@pytest.mark.parametrize("role", ["write", "maintain", "admin"])
def test_whoever_may_write_may_command(conversation: Conversation, role: Any) -> None:  # noqa: ANN401 - a role
    conversation.scene.github.give_role(PERSON, role)
    assert conversation.command(CANCEL)[0] is Exit.DONE
    assert len(conversation.pushes()) == 1


def test_a_role_that_was_taken_away_meanwhile_does_not_count(conversation: Conversation) -> None:
    (made,) = conversation.say(CANCEL)
    conversation.scene.github.give_role(PERSON, None)
    assert conversation.scene.command(made)[1].endswith("may not write to the repository")
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_pull_request_from_a_fork_is_left_alone(conversation: Conversation, text: str) -> None:
    github = conversation.scene.github
    github.add_repository("alice/cto", fork=True)
    github.add_pull_request(repository=REPOSITORY, head_repository="alice/cto", head="task-7-work", sha=NEWER, number=2)
    assert conversation.command(text, number=2) == (Exit.DONE, "nothing to do: the branch of #2 is in a fork")
    github.delete_repository("alice/cto")
    assert conversation.command(text, number=2)[1].endswith("is in a fork")
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_pull_request_that_is_closed_is_left_alone(conversation: Conversation, text: str) -> None:
    (made,) = conversation.say(text)
    conversation.scene.github.close(1)
    assert conversation.scene.command(made) == (Exit.DONE, "nothing to do: #1 is closed")
    assert conversation.say(text) == [], "and its comments are dropped from then on"
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_branch_that_is_not_a_task_is_left_alone(conversation: Conversation, text: str) -> None:
    conversation.scene.github.add_pull_request(repository=REPOSITORY, head="x-{{workflow.name}}", sha=NEWER, number=2)
    code, report = conversation.command(text, number=2)
    assert (code, report) == (Exit.DONE, "nothing to do: x-((workflow.name)) is not the branch of a task")
    assert conversation.untouched()


def test_a_repeated_delivery_submits_once(conversation: Conversation) -> None:
    scene, sent = conversation.scene, conversation.written(CANCEL)
    (first,), (second,) = conversation.receive(sent), conversation.receive(sent)
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert scene.command(first)[0] is Exit.DONE
    code, report = scene.command(second)
    assert code is Exit.DONE
    assert report.endswith("was submitted already")
    assert len(conversation.pushes()) == 1


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_delivery_that_is_repeated_after_an_hour_changes_nothing(conversation: Conversation, text: str) -> None:
    sent = conversation.written(text)
    conversation.scene.later(3700)
    (made,) = conversation.receive(sent)
    answer = conversation.scene.command(made)
    assert answer == (Exit.DONE, "nothing to do: the comment is older than an hour: comment again")
    assert conversation.untouched()


def test_a_repeated_keep_changes_nothing_more(conversation: Conversation) -> None:
    sent = conversation.written(KEEP)
    for _ in range(2):
        (made,) = conversation.receive(sent)
        assert conversation.scene.command(made)[0] is Exit.DONE
    assert conversation.scene.github.labels(1).count("skip-automation") == 1


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_policy_may_leave_commands_out(conversation: Conversation, text: str) -> None:
    policy = RepositoryPolicy(repositories=(REPOSITORY,), react_to=("push",))
    conversation.scene.settings = replace(SETTINGS, policies=(policy,))
    answer = conversation.command(text)
    assert answer == (Exit.DONE, "nothing to do: commands do not count for this repository")
    assert conversation.untouched()


def test_keep_uses_the_skip_label_of_the_repositorys_policy(conversation: Conversation) -> None:
    policy = RepositoryPolicy(repositories=(REPOSITORY,), labels=LabelChanges(skip="hands off"))
    conversation.scene.settings = replace(SETTINGS, policies=(policy,))
    assert conversation.command(KEEP)[0] is Exit.DONE
    assert "hands off" in conversation.scene.github.labels(1)


def test_keep_without_a_skip_label_says_so(conversation: Conversation) -> None:
    conversation.scene.settings = replace(SETTINGS, labels=replace(SETTINGS.labels, skip=""))
    assert conversation.command(KEEP) == (
        Exit.DONE,
        "nothing to do: this repository has no skip label (labels.skip)",
    )


@pytest.mark.parametrize("text", [CANCEL, KEEP])
@pytest.mark.parametrize("path", ["/permission$", "/pulls/1$"])
def test_while_github_does_not_answer_the_command_is_tried_again(
    conversation: Conversation, text: str, path: str
) -> None:
    scene = conversation.scene
    scene.github.fault(fail(503), path=path, times=20)
    (made,) = conversation.say(text)
    assert scene.command(made)[0] is Exit.TRY_AGAIN
    assert conversation.untouched()
    scene.github.plan.mend()
    scene.later(60)
    assert scene.command(made)[0] is Exit.DONE
    assert not conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_credentials_that_may_not_ask_are_named(conversation: Conversation, text: str) -> None:
    conversation.scene.github.fault(fail(403), path="/permission$")
    (made,) = conversation.say(text)
    assert conversation.scene.command(made)[0] is Exit.FORBIDDEN
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_renamed_repository_is_an_error_and_nothing_is_written(conversation: Conversation, text: str) -> None:
    (made,) = conversation.say(text)
    conversation.scene.github.rename_repository(REPOSITORY, "5dlabs/renamed")
    code, problem = conversation.scene.command(made)
    assert code is Exit.BAD_INPUT
    assert "5dlabs/renamed" in problem or "another name" in problem
    assert conversation.untouched()


def test_an_answer_about_another_account_is_no_permission(conversation: Conversation) -> None:
    scene = conversation.scene
    (made,) = conversation.say(CANCEL, actor="visitor")
    scene.github.world.accounts["visitor"] = scene.github.world.account(PERSON)
    assert scene.command(made)[0] is Exit.TRY_AGAIN
    assert conversation.untouched()


def test_a_lost_answer_to_the_create_is_found_by_the_next_attempt(conversation: Conversation) -> None:
    scene = conversation.scene
    (made,) = conversation.say(CANCEL)
    scene.api.faults.add(Fault(method="POST", path="/workflows", lose="reply"))
    while scene.command(made)[0] is not Exit.DONE:
        scene.later(5)
    assert len(conversation.pushes()) == 1


def test_the_role_grants_what_a_command_uses(conversation: Conversation) -> None:
    scene = conversation.scene
    (made,) = conversation.say(CANCEL)
    scene.api.calls.clear()
    scene.github.fault(fail(503), path="/permission$", times=20)
    assert scene.command(made)[0] is Exit.TRY_AGAIN
    scene.github.plan.mend()
    scene.later(60)
    assert scene.command(made)[0] is Exit.DONE
    assert used(scene.api.calls) == granted(scene, command_access)


def test_what_is_rendered_for_commands_is_valid() -> None:
    manifests = list(all_manifests(SETTINGS))
    assert [validate(each) for each in manifests if validate(each)] == []
    assert unresolved(manifests, external=EXTERNAL) == []
    (source,) = event_source_manifest(SETTINGS)["spec"]["github"].values()
    assert source["events"] == ["push", "pull_request", "issue_comment"]


def test_the_step_finds_its_parameters_in_the_templates_environment(conversation: Conversation) -> None:
    (made,) = conversation.say(KEEP)
    values = {each["name"]: each["value"] for each in made["spec"]["arguments"]["parameters"]}
    (container,) = (each["container"] for each in command_template(SETTINGS)["spec"]["templates"])
    env = {each["name"]: each.get("value", "") for each in container["env"]}
    for name, value in values.items():
        env = {key: text.replace(f"{{{{workflow.parameters.{name}}}}}", value) for key, text in env.items()}
    asked = command_from_env(env)
    assert (asked.kind, asked.repository, asked.pull_request, asked.requested_by) == ("keep", REPOSITORY, 1, PERSON)
    assert container["command"] == ["python", "-m", "steps.command"]


def test_the_double_comments_as_github_does(conversation: Conversation) -> None:
    examples = [
        each["payload"]
        for each in webhook_examples()
        if each["event"] == "issue_comment" and each["payload"]["action"] == "created"
    ]
    ours = json.loads(conversation.written(CANCEL).body)
    for key in ("issue", "comment", "repository", "sender"):
        real = {name: value for each in examples for name, value in each[key].items()}
        # The published examples are about issues, and older than one field.
        assert ours[key].keys() <= real.keys() | {"pull_request", "has_discussions"}, key
        for name, value in ours[key].items():
            known = real.get(name)
            assert value is None or known is None or type(value) is type(known), (key, name)


@pytest.mark.timeout(300)
def test_no_published_example_is_a_command(conversation: Conversation) -> None:
    source = EventSource.of(event_source_manifest(SETTINGS), event=EVENTS.event_name, secret=SECRET)
    sensor = Sensor(sensor_manifest(SETTINGS))
    for example in webhook_examples():
        body = json.dumps(example["payload"]).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": example["event"],
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "X-Hub-Signature-256": sign(SECRET, body),
        }
        received = source.receive(headers, body)
        assert isinstance(received, Event)
        assert isinstance(sensor.handle(received), Dropped), example["event"]
    assert conversation.untouched()
