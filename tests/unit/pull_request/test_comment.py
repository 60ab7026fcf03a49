"""The comment on the pull request: there is one, it is current and harmless, and it never fails a cancellation."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest

from steps.cancellation.execution import finish_execution
from steps.core.errors import Exit, LockLostError
from steps.core.keys import RECORD
from steps.domain import LABEL_TEXT, LabelOutcome
from steps.domain.agent import RunOutcome
from steps.domain.record import Phase, Record
from steps.pull_request import comment_body
from steps.pull_request.comment import COMMENT_ANNOTATION
from tests.doubles.github import delay, fail, primary_limited, reply_lost, reset, secondary_limited
from tests.doubles.github.messages import Request
from tests.doubles.github.world import App, Comment
from tests.doubles.platform.controller import Cleanup
from tests.doubles.platform.runs import REX, TESS
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene
from tests.support.scenarios import stale_push

MARKER = "<!-- agent-cancellation task=7 -->"
POSTED = {"method": "POST", "path": "/issues/1/comments$"}
EDITED = {"method": "PATCH", "path": "/issues/comments/"}


def only(scene: Scene) -> Comment:
    """The one comment there is."""
    (comment,) = scene.github.comments(1)
    return comment


def asked(scene: Scene) -> list[str]:
    """Return the requests to GitHub about comments."""
    calls = (f"{call.method} {call.path}" for call in scene.github.calls)
    return [call for call in calls if "comments" in call or call == "GET /user"]


def forget(scene: Scene) -> None:
    """The Lease no longer knows the comment's id."""
    lease = scene.lease()["metadata"]
    nothing = {"metadata": {"annotations": {COMMENT_ANNOTATION: None}}}
    scene.api.patch("leases", lease["name"], nothing, namespace=lease["namespace"])


def problems(scene: Scene) -> list[str]:
    return [event["problem"] for event in scene.events() if "comment" in event.get("event", "")]


# What it says.


def test_it_names_stopped_and_kept_runs_and_the_push(scene: Scene) -> None:
    kept = scene.agent(agent=REX)["metadata"]["name"]
    workflow = stale_push(scene)
    (stale,) = scene.runs() - {kept}
    assert scene.play(workflow) is Exit.DONE
    said = only(scene).body
    assert said.startswith(MARKER + "\n")
    for part in (
        f"**1 agent stopped:** push {NEW[:12]} by `5DLabs-Rex[bot]`",
        f"- `{stale}` of `{TESS}` was stopped; its object, Job and pods are proven gone",
        f"- `{kept}` of `{REX}`: `exempt agent`",
        "All have ended, with their Jobs and pods, less than a second after",
        "Labels moved: `remediation-in-progress` added, `ready-for-qa` removed.\n",
        f"Workflow `{workflow.name}`.",
        f"`kubectl -n agent-cancellation get lease {scene.lease()['metadata']['name']} -o yaml`",
        "add the label `skip-automation`",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("add", "remove", "said"),
    [
        ("remediation-in-progress", "", "Labels moved: `remediation-in-progress` added.\n"),
        ("", "ready-for-qa", "Labels moved: `ready-for-qa` removed.\n"),
    ],
)
def test_it_names_only_the_labels_that_the_settings_move(scene: Scene, add: str, remove: str, said: str) -> None:
    labels = replace(DEFAULTS.labels, add=add, remove=remove)
    scene.settings = replace(DEFAULTS, labels=labels)
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert said in only(scene).body


def test_it_names_no_skip_label_if_there_is_none(scene: Scene) -> None:
    scene.play(stale_push(scene))
    settings = replace(DEFAULTS, labels=replace(DEFAULTS.labels, skip=""))
    said = comment_body.comment_text(scene.record(), settings=settings)
    assert said.rstrip().endswith("<sub>agent-cancellation updates this comment.</sub>")


def test_it_links_to_the_workflow_if_argos_address_is_known(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, comment=replace(DEFAULTS.comment, argo_url="https://argo.example.com/ui/"))
    workflow = stale_push(scene)
    scene.play(workflow)
    url = f"https://argo.example.com/ui/workflows/agent-cancellation/{workflow.name}"
    assert f"[`{workflow.name}`]({url})" in only(scene).body


def test_a_push_that_stopped_no_agent_says_so(scene: Scene) -> None:
    scene.play(stale_push(scene, stale=0))
    assert "**No agent had to be stopped**" in only(scene).body


