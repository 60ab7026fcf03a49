"""Bad input ends with a message that names the field and the fix, the right exit code, and nothing half-written."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.settings import read_settings
from steps.cancel import cancel
from steps.core.errors import BadInputError, Exit, ForbiddenError
from steps.core.keys import RECORD
from steps.domain.push_parameters import push_from_env
from steps.github.credentials import mounted_credentials
from steps.settings.loading import SETTINGS_ENV, StepSettings, settings_from_env
from steps.settings.tasks import TaskPattern
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, OLD, Scene
from tests.support.settings_files import whole_text

GOOD = {
    "REPOSITORY": "5dlabs/cto",
    "TASK_ID": "7",
    "REF": "refs/heads/task-7-work",
    "SHA": NEW,
    "PUSHED_AT": "1772366400",
    "CORRELATION_ID": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
}
HOSTILE = ["", "{{workflow.name}}", "{{=1+1}}", "$(id)", "a\nb", "x" * 10_000, "\u0667", "a b", "\x00", "../../etc"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("REF", "refs/heads/task-7-retry+backoff"),
        ("REF", "refs/heads/renovate/task-7-@types/node"),
        ("REF", "refs/heads/task-7-fix-#12"),
        ("REF", "refs/heads/task-7-" + "x" * 237),
        ("REPOSITORY", "octo-dev_acme/cto"),
        ("REPOSITORY", "o" * 39 + "/" + "r" * 100),
        ("REPOSITORY", "5dlabs/.github"),
        ("REQUESTED_BY", "octo-dev_acme"),
        ("REQUESTED_BY", "a" * 34 + "[bot]"),
    ],
)
def test_every_common_name_is_accepted(field: str, value: str) -> None:
    tasks = TaskPattern(branch=r"(?:renovate/)?task-([1-9][0-9]{0,8})-.+", examples=("task-7-x",))
    push_from_env(GOOD | {field: value}, tasks=[tasks])


@pytest.mark.parametrize("field", [*GOOD, "REASON", "REQUESTED_BY", "DRY_RUN"])
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_every_hostile_parameter_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(BadInputError) as caught:
        push_from_env(GOOD | {field: value}, tasks=DEFAULTS.tasks)
    message = str(caught.value)
    assert field.lower().replace("_", "-") in message
    assert len(message) < 500
    assert "\n" not in message


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("REPOSITORY", "cto", "owner/name"),
        ("REPOSITORY", "5dlabs/..", "owner/name"),
        ("REPOSITORY", "5dlabs/cto/pulls", "owner/name"),
        ("REPOSITORY", "5dlabs/cto?x=1", "owner/name"),
        ("TASK_ID", "07", "ref belongs to task 7"),
        ("TASK_ID", "PROJ-7", "lower-case letters"),
        ("TASK_ID", "8", "ref belongs to task 7"),
        ("REF", "refs/tags/task-7", "refs/heads/"),
        ("REF", "refs/heads/main", "no pattern of the settings (tasks) matches"),
        ("REF", "refs/heads/task-7-a..b", "'..'"),
        ("SHA", NEW.upper(), "hexadecimal"),
        ("SHA", NEW[:7], "hexadecimal"),
        ("SHA", "0" * 40, "give the last commit of the branch as before"),
        ("PUSHED_AT", "2026-03-01T12:00:00Z", "Unix seconds"),
        ("DRY_RUN", "True", "true or false"),
    ],
)
def test_the_error_for_a_wrong_parameter_says_what_it_should_be(field: str, value: str, expected: str) -> None:
    with pytest.raises(BadInputError, match=re.escape(expected)):
        push_from_env(GOOD | {field: value}, tasks=DEFAULTS.tasks)


def test_all_missing_parameters_are_named_at_once() -> None:
    with pytest.raises(BadInputError) as caught:
        push_from_env({}, tasks=DEFAULTS.tasks)
    assert all(name.lower().replace("_", "-") in str(caught.value) for name in GOOD)


@pytest.mark.parametrize("repository", ["5dlabs/.github", "a/b", "o-o/r_r.r-r"])
def test_unusual_but_real_repositories_pass(repository: str) -> None:
    assert push_from_env(GOOD | {"REPOSITORY": repository}, tasks=DEFAULTS.tasks).repository == repository


def test_a_push_from_the_future_is_refused(scene: Scene) -> None:
    workflow = scene.workflow()
    future = workflow.created_at + timedelta(seconds=DEFAULTS.push.tolerance_s + 1)
    late = replace(workflow, push=replace(workflow.push, pushed_at=future))
    assert scene.play(late) is Exit.BAD_INPUT
    assert "pushed-at" in scene.output.getvalue()
    assert scene.api.list("leases", namespace=DEFAULTS.namespaces.workflows) == []


def test_an_unknown_task_ends_well_with_an_empty_record(scene: Scene) -> None:
    assert scene.play(scene.workflow(task=99)) is Exit.DONE
    assert scene.record(task=99).agents == ()


def test_a_repository_that_github_does_not_have_is_named(scene: Scene) -> None:
    name = scene.agent(repository="5dlabs/gone")["metadata"]["name"]
    scene.later(5)
    assert scene.play(scene.workflow(repository="5dlabs/gone")) is Exit.BAD_INPUT
    assert "5dlabs/gone" in scene.output.getvalue()
    assert scene.runs() == {name}


@pytest.mark.parametrize(
    "problem", ["expired", "unknown", "no write permission"], ids=["expired token", "unknown token", "read-only token"]
)
def test_insufficient_credentials_end_without_a_retry(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    scene.github.push("task-7-work", NEW)
    expires = scene.clock.timestamp() - 1 if problem == "expired" else None
    permissions = {"pull_requests": "read", "issues": "read", "metadata": "read"}
    if problem == "unknown":
        monkeypatch.setattr("tests.support.scene.clients.TOKEN", "ghs_scene_of_another_day")
    elif problem == "expired":
        scene.github.add_token("ghs_scene", expires_at=expires)
    else:
        scene.github.add_token("ghs_scene", permissions=permissions)
    assert scene.play(scene.workflow()) is Exit.FORBIDDEN
    assert "ghs_scene" not in scene.output.getvalue()
    assert scene.lease()["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "no GitHub credentials"),
        ({"token": ""}, "no GitHub credentials"),
        ({"app-id": "1"}, "lack installation-id, private-key.pem"),
        ({"app-id": "1", "installation-id": "two", "private-key.pem": "secret"}, "not a number"),
    ],
    ids=["no secret", "an empty token", "half an App", "an installation id that is none"],
)
def test_missing_credentials_are_named_and_never_shown(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ForbiddenError, match=expected) as caught:
        mounted_credentials(tmp_path)
    assert "secret" not in str(caught.value).replace("Secret", "")


def test_a_crd_that_is_not_installed_is_named(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], group="not.installed")
    scene.settings = replace(DEFAULTS, agents=(kind,))
    assert scene.play(scene.workflow()) is Exit.BAD_INPUT
    assert "install the CRD" in scene.record().errors[-1]


def test_a_namespace_that_is_missing_is_named(scene: Scene) -> None:
    elsewhere = replace(DEFAULTS, namespaces=replace(DEFAULTS.namespaces, workflows="nowhere"))
    context = replace(scene.context_without_pod(scene.workflow()), settings=elsewhere)
    with pytest.raises(Exception, match="nowhere") as caught:
        cancel(context)
    assert getattr(caught.value, "exit", None) is Exit.BAD_INPUT


@pytest.mark.parametrize("resource", ["leases", "coderuns", "jobs"])
def test_what_rbac_refuses_ends_without_a_retry_and_names_the_role(scene: Scene, resource: str) -> None:
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    message = f"{resource} is forbidden: User cannot do that"
    scene.api.faults.add(Fault(path=f"/{resource}", times=0, status=403, reason="Forbidden", message=message))
    assert scene.attempt(scene.workflow()) is Exit.FORBIDDEN
    assert "Role" in scene.output.getvalue()


def test_a_delete_that_rbac_refuses_leaves_the_labels(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    scene.api.faults.add(Fault(method="DELETE", times=0, status=403, reason="Forbidden"))
    assert scene.play(scene.workflow()) is Exit.FORBIDDEN
    assert "ready-for-qa" in scene.github.labels(1)
    assert scene.lease()["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize(
    "spec",
    [{"githubApp": ""}, {"repositoryUrl": ""}, {"repositoryUrl": "nonsense"}],
    ids=["no agent", "no repository", "a repository that is none"],
)
def test_a_run_that_does_not_say_what_it_is_is_kept_and_reported(scene: Scene, spec: dict[str, str]) -> None:
    run = scene.agent()
    scene.api.patch("coderuns", run["metadata"]["name"], {"spec": spec}, namespace=DEFAULTS.namespaces.agents[0])
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {run["metadata"]["name"]}
    assert scene.record().agents[0].reason.startswith("names no")


def test_a_run_without_labels_is_found_where_the_task_is_read_from_its_spec(scene: Scene) -> None:
    """By default a label selects a task's runs, so one without labels is not seen; any other path lists them all."""
    run = scene.agent()["metadata"]["name"]
    scene.api.patch("coderuns", run, {"metadata": {"labels": None}}, namespace=DEFAULTS.namespaces.agents[0])
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {run}

    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], task="spec.taskId"),))
    scene.later(5)
    scene.github.push("task-7-work", OLD)
    assert scene.play(scene.workflow(sha=OLD)) is Exit.DONE
    assert scene.runs() == set()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"version": 2}', '{"version": 1, "phase": "completed"}'],
    ids=["half-written", "not a record", "of a newer version", "by hand"],
)
def test_a_record_that_cannot_be_read_is_named_and_left_as_it_is(scene: Scene, text: str) -> None:
    scene.play(scene.workflow())
    name = scene.lease()["metadata"]["name"]
    annotation = {"metadata": {"annotations": {RECORD: text}}}
    scene.api.patch("leases", name, annotation, namespace=DEFAULTS.namespaces.workflows)
    scene.later(10)
    assert scene.play(scene.workflow(sha=OLD)) is Exit.BAD_INPUT
    assert scene.lease()["metadata"]["annotations"][RECORD] == text
    assert RECORD in scene.output.getvalue()


