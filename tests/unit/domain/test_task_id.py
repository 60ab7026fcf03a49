"""The task of a branch, in the steps and in the Sensor's template, and its id in labels and names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.manifests.sensor import sensor_manifest
from pipelines.manifests.sensor.task_id import task_id_template
from steps.domain.push_parameters import PARAMETERS
from steps.domain.task_id import find_task, match_task, task_id
from steps.settings.tasks import TaskPattern, check_prefixes
from tests.doubles.argo_events.filters import passes
from tests.doubles.argo_events.gotemplate import render
from tests.support.harness import DEFAULTS

NUMBERED = DEFAULTS.tasks[0]
JIRA = TaskPattern(
    branch=r"(?:feature|fix)/(?P<id>[A-Z]+-[0-9]+)(?:-.*)?", shares_ids=True, examples=("feature/PROJ-123-login",)
)
CLAUDE = TaskPattern(branch=r"claude/(?P<id>.+)", prefix="claude/", examples=("claude/fix-login-a1b2c3",))
CODEX = TaskPattern(branch=r"codex/issue-(?P<id>[0-9]+)", prefix="codex-", examples=("codex/issue-42",))
COPILOT = TaskPattern(branch=r"copilot/fix-(?P<id>[0-9]+)", prefix="copilot-", examples=("copilot/fix-42",))
WHOLE = TaskPattern(branch=r"(?P<id>agent/.+)", shares_ids=True, examples=("agent/PROJ-123-a1",))
ALL = (NUMBERED, JIRA, CLAUDE, CODEX, COPILOT, WHOLE)
REF = next(each.pattern for each in PARAMETERS if each.name == "ref")
TASK_ID = next(each.pattern for each in PARAMETERS if each.name == "task-id")

texts = st.text(st.sampled_from("abzABZ019._/-"), min_size=1, max_size=80)


def of_sensor(ref: str, patterns: tuple[TaskPattern, ...] = ALL) -> str:
    """The id that the Sensor builds."""
    template = task_id_template(replace(DEFAULTS, tasks=patterns))
    return render(template, {"Input": {"body": {"ref": ref}}})


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("task-42", "42"),
        ("feature/task-42-fix", "42"),
        ("feature/PROJ-123-login", "proj-123"),
        ("fix/PROJ-123", "proj-123"),
        ("claude/fix-login-a1b2c3", "claude-fix-login-a1b2c3-ab6e8c8b6c"),
        ("codex/issue-42", "codex-42"),
        ("copilot/fix-42", "copilot-42"),
        ("agent/PROJ-123-a1", "agent-proj-123-a1-b6b75d0f6c"),
        ("main", None),
        ("task-0", None),
        ("xtask-42", None),
        ("codex/issue-42x", None),
    ],
)
def test_a_branch_belongs_to_the_task_of_the_first_pattern_that_matches(branch: str, expected: str | None) -> None:
    found = find_task(f"refs/heads/{branch}", patterns=ALL)
    assert found == find_task(branch, patterns=ALL)
    assert (found and re.sub(r"[0-9a-f]{10}$", "", found)) == (expected and re.sub(r"[0-9a-f]{10}$", "", expected))
    if found:
        assert of_sensor(f"refs/heads/{branch}") == found


@given(text=texts)
def test_an_id_is_valid_in_labels_and_names(text: str) -> None:
    assert re.fullmatch(TASK_ID, task_id(text))
    assert len(task_id(text)) <= 63


@given(text=texts)
def test_an_id_has_no_case_and_is_its_own_id_or_has_a_hash(text: str) -> None:
    assert task_id(text.upper()) == task_id(text.lower()) == task_id(text)
    assert task_id(text) == text.lower() or re.search(r"-[0-9a-f]{10}$", task_id(text))


@given(one=texts, other=texts)
def test_two_ids_stay_two(one: str, other: str) -> None:
    assert (task_id(one) == task_id(other)) is (one.lower() == other.lower())


@pytest.mark.parametrize("text", ["a/b", "a.b", "a_b", "a--b", "-a", "a-", "x" * 64])
def test_an_id_that_looks_like_the_safe_form_of_another_is_not_that_one(text: str) -> None:
    assert task_id(task_id(text)) != task_id(text) or task_id(text) == text


@given(branch=st.text(st.sampled_from("abzABZ019._/-@#+"), min_size=1, max_size=90))
def test_the_sensor_builds_the_same_id_as_the_steps(branch: str) -> None:
    everything = TaskPattern(branch="(?P<id>.+)", examples=("x",))
    for ref in (f"refs/heads/{branch}", f"refs/heads/claude/{branch}"):
        for patterns in ((everything,), (CLAUDE, replace(everything, shares_ids=True))):
            assert of_sensor(ref, patterns) == find_task(ref, patterns=patterns)


@pytest.mark.parametrize(
    "branch",
    ["claude/a", "codex/issue-42", "task-42", "main", "claude/{{workflow.name}}", "claude/\u0430", "claude/a b"],
)
def test_the_sensor_drops_what_the_steps_refuse(branch: str) -> None:
    settings = replace(DEFAULTS, tasks=ALL)
    filters = sensor_manifest(settings)["spec"]["dependencies"][0]["filters"]["data"]
    on_refs = {"filters": {"data": [each for each in filters if each["path"] == "body.ref"]}}
    ref = f"refs/heads/{branch}"
    wanted = bool(re.fullmatch(REF, ref, re.ASCII)) and find_task(ref, patterns=ALL) is not None
    assert passes(on_refs, {"body": {"ref": ref}}) is wanted


@pytest.mark.parametrize(
    "branch",
    [
        r"^task-(?P<id>[0-9]+)$",
        r"^task-(?P<id>[0-9]+)",
        r"task-(?P<id>[0-9]+)$",
        r"\Atask-(?P<id>[0-9]+)\Z",
        r"\btask-(?P<id>[0-9]+)\b",
        r"^(?:task)-(?P<id>[^^$/A]+)(?:$|-.*)$",
    ],
)
def test_anchors_around_a_pattern_mean_nothing_to_the_sensor_and_the_steps(branch: str) -> None:
    pattern = TaskPattern(branch=branch, examples=("task-7",), counter_examples=("x-task-7", "x/task-7"))
    settings = replace(DEFAULTS, tasks=(pattern,))
    for dependency in sensor_manifest(settings)["spec"]["dependencies"]:
        for each in dependency["filters"]["data"]:
            if each["path"] in {"body.ref", "body.pull_request.head.ref"}:
                ref = "task-7" if "pull_request" in each["path"] else "refs/heads/task-7"
                body: dict[str, object] = {"ref": ref, "pull_request": {"head": {"ref": ref}}}
                assert passes({"filters": {"data": [each]}}, {"body": body})
    assert of_sensor("refs/heads/task-7", (pattern,)) == find_task("task-7", patterns=(pattern,)) == "7"


@pytest.mark.parametrize(
    ("branch", "kept", "example"),
    [
        (r"^(?P<id>x)\$", r"(?P<id>x)\$", "x$"),
        (r"(?P<id>x)\\$", r"(?P<id>x)\\", "x\\"),
        (r"(?i)^(?P<id>x)$", r"(?i)(?P<id>x)", "X"),
        (r"[^a](?P<id>x)", r"[^a](?P<id>x)", "bx"),
    ],
)
def test_only_an_anchor_is_removed_from_a_pattern(branch: str, kept: str, example: str) -> None:
    assert TaskPattern(branch=branch, examples=(example,)).branch == kept


def test_an_id_that_begins_with_the_prefix_of_another_pattern_is_a_problem() -> None:
    anything = TaskPattern(branch="x/(?P<id>.+)", examples=("x/a",))
    found = match_task("x/codex-42", patterns=(anything, CODEX))
    assert found
    assert found.problem == (
        "its task id begins with codex-, the prefix of another pattern: give this pattern a prefix too"
    )
    assert find_task("x/codex-42", patterns=(anything, CODEX)) is None
    assert find_task("x/other-42", patterns=(anything, CODEX)) == "other-42"


def test_an_id_that_is_shared_belongs_to_both_patterns() -> None:
    shared = TaskPattern(branch="x/(?P<id>.+)", examples=("x/a",), shares_ids=True)
    assert find_task("x/codex-42", patterns=(CODEX, shared)) == find_task("codex/issue-42", patterns=(CODEX, shared))


def test_a_group_that_is_empty_is_a_problem() -> None:
    optional = TaskPattern(branch="x/(?P<id>[0-9]*)", examples=("x/1",))
    found = match_task("x/", patterns=[optional])
    assert found
    assert found.problem == "the pattern matches, but its group for the task id is empty"
    assert find_task("x/", patterns=[optional]) is None


def test_a_slug_has_no_dash_at_its_ends_and_keeps_its_letters() -> None:
    assert re.fullmatch(r"xx-yx-[0-9a-f]{10}", task_id("-xx/Yx_"))
    assert re.fullmatch(r"x{52}-[0-9a-f]{10}", task_id("x" * 70))
    assert re.fullmatch(r"task-[0-9a-f]{10}", task_id("///"))


@pytest.mark.parametrize("digit", ["\u0661", "\uff11"])
def test_digits_of_other_scripts_are_no_digits(digit: str) -> None:
    numbers = TaskPattern(branch=r"t-(?P<id>\d+)", examples=("t-1",))
    assert match_task(f"t-{digit}", patterns=[numbers]) is None
    with pytest.raises(ValueError, match="does not match branch, or has no id"):
        TaskPattern(branch=r"t-(?P<id>\d+)", examples=(f"t-{digit}",))
    TaskPattern(branch=r"t-(?P<id>\d+)", examples=("t-1",), counter_examples=(f"t-{digit}",))


def pattern(prefix: str, *, shares_ids: bool = False) -> TaskPattern:
    return TaskPattern(branch=f"{prefix}x/(?P<id>.+)", prefix=prefix, shares_ids=shares_ids, examples=(f"{prefix}x/1",))


@pytest.mark.parametrize(
    "prefixes",
    [
        [pattern("a"), pattern("ab")],
        [pattern("ab"), pattern("A")],
        [pattern("a"), pattern("A")],
        [pattern(""), pattern("")],
        [pattern("a"), pattern("b", shares_ids=True), pattern("c"), pattern("cd")],
    ],
)
def test_prefixes_that_could_give_one_id_are_refused(prefixes: list[TaskPattern]) -> None:
    expected = (
        "tasks: two patterns may have the same ids: give each another prefix, neither the beginning of the other, or "
        "set shares_ids = true in the later one"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        check_prefixes(prefixes)


@pytest.mark.parametrize(
    "prefixes",
    [[pattern("a"), pattern("b")], [pattern(""), pattern("b")], [pattern("a"), pattern("ab", shares_ids=True)]],
)
def test_prefixes_that_keep_ids_distinct_are_accepted(prefixes: list[TaskPattern]) -> None:
    check_prefixes(prefixes)


def test_a_pattern_without_a_group_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(ValueError, match=r"^branch needs a group for the task id: write it as \(\?P<id>…\)$"):
        TaskPattern(branch="(a)(b)", examples=("ab",))