def test_it_says_that_the_labels_were_left_to_a_newer_push(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(workflow) is Exit.DONE
    assert f"Labels left to a newer push: {NEWER[:12]}.\n" in only(scene).body


@pytest.mark.parametrize("labels", [outcome for outcome in LabelOutcome if outcome is not LabelOutcome.MOVED])
def test_it_says_why_labels_did_not_move(scene: Scene, labels: LabelOutcome) -> None:
    scene.play(stale_push(scene))
    said = comment_body.comment_text(replace(scene.record(), labels=labels), settings=DEFAULTS)
    assert LABEL_TEXT[labels][1:] in said


def test_a_cancellation_that_fails_says_so_and_later_that_it_did_not(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.controller.cleanup = Cleanup.HANGING
    assert scene.play(workflow, attempts=2) is Exit.TRY_AGAIN
    failed = only(scene)
    assert "**Some agents on code older than push" in failed.body
    assert "could not be proven gone" in failed.body
    assert "after 2 attempts: `StillRunningError" in failed.body
    scene.controller.cleanup = Cleanup.PROMPT
    assert scene.play(workflow) is Exit.DONE
    assert only(scene).id == failed.id
    assert "**1 agent stopped:**" in only(scene).body


HOSTILE = (
    "@5dlabs/everyone",
    "`@everyone`",
    "``` @x",
    "](https://evil.example) [x",
    "<img src=x onerror=y>",
    "--> <script>",
    "a\n\n# Heading\n- [ ] task",
    "\u202egnp.exe",
    "#1 and GH-2, 5dlabs/cto#3",
    "x" * 5000,
    "`",
    "\x1b[31m",
    "{{ 7 * 7 }}",
    "",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_from_outside_has_no_effect_in_it(scene: Scene, text: str) -> None:
    scene.play(stale_push(scene, stale=2))
    record = scene.record()
    harmless = _dressed(record, "harmless")
    hostile = _dressed(record, text)
    bare = re.compile(r"`[^`\n]*`")
    said = comment_body.comment_text(hostile, settings=DEFAULTS)
    assert bare.sub("", said) == bare.sub("", comment_body.comment_text(harmless, settings=DEFAULTS))
    assert len(said) < 10_000
    assert all(each.isprintable() for line in said.splitlines() for each in line)


def _dressed(record: Record, text: str) -> Record:
    """A failed record with a text in every place that something outside can write to."""
    agents = [
        replace(agent, name=text, agent=text, reason=text, outcome=outcome)
        for agent, outcome in zip(record.agents, (RunOutcome.STUCK, RunOutcome.KEPT), strict=True)
    ]
    push: Any = replace(record.push, ref=text, requested_by=text, sha=text)  # type: ignore[arg-type]
    return replace(record, push=push, phase=Phase.FAILED, agents=tuple(agents), errors=(text,), workflow=text)


def test_the_longest_record_fits_into_a_comment(scene: Scene) -> None:
    scene.play(stale_push(scene))
    record = scene.record()
    agents = tuple(replace(record.agents[0], name="n" * 253, agent="a" * 300, reason="r" * 300) for _ in range(100))
    for outcome in (RunOutcome.KEPT, RunOutcome.GONE):
        full = replace(record, agents=tuple(replace(agent, outcome=outcome) for agent in agents))
        assert len(comment_body.comment_text(full, settings=DEFAULTS)) < 65536


# There is one.


def test_the_next_push_updates_it_in_place_in_one_request(scene: Scene) -> None:
    scene.play(stale_push(scene))
    first = only(scene)
    scene.github.calls.clear()
    assert scene.play(stale_push(scene, NEWER, stale=2)) is Exit.DONE
    assert only(scene).id == first.id
    assert f"push {NEWER[:12]}" in only(scene).body
    assert asked(scene) == [f"PATCH /repos/5dlabs/cto/issues/comments/{first.id}"]


def test_a_comment_that_a_person_deleted_is_created_again(scene: Scene) -> None:
    scene.play(stale_push(scene))
    first = only(scene)
    scene.github.delete_comment(first.id)
    assert scene.play(stale_push(scene, NEWER)) is Exit.DONE
    assert only(scene).id != first.id
    scene.github.calls.clear()
    assert scene.play(stale_push(scene, "d" * 40)) is Exit.DONE
    assert len(asked(scene)) == 1


def test_a_comment_whose_id_was_lost_is_found_by_its_first_line(scene: Scene) -> None:
    for number in range(120):
        scene.github.add_comment(1, f"comment {number}", author="a-person")
    scene.play(stale_push(scene))
    first = scene.github.comments(1)[-1]
    for number in range(120):
        scene.github.add_comment(1, f"another {number}", author="a-person")
    forget(scene)
    assert scene.play(stale_push(scene, NEWER)) is Exit.DONE
    (found,) = [each for each in scene.github.comments(1) if each.body.startswith(MARKER)]
    assert (found.id, NEWER[:12] in found.body) == (first.id, True)


def test_another_pull_request_of_the_task_gets_its_own(scene: Scene) -> None:
    scene.play(stale_push(scene))
    first = only(scene)
    scene.github.close(1)
    scene.github.add_pull_request(head="task-7-work", sha=NEW, labels=["ready-for-qa"])
    assert scene.play(stale_push(scene, NEWER)) is Exit.DONE
    assert only(scene) == first
    assert len(scene.github.comments(2)) == 1


@pytest.mark.parametrize("fault", [reply_lost(), fail(502, applied=True), fail(503)], ids=["lost", "502", "503"])
@pytest.mark.parametrize("call", [POSTED, EDITED], ids=["made", "edited"])
def test_a_lost_answer_creates_no_second_comment(scene: Scene, fault: Any, call: dict[str, str]) -> None:  # noqa: ANN401
    if call is EDITED:
        scene.play(stale_push(scene))
    scene.github.fault(fault, **call)  # type: ignore[arg-type]
    assert scene.attempt(stale_push(scene, NEWER)) is Exit.DONE
    assert NEWER[:12] in only(scene).body
    assert scene.lease()["metadata"]["annotations"][COMMENT_ANNOTATION] == f"1/{only(scene).id}"


@pytest.mark.parametrize("author", ["a-person", "automation-2", "agent-cancellation[bot]"])
def test_a_comment_of_another_account_with_the_same_first_line_is_kept(scene: Scene, author: str) -> None:
    theirs = scene.github.add_comment(1, f"{MARKER}\nmine", author=author)
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert scene.github.comments(1)[0] == theirs
    assert len(scene.github.comments(1)) == 2


def test_an_own_comment_that_only_quotes_the_first_line_is_kept(scene: Scene) -> None:
    note = scene.github.add_comment(1, f"It begins with\n{MARKER}", author="automation")
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert scene.github.comments(1)[0] == note


def by(app: App | None, *, author: str) -> Comment:
    return Comment(id=1, pull=1, author=author, app=app, body=MARKER, created_at=0, updated_at=0)


@pytest.mark.parametrize(
    ("comment", "own"),
    [
        (by(App(id=42, slug="us"), author="us[bot]"), True),
        (by(App(id=43, slug="them"), author="them[bot]"), False),
        (by(App(id=42, slug="us"), author="a-person"), False),
        (by(None, author="a-person"), False),
    ],
    ids=["its own", "another App's", "a person's, through the App", "a person's"],
)
def test_an_app_identifies_its_own_comment_by_its_id_without_a_request(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, comment: Comment, *, own: bool
) -> None:
    scene.github.repository().comments[comment.id] = comment
    context = scene.context(stale_push(scene), pod="p")
    github = context.clients.github(lambda: None)
    monkeypatch.setattr(github, "_app", "42")
    (found,) = github.comments(repository="5dlabs/cto", number=1)
    assert github.is_own(found) is own
    assert len(scene.github.calls) == 1


# There is none.


def test_a_push_with_the_skip_label_gets_none(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.github.edit_labels(1, add=["skip-automation"])
    assert scene.play(workflow) is Exit.DONE
    assert scene.github.comments(1) == ()


def test_a_superseded_push_and_a_dry_run_change_nothing(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.play(workflow)
    before = only(scene)
    scene.later(60)
    scene.play(workflow)
    scene.agent()
    scene.later(5)
    scene.play(scene.workflow(sha=NEWER, dry_run=True))
    assert only(scene) == before


def test_it_can_be_switched_off(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, comment=replace(DEFAULTS.comment, enabled=False))
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert asked(scene) == []


def test_without_a_pull_request_no_comment_is_written(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.github.close(1)
    assert scene.play(workflow) is Exit.DONE
    assert asked(scene) == []


# It is never in the way.


@pytest.mark.parametrize(
    "fault",
    [fail(500), fail(404), fail(401), fail(422), reset(), secondary_limited(), primary_limited()],
    ids=["500", "404", "401", "422", "reset", "secondary limit", "primary limit"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_github_that_refuses_the_comment_fails_nothing(scene: Scene, fault: Any, method: str) -> None:  # noqa: ANN401
    workflow = stale_push(scene)
    scene.github.fault(fault, method=method, path="/comments$", times=float("inf"))
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.record().phase is Phase.COMPLETED
    assert "remediation-in-progress" in scene.github.labels(1)
    assert len(problems(scene)) == 1
    assert scene.lease()["spec"]["holderIdentity"] == ""


def test_a_locked_conversation_fails_nothing(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.github.lock(1)
    assert scene.attempt(workflow) is Exit.DONE
    assert "locked" in problems(scene)[0]


def test_a_bug_in_it_fails_nothing_and_shows_no_text(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> str:
        raise KeyError("something from outside")

    monkeypatch.setattr(comment_body, "comment_text", broken)
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert problems(scene) == ["KeyError"]


@pytest.mark.parametrize("slow_s", [1.5, 3.9, 9.0])
def test_a_slow_github_delays_the_end_by_seconds_and_costs_no_lease(scene: Scene, slow_s: float) -> None:
    workflow = stale_push(scene)
    scene.github.fault(delay(slow_s), path="comments", times=float("inf"))
    started = scene.begin(workflow, pod="p")
    began = scene.clock.monotonic()
    finish_execution(started)
    assert scene.clock.monotonic() - began <= DEFAULTS.comment.deadline_s + slow_s + 1
    assert scene.record().phase is Phase.COMPLETED


def test_nothing_is_written_before_labels_and_state_are_done(scene: Scene) -> None:
    workflow = stale_push(scene)
    seen: list[tuple[set[str], list[str]]] = []

    def look() -> None:
        seen.append((set(scene.github.labels(1)), [call.method for call in scene.api.calls if "-state" in call.path]))

    scene.github.before(look, **POSTED)  # type: ignore[arg-type]
    scene.play(workflow)
    assert seen[0][0] == {"remediation-in-progress", "task-7", "team-a"}
    assert scene.github.calls[-1].path.endswith("/comments")


def test_nothing_is_written_after_the_lease_is_lost(scene: Scene) -> None:
    workflow = stale_push(scene)
    started = scene.begin(workflow, pod="p")

    def pause(request: Request | None = None) -> None:
        del request
        scene.clock.jump(DEFAULTS.lease.duration_s + 5)
        other = scene.workflow(sha=NEWER)
        scene.begin(other, pod="other")

    scene.github.after(pause, method="GET", path="/issues/1/comments$")
    with pytest.raises(LockLostError):
        finish_execution(started)
    assert scene.github.comments(1) == ()


# Where its id is.


def test_its_id_is_stored_beside_the_record_so_that_an_earlier_version_can_read_the_record(scene: Scene) -> None:
    scene.play(stale_push(scene))
    annotations = scene.lease()["metadata"]["annotations"]
    assert annotations[COMMENT_ANNOTATION] == f"1/{only(scene).id}"
    assert set(json.loads(annotations[RECORD])) <= {field.name for field in fields(Record)}
    assert "comment" not in {field.name for field in fields(Record)}


@pytest.mark.parametrize("text", ["", "1", "x/y", "1/0", "2/5", "1/" + "9" * 30, "1/" + "9" * 5000, '{"a": 1}'])
def test_with_an_invalid_id_the_comment_is_found_by_its_first_line(scene: Scene, text: str) -> None:
    scene.play(stale_push(scene))
    first = only(scene)
    lease = scene.lease()["metadata"]
    scene.api.patch(
        "leases", lease["name"], {"metadata": {"annotations": {COMMENT_ANNOTATION: text}}}, namespace=lease["namespace"]
    )
    assert scene.play(stale_push(scene, NEWER)) is Exit.DONE
    assert only(scene).id == first.id


def test_the_template_engine_is_loaded_only_when_a_comment_is_written() -> None:
    modules = "steps.cancel, steps.fail, steps.reconcile, steps.pull_request.comment, steps.github.client"
    code = f"import sys, {modules}; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