# Settings.

SETTINGS = whole_text()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("duration_s = 30", "duration_s = 'long'", "lease.duration_s"),
        ("duration_s = 30", "duration_s = 15", "renew_deadline_s"),
        ("duration_s = 30", "durations = 30", "lease.durations"),
        ("[stop]", "[stops]", "stops"),
        ("parallel = 10", "parallel = 0", "stop.parallel"),
        ('agents = "agent-platform"', 'agents = "Agent_Platform"', "namespaces.agents: give"),
        ('agents = "agent-platform"', 'agents = ["a", "B"]', "namespaces.agents.1: give at most 63 lower-case"),
        ('agents = "agent-platform"', 'agents = ["a", "b", "a"]', "namespaces: agents has a namespace twice"),
        ('agents = "agent-platform"', "agents = []", "namespaces.agents: empty: give at least one"),
        ('agents = "agent-platform"', "agents = 7", "namespaces.agents: not a list: give one in brackets"),
        ('state = ""', 'state = "State"', "namespaces.state: give at most 63 lower-case letters"),
        ('instance_id = ""', 'instance_id = "a b"', "argo.instance_id: give at most 63 letters"),
        ('event_bus = "default"', 'event_bus = ""', "events.event_bus: give at most 63 lower-case letters"),
        ('sensor = "implementation-agent-remediation"', 'sensor = "A"', "events.sensor: give at most 63"),
        (
            'sensor = "implementation-agent-remediation"',
            'sensor = "github-eventsource"',
            "events: sensor and event_source must differ",
        ),
        ("image_pull_secrets = []", 'image_pull_secrets = "one"', "pods.image_pull_secrets: not a list: give one"),
        ("image_pull_secrets = []", 'image_pull_secrets = [""]', "pods.image_pull_secrets.0: give at most 63"),
        ("node_selector = {}", 'node_selector = { "a b" = "c" }', "pods.node_selector: a key is malformed: give keys"),
        ("node_selector = {}", 'node_selector = { a = "b c" }', "pods.node_selector: a value is malformed: it has"),
        ("node_selector = {}", "node_selector = { a = true }", "pods.node_selector.a: not a string: put it in quotes"),
        ("node_selector = {}", 'node_selector = "a=b"', "pods.node_selector: give a valid dictionary"),
        ("tolerations = []", 'tolerations = { key = "a" }', "pods.tolerations: not a list: give one in brackets"),
        ("tolerations = []", "tolerations = [{}]", "pods.tolerations.0: a toleration without a key tolerates all"),
        ("tolerations = []", 'tolerations = [{ key = "a", effect = "Never" }]', "pods.tolerations.0.effect: give"),
        ("tolerations = []", 'tolerations = [{ key = "a", operator = "In" }]', "pods.tolerations.0.operator: give"),
        ("tolerations = []", 'tolerations = [{ key = "a b" }]', "pods.tolerations.0.key: give the name of a label"),
        ("tolerations = []", 'tolerations = [{ key = "a", vaule = "b" }]', "pods.tolerations.0.vaule: unknown key"),
        (
            "tolerations = []",
            'tolerations = [{ key = "a", operator = "Exists", value = "b" }]',
            'pods.tolerations.0: operator = "Exists" tolerates any value',
        ),
        (
            "tolerations = []",
            'tolerations = [{ key = "a", seconds = 5, effect = "NoSchedule" }]',
            'pods.tolerations.0: seconds counts only with effect = "NoExecute"',
        ),
        ("labels = {}             #", 'labels = { "a" = "b c" } #', "pods.labels: a value is malformed: it has at"),
        (
            "labels = {}             #",
            'labels = { "app.kubernetes.io/name" = "mine" } #',
            "pods.labels: app.kubernetes.io/name is written by",
        ),
        (
            "labels = {}             #",
            'labels = { "workflows.argoproj.io/workflow" = "mine" } #',
            "pods.labels: workflows.argoproj.io/workflow is written by Argo or agent-cancellation",
        ),
        (
            "labels = {}             #",
            'labels = { "agent-cancellation/task" = "7" } #',
            "is written by Argo",
        ),
        ("annotations = {}", 'annotations = { note = "{{workflow.name}}" }', "pods.annotations: remove {{: Argo would"),
        ("annotations = {}", f'annotations = {{ note = "{"x" * 17_000}" }}', "pods.annotations: give at most 16 KiB"),
        ("annotations = {}", 'annotations = { "a b" = "c" }', "pods.annotations: a key is malformed: give keys"),
        ("every_s = 30 ", "every_s = 5 ", "reconcile.every_s: give 0, or 10 to 60, or 120"),
        ("every_s = 30 ", "every_s = 90 ", "reconcile.every_s: give 0, or 10 to 60, or 120"),
        ("every_s = 30 ", "every_s = 420 ", "reconcile.every_s: give 0, or 10 to 60, or 120"),
        ("every_s = 30 ", "every_s = 7200 ", "reconcile.every_s: give 0, or 10 to 60, or 120"),
        ("every_s = 30 ", "every_s = -60 ", "reconcile.every_s: give greater than or equal to 0"),
        ("late_labels_s = 86400", "late_labels_s = 20", "reconcile: late_labels_s must be longer than every_s"),
        ("(?P<id>[1-9][0-9]{0,8})", "[1-9]", "tasks.0: branch needs a group for the task id"),
        ("(?P<id>[1-9][0-9]{0,8})", "(", "not a regular expression"),
        ('examples = ["task-42",', 'examples = ["main",', "the example 'main' does not match branch"),
        ('counter_examples = ["main",', 'counter_examples = ["task-1",', "the counter-example 'task-1' matches branch"),
        (
            'counter_examples = ["main", "task-0"]',
            "[[tasks]]\nbranch = 'x/(?P<id>.+)'\nexamples = ['x/1']",
            "tasks: two patterns may have the same ids",
        ),
        ("(?:feature/)?task", "(?:^|.*/)task", "tasks.0.branch: an anchor (^ or \\A) inside it never matches in the"),
        ("(?:feature/)?task", "(?:\\Afeature/)?task", "tasks.0.branch: an anchor (^ or \\A) inside it never matches"),
        ("[1-9][0-9]{0,8}", "(?=[1-9])[0-9]{1,9}", "tasks.0.branch: the Sensor cannot read it, because it is not RE2"),
        ("grace_s = 30", "grace_s = 300", "workflow.deadline_s: raise it above 490"),
        ("task = 'metadata.labels.task-id'", "task = ''", "agents.0: task and branch are empty"),
        ('skip = "skip-automation"', 'skip = "ready-for-qa"', "must be different labels"),
        ('unreadable = "wait"', 'unreadable = "maybe"', "github.unreadable"),
        ('api_url = "https://api.github.com"', 'api_url = "api.github.com"', "github.api_url"),
        ("hosts = []", 'hosts = ["https://git.example.com"]', "github.hosts.0: give a host without scheme"),
        ("hosts = []", 'hosts = "git.example.com"', "github.hosts: not a list: give one"),
        ('task = "task-{task}"', 'task = "task"', "labels.task: must contain {task}"),
        *(
            ('task = "task-{task}"', f'task = "{task}"', "labels.task: has braces besides {task}: remove them")
            for task in ("{task}-{branch}", "{task}}", "{task}{0}", "{{task}}", "{task!r}{task}")
        ),
        (
            "[labels]",
            '[[policies]]\nrepositories = ["5dlabs/cto"]\nlabels = { task = "{task}-{branch}" }\n[labels]',
            "policies.0.labels.task: has braces besides {task}",
        ),
        ('config_map = "task-{task}-state"', 'config_map = "state"', "{task}"),
        ('config_map = "task-{task}-state"', 'config_map = "task-{task}-{branch}"', "state.config_map: give a name of"),
        ('config_map = "task-{task}-state"', 'config_map = "task-{task}-{task}"', "{task} once"),
        ('repositories = ["5dlabs/cto"]', 'repositories = ["cto"]', "events.repositories"),
        ('repositories = ["5dlabs/cto"]', "repositories = []", "events.repositories"),
        ('name = "agent-cancellation:0.1.0"', 'name = "agent-cancellation"', "image.name"),
        ("[lease]", "[lease", "not TOML"),
        ("repositories = [", "repositorys = [", "events.repositorys: unknown key; did you mean repositories?"),
        ('plural = "coderuns"', "", "agents.0.plural: missing: add it"),
        ("grace_s = 30", "grace_s = 'half a minute'", "stop.grace_s: give a valid number"),
        ("[labels]", "[labels]\nextra = 1", "labels.extra: unknown key; remove it"),
        (
            'workflows = "agent-cancellation"',
            'workflows = "Agents"',
            "namespaces.workflows: give at most 63 lower-case letters",
        ),
        ('repositories = ["5dlabs/cto"]', 'repositories = "5dlabs/cto"', "events.repositories: not a list: give one"),
        ('repositories = ["5dlabs/cto"]', "repositories = []", "events.repositories: empty: give at least one"),
        ('repositories = ["5dlabs/cto"]', 'repositories = ["cto"]', "events.repositories.0: give owner/name"),
        *(
            (
                '"5dlabs/cto"',
                f'"5dlabs/cto{end}"',
                f"events.repositories.0: no repository at GitHub ends in {end}: remove",
            )
            for end in (".git", ".Git", ".wiki")
        ),
        *(
            (
                f'{key} = "',
                f'{key} = " ',
                f"labels.{key}: has spaces around it, and no label at GitHub does: remove them",
            )
            for key in ("skip", "add", "task")
        ),
        ('skip = "skip-automation"', 'skip = "skip-automation "', "labels.skip: has spaces around it"),
        ('sha = ""', 'sha = "a path"', "agents.0.sha: give a path such as"),
        ("job = 'status.jobName'", "job = '[a=b]'", "agents.0.job: give a path such as"),
        ("job = 'status.jobName'", "job = 'spec.jobs[0].name'", "agents.0.job: select an item of a list by one of its"),
        ("job = 'status.jobName'", "job = 'spec.jobs[*].name'", "agents.0.job: select an item of a list by one of its"),
        ("repository = 'spec.repositoryUrl'", "repository = '5dlabs/cto'", "agents.0.repository: no object has a text"),
        ("repository = 'spec.repositoryUrl'", "repository = 'o/web.site'", "agents.0.repository: no object has a text"),
        ("agent = 'spec.githubApp'", "agent = 'my-agent'", "put it into double quotes inside the quotes, such as"),
        ("agent = 'spec.githubApp'", "agent = 'metadata.agent'", "agents.0.agent: no object has a text there"),
        ("agent = 'spec.githubApp'", "agent = 'metadata'", "agents.0.agent: no object has a text there"),
        ("task = 'metadata.labels.task-id'", "task = 'task-id'", "agents.0.task: no object has a text there"),
        ("task = 'metadata.labels.task-id'", "task = 'task'", "agents.0.task: no object has a text there"),
        ("task = 'metadata.labels.task-id'", "task = 'labels.task-id'", "agents.0.task: no object has a text there"),
        ("task = 'metadata.labels.task-id'", "task = 'metadata.labels'", "agents.0.task: no object has a text there"),
        ("task = 'metadata.labels.task-id'", "task = 'metadata.label.x'", "agents.0.task: no object has a text there"),
        ("agent = 'spec.githubApp'", "agent = 'metadata.labels.app.io/name'", "agents.0.agent: escape each dot"),
        ("agent = 'spec.githubApp'", """agent = '"a name"'""", "agents.0.agent: give a path such as"),
        ("repository = 'spec.repositoryUrl'", """repository = '"cto"'""", "agents.0.repository: give a path such as"),
        ("phase = 'status.phase'", "phase = 'spec.replicas'", "agents.0: phase is a field of spec"),
        ("[[agents]]\n", "[[agents]]\npreset = 'jobs'\n", "agents.0.preset: no preset of this name; did you mean job?"),
        ("[[agents]]\n", "[[agents]]\npreset = 1\n", "agents.0.preset: no preset of this name"),
        ("[[agents]]\n", "[[agents]]\npreset = 'pod'\n\n[[agents]]\n", "agents.0.task, agents.0.repository"),
        ('plural = "coderuns"', 'plural = "code-runs-"', "agents.0.plural: give the resource's plural name"),
        ('owns = ["batch/v1/jobs"]', 'owns = ["jobs"]', "agents.0.owns.0: give a resource as group/version/plural"),
        ('owns = ["batch/v1/jobs"]', 'owns = ["v1/pods"]', "agents.0.owns.0: give a resource as group/version/plural"),
        ("pod_selector = {}", 'pod_selector = { "a b" = "{name}" }', "agents.0.pod_selector: not labels: give keys"),
        ("pod_selector = {}", 'pod_selector = { run = "{task}" }', "agents.0.pod_selector: not labels: give keys"),
        ("pod_selector = {}", 'pod_selector = { run = "a,b={uid}" }', "agents.0.pod_selector: not labels: give keys"),
        ("pod_selector = {}", 'pod_selector = { kind = "agent" }', "agents.0.pod_selector: it would match the pods of"),
        ('config_map = "task-{task}-state"', 'config_map = "Task_{task}"', "state.config_map: give a name of"),
        ("dns_ports = [53]", "dns_ports = []", "workflow.dns_ports: "),
        ("fixed_user = true", 'fixed_user = "8737"', "pods.fixed_user: give a valid boolean"),
        ("archive_logs = false", 'archive_logs = "never"', "workflow.archive_logs: give a valid boolean"),
        ('pull_policy = "IfNotPresent"', 'pull_policy = "always"', "image.pull_policy: give 'Always', 'IfNotPresent'"),
        ("api_server_ports = [443, 6443]", "api_server_ports = []", "workflow.api_server_ports: empty"),
        ("api_server_ports = [443, 6443]", "api_server_ports = [70000]", "workflow.api_server_ports.0"),
        ("max_payload_bytes = 7340032", "max_payload_bytes = 1024", "events.max_payload_bytes"),
        ("late_labels_s = 86400", "late_labels_s = -1", "reconcile.late_labels_s"),
        ("unstarted_after_s = 300", "unstarted_after_s = 0", "reconcile.unstarted_after_s"),
        ("untriggered_events = 50", "untriggered_events = 0", "observability.untriggered_events"),
        ('cpu = "1"', "cpu = 1", "workflow.limits.cpu: not a string: put it in quotes"),
        ('cpu = "1"', 'cpu = "1x"', "workflow.limits.cpu: give a quantity in quotes"),
        ('cpu = "1"', 'cpu = "-1"', "workflow.limits.cpu: give a quantity in quotes"),
        ('cpu = "1"', 'cpu = "50m"', "workflow: requests.cpu is more than limits.cpu: lower it, or raise the limit"),
        ('cpu = "300m"', 'cpu = "0.05"', "events: requests.cpu is more than limits.cpu: lower it, or raise the limit"),
        (
            'requests = { cpu = "100m", memory = "128Mi" }',
            'requests = { cpu = "100m", memory = "1G" }',
            "workflow: requests.memory is more than limits.memory: lower it, or raise the limit",
        ),
        (
            "keep_failed_s = 604800",
            "keep_failed_s = 10000000000",
            "workflow.keep_failed_s: give less than or equal to 2147483647",
        ),
        (
            "keep_succeeded_s = 86400",
            "keep_succeeded_s = 2147483648",
            "workflow.keep_succeeded_s: give less than or equal",
        ),
        ('group = "agents.platform"', 'group = "agents.platform/v1"', "agents.0.group: give an API group without"),
        ('group = "agents.platform"', 'group = "Agents.Platform"', "agents.0.group: give an API group without"),
        ("selector = {}", "selector = { a = 'b,c' }", "agents.0.selector: not labels: give keys and values such as"),
        ("selector = {}", "selector = { 'a b' = 'c' }", "agents.0.selector: not labels: give keys and values such as"),
        ("selector = {}", "selector = { '' = 'c' }", "agents.0.selector: not labels: give keys and values such as"),
        ("\nlabels = {}\n", "\nlabels = { a = 'b c' }\n", "observability.labels: a value is malformed"),
    ],
)
def test_a_malformed_setting_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in SETTINGS
    (tmp_path / "settings.toml").write_text(SETTINGS.replace(old, new))
    with pytest.raises(BadInputError, match=re.escape(expected)):
        read_settings(tmp_path / "settings.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("task = 'metadata.labels.task-id'", "task = 'metadata.name'"),
        ("task = 'metadata.labels.task-id'", "task = 'metadata.ownerReferences[kind=Task].name'"),
        ("task = 'metadata.labels.task-id'", "task = 'payload.task'"),
        ("agent = 'spec.githubApp'", "agent = 'kind'"),
        ("agent = 'spec.githubApp'", """agent = '"my-agent"'"""),
        ('plural = "coderuns"', 'plural = "code-runs"'),
        ('owns = ["batch/v1/jobs"]', 'owns = ["k8s.cni.cncf.io/v1/network-attachment-definitions"]'),
    ],
)
def test_what_kubernetes_allows_in_a_kind_is_accepted(tmp_path: Path, old: str, new: str) -> None:
    assert old in SETTINGS
    (tmp_path / "settings.toml").write_text(SETTINGS.replace(old, new))
    read_settings(tmp_path / "settings.toml")


