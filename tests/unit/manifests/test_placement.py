"""Where agents live, where pods run, and what objects are called: what the settings say reaches every object."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from pipelines.manifests.rbac import steps_access
from pipelines.observability.alerts import alerts
from pipelines.observability.prometheus import monitoring_manifests
from pipelines.settings import Settings, settings_from
from steps.cancellation.workflow import build_workflow
from steps.settings.loading import SETTINGS_ENV, StepSettings, settings_from_env
from tests.schemas.problem import Problem
from tests.schemas.references import unresolved
from tests.schemas.validate import validate
from tests.support.factories import push
from tests.support.harness import DEFAULTS
from tests.support.scene.workflow import parameters
from tests.support.settings_files import changed_text

Json = dict[str, Any]
TWO = {'agents = "agent-platform"': 'agents = ["team-one", "team-two"]'}
INSTANCE = "workflows.argoproj.io/controller-instanceid"
COMMANDS = {'"deleted", "opened"]': '"deleted", "opened", "commands"]'}
PODS = {
    "image_pull_secrets = []": 'image_pull_secrets = ["registry"]',
    "node_selector = {}": 'node_selector = { "example.com/pool" = "ci" }',
    "tolerations = []": """tolerations = [
    { key = "dedicated", value = "ci", effect = "NoSchedule" },
    { key = "spot", operator = "Exists", effect = "NoExecute", seconds = 30 },
]""",
    "labels = {}             # further": 'labels = { "example.com/team" = "platform" } #',
    "annotations = {}": 'annotations = { "example.com/scrape" = "false" }',
}


def given(changes: dict[str, str]) -> Settings:
    """The settings of a file with these changes."""
    return settings_from(tomllib.loads(changed_text(changes)), source="settings.toml")


def kinds(settings: Settings, wanted: str) -> list[Json]:
    return [each for each in all_manifests(settings) if each["kind"] == wanted]


def problems(settings: Settings) -> list[Problem]:
    """What the published schemas say against the manifests."""
    return [problem for each in all_manifests(settings) for problem in validate(each)]


def workflows_of(sensor: Json) -> Iterator[Json]:
    """The Workflows that a Sensor creates, with those of its dead letters."""
    for trigger in sensor["spec"]["triggers"]:
        for each in (trigger, trigger["dlqTrigger"]):
            yield each["template"]["k8s"]["source"]["resource"]


def test_each_namespace_of_agents_has_its_roles_in_a_folder_of_its_own() -> None:
    settings = given(TWO)
    files = render_files(settings)
    accounts = ("cancel-agents", "reconcile-cancellations")
    names = [f"{kind}-{name}.yaml" for name in accounts for kind in ("role", "rolebinding")]
    expected = [f"agents/{space}/{name}" for space in ("team-one", "team-two") for name in names]
    assert sorted(path for path in files if path.startswith("agents/")) == sorted(expected)
    assert set(expected) <= set(yaml.safe_load(files["kustomization.yaml"])["resources"])
    for name in names[:2]:
        one, two = (files[f"agents/{space}/{name}"] for space in ("team-one", "team-two"))
        assert one.replace("team-one", "team-two") == two or "configmaps" in one
    assert unresolved(list(all_manifests(settings))) == []
    assert problems(settings) == []


def test_only_the_namespace_of_the_state_documents_allows_their_config_maps() -> None:
    for changes, spaces in (
        (TWO, {"team-one"}),
        (TWO | {'state = ""': 'state = "team-two"'}, {"team-two"}),
        (TWO | {'state = ""': 'state = "states"'}, {"states"}),
        (TWO | {'state = ""': 'state = "agent-cancellation"'}, {"agent-cancellation"}),
    ):
        settings = given(changes)
        granted = {
            role["metadata"]["namespace"]
            for role in steps_access(settings)
            for rule in role.get("rules", ())
            if rule["resources"] == ["configmaps"] and "resourceNames" not in rule
        }
        assert granted == spaces
        assert unresolved(list(all_manifests(settings))) == []
    assert "state/role-cancel-agents.yaml" in render_files(given(TWO | {'state = ""': 'state = "states"'}))


def test_agents_may_also_live_beside_the_workflows_or_the_sensor() -> None:
    settings = given({'agents = "agent-platform"': 'agents = ["agent-cancellation", "argo-events", "team-one"]'})
    files = render_files(settings)
    assert {"workflows/role-cancel-agents-agents.yaml", "workflows/role-cancel-agents.yaml"} <= files.keys()
    assert len({*files}) == len(render_files(given(TWO))) + 4, "two Roles and two bindings for one more namespace"
    assert unresolved(list(all_manifests(settings))) == []


def test_a_second_namespace_moves_the_files_of_the_first(tmp_path: Path) -> None:
    write_files(render_files(DEFAULTS), output=tmp_path)
    files = render_files(given({'agents = "agent-platform"': 'agents = ["agent-platform", "team-two"]'}))
    write_files(files, output=tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == files.keys()


def test_one_name_and_a_list_of_one_are_the_same() -> None:
    listed = given({'agents = "agent-platform"': 'agents = ["agent-platform"]'})
    assert render_files(listed) == render_files(DEFAULTS)
    assert settings_from_env({SETTINGS_ENV: listed.for_steps()}, StepSettings).namespaces == DEFAULTS.namespaces


def test_every_workflow_carries_the_instance_id_however_it_is_created() -> None:
    settings = given({'instance_id = ""': 'instance_id = "blue"'} | COMMANDS)
    (sensor,) = kinds(settings, "Sensor")
    created = [*workflows_of(sensor), build_workflow(parameters(push()), settings=settings)]
    objects = [*created, *kinds(settings, "WorkflowTemplate"), *kinds(settings, "CronWorkflow")]
    assert len(objects) == 2 * len(sensor["spec"]["triggers"]) + 5
    assert {each["metadata"]["labels"].get(INSTANCE) for each in objects} == {"blue"}
    assert problems(settings) == []


def test_without_an_instance_id_nothing_carries_the_label() -> None:
    assert not [path for path, text in render_files(DEFAULTS).items() if INSTANCE in text]
    assert INSTANCE not in build_workflow(parameters(push()), settings=DEFAULTS)["metadata"]["labels"]


def test_the_pods_of_all_templates_are_placed_and_marked() -> None:
    settings = given(PODS | COMMANDS)
    assert len(kinds(settings, "WorkflowTemplate")) == 3
    for template in kinds(settings, "WorkflowTemplate"):
        spec = template["spec"]
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert spec["nodeSelector"] == {"example.com/pool": "ci"}
        assert spec["tolerations"] == [
            {"key": "dedicated", "operator": "Equal", "value": "ci", "effect": "NoSchedule"},
            {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
        ]
        (policy,) = kinds(settings, "NetworkPolicy")
        own = policy["spec"]["podSelector"]["matchLabels"]
        assert spec["podMetadata"] == {
            "labels": {"example.com/team": "platform"} | own,
            "annotations": {"example.com/scrape": "false"},
        }
        assert not {"nodeSelector", "tolerations"} & {key for each in spec["templates"] for key in each}, "it would win"
    assert problems(settings) == []


def test_the_pods_of_argo_events_are_placed_too_but_pull_another_image() -> None:
    settings = given(PODS)
    for kind in ("Sensor", "EventSource"):
        (found,) = kinds(settings, kind)
        template = found["spec"]["template"]
        assert template["nodeSelector"] == {"example.com/pool": "ci"}
        assert [each["key"] for each in template["tolerations"]] == ["dedicated", "spot"]
        assert template["metadata"] == {
            "labels": {"example.com/team": "platform"},
            "annotations": {"example.com/scrape": "false"},
        }
        assert "imagePullSecrets" not in template
    template = kinds(DEFAULTS, "EventSource")[0]["spec"]["template"]
    assert set(template) == {"securityContext", "container"}, "a default places no pod"


def test_sensor_and_event_source_use_the_bus_of_the_settings() -> None:
    settings = given({'event_bus = "default"': 'event_bus = "shared"'})
    for kind in ("Sensor", "EventSource"):
        assert [each["spec"]["eventBusName"] for each in kinds(settings, kind)] == ["shared"]
        assert ["eventBusName" in each["spec"] for each in kinds(DEFAULTS, kind)] == [False]
    assert problems(settings) == []


def test_the_monitoring_follows_the_names_of_sensor_and_event_source() -> None:
    changes = {'sensor = "implementation-agent-remediation"': 'sensor = "stop-agents"'}
    settings = given(changes | {'event_source = "github-eventsource"': 'event_source = "hooks"'})
    assert kinds(settings, "Sensor")[0]["metadata"]["name"] == "stop-agents"
    monitors = [each for each in monitoring_manifests(settings) if each["kind"] == "PodMonitor"]
    assert [each["spec"]["selector"]["matchLabels"] for each in monitors] == [
        {"sensor-name": "stop-agents"},
        {"eventsource-name": "hooks"},
    ]
    text = "\n".join(render_files(settings).values())
    assert "implementation-agent-remediation" not in text
    assert "github-eventsource" not in text


def every(seconds: int) -> Settings:
    return given({"every_s = 30 ": f"every_s = {seconds} "})


@pytest.mark.parametrize(
    ("seconds", "schedule", "deadline_s"),
    [
        (10, "* * * * *", 60),
        (60, "* * * * *", 60),
        (120, "*/2 * * * *", 120),
        (900, "*/15 * * * *", 900),
        (1800, "*/30 * * * *", 1800),
        (3600, "0 * * * *", 3600),
    ],
)
def test_the_schedule_has_the_interval_and_a_missed_pod_is_made_up_for(
    seconds: int, schedule: str, deadline_s: int
) -> None:
    (cron,) = kinds(every(seconds), "CronWorkflow")
    assert cron["spec"]["schedules"] == [schedule]
    assert cron["spec"]["startingDeadlineSeconds"] == deadline_s


def test_reconcile_can_be_switched_off_and_still_be_started_by_hand() -> None:
    off = every(0)
    assert kinds(off, "CronWorkflow") == []
    assert [each["metadata"]["name"] for each in kinds(off, "WorkflowTemplate")] == [
        "cancel-agents",
        "reconcile-cancellations",
    ]
    assert unresolved(list(all_manifests(off))) == []


def by_name(settings: Settings) -> dict[str, Any]:
    return {each.name.removeprefix("AgentCancellation"): each for each in alerts(settings)}


def test_an_alert_about_a_finding_waits_for_two_passes() -> None:
    usual, hourly = by_name(DEFAULTS), by_name(every(3600))
    assert usual.keys() == hourly.keys()
    for name, lasts in (
        ("NotStarted", "5m"),
        ("Inconsistent", "20m"),
        ("ReconcileIncomplete", "15m"),
        ("BreakerOpen", "5m"),
    ):
        assert (usual[name].lasts, hourly[name].lasts) == (lasts, "121m")
    assert "> 300 or" in usual["ReconcileAbsent"].expr
    assert "> 3900 or" in hourly["ReconcileAbsent"].expr
    assert "more than 65 minutes" in hourly["ReconcileAbsent"].summary
    assert by_name(every(60))["Inconsistent"] == usual["Inconsistent"]


def test_without_reconcile_no_alert_waits_for_it_or_promises_it() -> None:
    off = by_name(every(0))
    reconciles = {
        "ReconcileAbsent",
        "NeedsAttention",
        "NotStarted",
        "Inconsistent",
        "ReconcileIncomplete",
        "BreakerOpen",
    }
    assert by_name(DEFAULTS).keys() - off.keys() == reconciles
    promising = [name for name, each in off.items() if "Reconcile finds" in each.about]
    assert promising == []
    assert "because reconcile is off" in off["EventsDown"].about