@pytest.mark.parametrize(
    "quantity",
    [
        "1",
        "268435456",
        "129M",
        "123Mi",
        "1.5Gi",
        ".5",
        "1.",
        "1e9",
        "1E3",
        "2E-1",
        "7k",
        "1Ti",
        "9E",
        "500000000n",
        "1000u",
    ],
)
def test_every_quantity_of_kubernetes_is_rendered_as_it_is(tmp_path: Path, quantity: str) -> None:
    nothing = SETTINGS.replace(
        'requests = { cpu = "100m", memory = "128Mi" }', 'requests = { cpu = "0", memory = "0" }'
    )
    limits = 'limits = { cpu = "1", memory = "256Mi" }'
    assert limits in nothing
    changed = nothing.replace(limits, f'limits = {{ cpu = "{quantity}", memory = "{quantity}" }}')
    (tmp_path / "settings.toml").write_text(changed)
    template = workflow_template(read_settings(tmp_path / "settings.toml"))
    found = template["spec"]["templates"][0]["container"]["resources"]["limits"]
    assert found == {"cpu": quantity, "memory": quantity}


def test_a_problem_that_follows_from_another_is_not_reported(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS.replace('["5dlabs/cto"]', '["cto"]'))
    with pytest.raises(BadInputError) as caught:
        read_settings(tmp_path / "settings.toml")
    assert str(caught.value).count("events.repositories") == 1


def test_a_value_that_is_wrong_is_not_quoted(tmp_path: Path) -> None:
    wrong = SETTINGS.replace('endpoint = ""', 'endpoint = "http://me:hunter2@collector:4318"')
    (tmp_path / "settings.toml").write_text(wrong)
    with pytest.raises(BadInputError, match=r"tracing.endpoint: give an address without credentials") as caught:
        read_settings(tmp_path / "settings.toml")
    assert "hunter2" not in str(caught.value)


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="give their file by --settings"):
        read_settings(tmp_path / "none.toml")


def test_a_value_that_argo_would_evaluate_is_refused() -> None:
    evil = replace(DEFAULTS, labels=replace(DEFAULTS.labels, add="{{workflow.name}}"))
    with pytest.raises(BadInputError, match=r"labels\.add: remove \{\{: .* evaluate"):
        evil.for_steps()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "not set"),
        ({SETTINGS_ENV: "{"}, "not JSON"),
        ({SETTINGS_ENV: json.dumps({"lease": {}})}, "namespaces"),
    ],
)
def test_settings_that_do_not_reach_a_step_are_named(env: dict[str, str], expected: str) -> None:
    with pytest.raises(BadInputError, match=expected):
        settings_from_env(env, StepSettings)


def test_what_is_rendered_is_what_the_steps_read_back() -> None:
    got = settings_from_env({SETTINGS_ENV: DEFAULTS.for_steps()}, StepSettings)
    assert got == StepSettings(**{each.name: getattr(DEFAULTS, each.name) for each in fields(got)})
