"""What is rendered: committed, deterministic, valid, and meaning what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import V1ConfigMap, V1ObjectMeta, V1PolicyRule
from pydantic import BaseModel, ValidationError

from pipelines import names
from pipelines.cli.main import main
from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import HEADER, find_drift, write_files
from pipelines.manifests.folder.yaml_dump import dump_yaml
from pipelines.manifests.kubernetes_objects import plain_manifest
from pipelines.manifests.step_workflow import retry_expression
from pipelines.observability.prometheus import monitoring_manifests
from steps.core.errors import Exit
from steps.domain.push_parameters import PARAMETERS
from steps.settings.loading import SETTINGS_ENV, ReconcileStepSettings, StepSettings, settings_from_env
from tests.doubles.template_defaults import templates_with_defaults
from tests.schemas.references import unresolved
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS
from tests.support.settings_files import write_settings

ROOT = Path(__file__).parents[3]
EXTERNAL = [f"ServiceAccount/{DEFAULTS.namespaces.events}/default"]


def kinds(wanted: str) -> list[dict[str, Any]]:
    return [manifest for manifest in all_manifests(DEFAULTS) if manifest["kind"] == wanted]


def containers() -> list[dict[str, Any]]:
    templates = [template for each in kinds("WorkflowTemplate") for template in templates_with_defaults(each)]
    found = [each["container"] for each in templates if "container" in each]
    assert len(found) == 3
    return found


def test_a_success_costs_no_second_pod() -> None:
    spec = kinds("WorkflowTemplate")[0]["spec"]
    assert "hooks" not in spec, "Argo ignores the expression of a workflow's own exit hook"
    handler = next(each for each in spec["templates"] if each["name"] == spec["onExit"])
    assert [step["when"] for group in handler["steps"] for step in group] == ["{{workflow.status}} != Succeeded"]


def test_a_repeated_delivery_is_not_refused_by_its_name() -> None:
    """A Sensor handles events one by one: a name that exists would be retried for half a minute while others wait."""
    trigger = kinds("Sensor")[0]["spec"]["triggers"][0]
    for template in (trigger["template"], trigger["dlqTrigger"]["template"]):
        metadata = template["k8s"]["source"]["resource"]["metadata"]
        assert "name" not in metadata
        assert metadata["generateName"].endswith("-")
        assert "metadata.name" not in [parameter["dest"] for parameter in template["k8s"]["parameters"]]


def test_every_manifest_is_valid_against_the_published_schemas() -> None:
    native = {"ServiceAccount", "Role", "RoleBinding", "ConfigMap", "NetworkPolicy"}
    problems = [problem for each in all_manifests(DEFAULTS) if each["kind"] not in native for problem in validate(each)]
    assert problems == []


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (V1ObjectMeta, {"name": "a", "label": {}}),
        (V1PolicyRule, {"verbs": ["get"], "resource": ["pods"]}),
        (V1ConfigMap, {"kind": "ConfigMap", "datas": {}}),
    ],
)
def test_a_key_that_kubernetes_does_not_have_is_refused(model: type[BaseModel], keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model(**keys)


def test_the_models_write_the_keys_that_the_api_server_reads() -> None:
    rule = V1PolicyRule(api_groups=[""], resource_names=["a"], resources=["configmaps"], verbs=["get"])
    expected = {"apiGroups": [""], "resourceNames": ["a"], "resources": ["configmaps"], "verbs": ["get"]}
    assert plain_manifest(rule) == expected


def test_what_monitoring_gets_is_valid_and_not_part_of_what_every_cluster_gets() -> None:
    assert [problem for each in monitoring_manifests(DEFAULTS) for problem in validate(each)] == []
    files = render_files(DEFAULTS)
    listed = yaml.safe_load(files["kustomization.yaml"])["resources"]
    assert not [path for path in listed if path.startswith("observability/")]
    inner = yaml.safe_load(files["observability/kustomization.yaml"])
    named = {*inner["resources"], *(path.partition("=")[2] for path in inner["configMapGenerator"][0]["files"])}
    assert {f"observability/{name}" for name in named} | {
        "observability/kustomization.yaml",
        "observability/rules.yaml",
    } == {path for path in files if path.startswith("observability/")}


def test_rules_and_monitors_carry_the_labels_by_which_an_operator_chooses_them() -> None:
    chosen = replace(DEFAULTS, observability=replace(DEFAULTS.observability, labels={"release": "prometheus"}))
    for each in monitoring_manifests(chosen):
        assert each["metadata"]["labels"] == {**names.APP, "release": "prometheus"}


def test_every_reference_resolves() -> None:
    assert unresolved(list(all_manifests(DEFAULTS)), external=EXTERNAL) == []


def test_no_lock_can_be_shared_by_accident() -> None:
    spec = kinds("WorkflowTemplate")[0]["spec"]
    mutex = spec["synchronization"]["mutexes"]
    assert [each["name"] for each in mutex] == [
        "cancel-agents/{{workflow.parameters.repository}}/task-{{workflow.parameters.task-id}}"
    ]
    locks = [
        spec["synchronization"],
        *(each["synchronization"] for each in spec["templates"] if "synchronization" in each),
    ]
    assert [sum(map(len, lock.values())) for lock in locks] == [1, 1], "two locks in one block can deadlock"


def test_only_the_commit_before_and_the_last_three_parameters_have_defaults() -> None:
    declared = kinds("WorkflowTemplate")[0]["spec"]["arguments"]["parameters"]
    assert [each["name"] for each in declared] == [parameter.name for parameter in PARAMETERS]
    assert ["value" in each for each in declared] == [False] * 3 + [True] + [False] * 3 + [True] * 3


def test_no_parameter_reaches_a_shell() -> None:
    for container in containers():
        assert container["command"][:2] == ["python", "-m"]
        assert "{{" not in " ".join(container["command"])
        assert "args" not in container
        assert "source" not in container


def test_the_settings_stand_once_in_each_object() -> None:
    counts = {name: text.count(f"name: {SETTINGS_ENV}") for name, text in render_files(DEFAULTS).items()}
    assert {name: count for name, count in counts.items() if count} == {
        "workflows/workflowtemplate-cancel-agents.yaml": 1,
        "workflows/workflowtemplate-reconcile-cancellations.yaml": 1,
    }


def test_every_container_gets_the_settings_of_its_step_and_its_identity() -> None:
    for container in containers():
        values = {each["name"]: each.get("value") for each in container["env"]}
        assert len(values) == len(container["env"])
        assert values["WORKFLOW_UID"] == "{{workflow.uid}}"
        assert "POD_UID" in values
        if container["command"][-1] == "steps.reconcile":
            assert settings_from_env(values, ReconcileStepSettings).reconcile == DEFAULTS.reconcile
        else:
            assert settings_from_env(values, StepSettings).agents == DEFAULTS.agents
            assert {parameter.env for parameter in PARAMETERS} <= values.keys()


def test_defaults_reach_containers_only_and_the_templates_own_value_wins() -> None:
    first, second = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
    templates = [
        {"name": "bare", "container": {"image": "i"}},
        {"name": "own", "container": {"env": [{"name": "B", "value": "own"}, {"name": "C", "value": "3"}]}},
        {"name": "steps", "steps": []},
    ]
    manifest = {"spec": {"templates": templates, "templateDefaults": {"container": {"env": [first, second]}}}}
    bare, own, steps = templates_with_defaults(manifest)
    assert bare["container"] == {"image": "i", "env": [first, second]}
    assert own["container"]["env"] == [first, {"name": "B", "value": "own"}, {"name": "C", "value": "3"}]
    assert steps == {"name": "steps", "steps": []}
    with pytest.raises(LookupError, match="not modelled"):
        templates_with_defaults({"spec": {"templates": [], "templateDefaults": {"container": {"image": "i"}}}})


def test_every_container_passes_the_restricted_standard() -> None:
    for template in kinds("WorkflowTemplate"):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "readOnlyRootFilesystem" not in spec["podSpecPatch"], "Argo's own containers write to theirs"
        assert json.loads(spec["podSpecPatch"])["containers"][0]["securityContext"]["runAsNonRoot"] is True
    for container in containers():
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True


def test_the_sensor_repeats_only_where_that_works() -> None:
    trigger = kinds("Sensor")[0]["spec"]["triggers"][0]
    assert trigger["atLeastOnce"] is True, "without it, retryStrategy does nothing"
    assert "atLeastOnce" not in trigger["template"]
    assert trigger["dlqTrigger"]["atLeastOnce"] is True


@pytest.mark.parametrize(
    ("exit_code", "retries", "again"),
    [
        ("75", 0, True),
        ("75", 2, True),
        ("65", 0, False),
        ("77", 0, False),
        ("-1", 2, True),
        ("137", 2, True),
        ("143", 2, True),
        ("1", 0, True),
        ("1", 1, False),
    ],
)
def test_an_attempt_is_repeated_when_that_can_help(exit_code: str, retries: int, *, again: bool) -> None:
    # The expression is evaluated here by its Python reading; on a cluster Argo does it.
    text = retry_expression().replace("&&", "and").replace("||", "or").replace("lastRetry.exitCode", "exit_code")
    text = text.replace("asInt(", "int(")
    names = set(re.findall(r"[a-zA-Z_]+", re.sub(r"'[^']*'", "", text)))
    assert names <= {"not", "and", "or", "exit_code", "in", "int", "retries"}
    assert eval(text, {"exit_code": exit_code, "retries": str(retries)}) is again  # noqa: S307 - checked above
    assert {str(int(code)) for code in (Exit.BAD_INPUT, Exit.FORBIDDEN, Exit.TRY_AGAIN)} == {"65", "77", "75"}


def test_the_same_settings_give_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    write_settings(tmp_path)
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "pipelines", "render", "--output", str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    first = {str(path.relative_to(tmp_path / "1")): path.read_text() for path in (tmp_path / "1").rglob("*.*")}
    assert len(first) == len(render_files(DEFAULTS))
    assert find_drift(first, output=tmp_path / "2") == []


def test_check_names_what_is_missing_changed_or_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own").mkdir()
    settings = write_settings(tmp_path / "own")
    output = ["render", "--output", str(tmp_path / "rendered"), "--settings", str(settings)]
    tmp_path /= "rendered"
    assert main(output) == 0
    assert main([*output, "--check"]) == 0
    (tmp_path / "workflows" / "configmap-cancel-agents-limits.yaml").unlink()
    (tmp_path / "events" / "eventsource-github-eventsource.yaml").write_text("edited")
    (tmp_path / "events" / "old.yaml").write_text(HEADER)
    capsys.readouterr()
    assert main([*output, "--check"]) == 1
    errors = capsys.readouterr().err
    assert "limits.yaml: missing" in errors
    assert "github-eventsource.yaml: differs" in errors
    assert "old.yaml: stale" in errors


def test_rendering_removes_what_it_once_rendered_and_leaves_what_others_put_there(tmp_path: Path) -> None:
    files = render_files(DEFAULTS)
    write_files(files, output=tmp_path)
    (tmp_path / "events" / "old.yaml").write_text(HEADER + "kind: Old\n")
    (tmp_path / "events" / "mine.yaml").write_text("kind: Mine\n")
    write_files(files, output=tmp_path)
    assert (tmp_path / "events" / "mine.yaml").read_text() == "kind: Mine\n"
    assert not (tmp_path / "events" / "old.yaml").exists()


def test_check_passes_over_the_files_that_others_put_there(tmp_path: Path) -> None:
    files = render_files(DEFAULTS)
    write_files(files, output=tmp_path)
    for name in ("OWNERS", "README.md", ".DS_Store", "events/mine.yaml"):
        (tmp_path / name).write_bytes(b"\x00mine\xff\n")
    assert find_drift(files, output=tmp_path) == []


def test_bad_settings_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text("[lease]\n")
    output = tmp_path / "out"
    assert main(["render", "--settings", str(tmp_path / "settings.toml"), "--output", str(output)]) == Exit.BAD_INPUT
    assert "agents, events.repositories, events.senders, image.name: missing: add them" in capsys.readouterr().err
    assert not output.exists()


def test_one_namespace_for_everything_can_be_rendered_too() -> None:
    one = replace(DEFAULTS, namespaces=replace(DEFAULTS.namespaces, workflows="all", agents=("all",), events="all"))
    files = render_files(one)
    assert len(files) == len(render_files(DEFAULTS))
    assert unresolved(list(all_manifests(one))) == []


def test_reconcile_runs_each_minute_one_pod_at_a_time() -> None:
    (cron,) = kinds("CronWorkflow")
    spec = cron["spec"]
    assert spec["schedules"] == ["* * * * *"], "@every starts over whenever the object is touched"
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 60)
    assert spec["successfulJobsHistoryLimit"] + spec["failedJobsHistoryLimit"] <= 5
    assert spec["workflowSpec"] == {"workflowTemplateRef": {"name": names.RECONCILE}}, "all that Secure mode allows"


def test_the_network_policy_covers_every_pod() -> None:
    (policy,) = kinds("NetworkPolicy")
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()
    for template in kinds("WorkflowTemplate"):
        assert wanted <= template["spec"]["podMetadata"]["labels"].items()


def test_the_pods_reach_the_ports_of_the_api_server_that_the_settings_name() -> None:
    settings = replace(DEFAULTS, workflow=replace(DEFAULTS.workflow, api_server_ports=(8443, 16443)))
    (policy,) = (each for each in all_manifests(settings) if each["kind"] == "NetworkPolicy")
    dns, servers = policy["spec"]["egress"]
    assert {each["port"] for each in dns["ports"]} == {53}
    assert [each["port"] for each in servers["ports"]] == [443, 8443, 16443], "443 is GitHub's"


def test_settings_of_reconcile_change_no_template_of_a_push() -> None:
    """A WorkflowTemplate that changes while its Workflows run ends them in error under the Secure mode."""
    other = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, tries=9))
    templates = [
        {each["metadata"]["name"]: each for each in all_manifests(settings) if each["kind"] == "WorkflowTemplate"}
        for settings in (DEFAULTS, other)
    ]
    changed = [name for name in templates[0] if templates[0][name] != templates[1][name]]
    assert changed == [names.RECONCILE]


def test_the_event_source_can_be_left_to_the_user() -> None:
    own = replace(DEFAULTS, events=replace(DEFAULTS.events, render_event_source=False))
    assert not [path for path in render_files(own) if "/eventsource-" in path]


def test_each_environment_has_a_settings_file_and_a_folder_of_its_own(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "settings-staging.toml").touch()

    def planned(*arguments: str) -> str:
        command = ["make", "--dry-run", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    (tmp_path / "pyproject.toml").touch()
    assert "--settings settings.toml --output rendered\n" in planned("render")
    assert "--settings settings-staging.toml --output rendered-staging\n" in planned("render", "ENV=staging")
    assert "render --settings settings.toml --output rendered --check\n" in planned("check")
    assert "for name in staging; do" in planned("check")


def test_a_kind_of_runs_is_settings_and_no_code() -> None:
    job = replace(
        DEFAULTS.agents[0], group="batch", version="v1", plural="jobs", job="", stop_patch={"spec": {"suspend": True}}
    )
    roles = [m for m in all_manifests(replace(DEFAULTS, agents=(job,))) if m["kind"] == "Role"]
    rules = [rule for role in roles for rule in role["rules"]]
    assert {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "delete", "patch"]} in rules


def test_the_sensor_keeps_the_briefs_name_and_resources() -> None:
    sensor = kinds("Sensor")[0]
    assert sensor["metadata"]["name"] == DEFAULTS.events.sensor == "implementation-agent-remediation"
    assert sensor["spec"]["template"]["container"]["resources"] == {
        "requests": {"memory": "128Mi", "cpu": "100m"},
        "limits": {"memory": "256Mi", "cpu": "300m"},
    }


TRICKY = [
    "1e10", "7e1", "0o17", "08", "1e-5", "+.5", ".5e3", "0X1f", "y", "N", "on", "null", "~", "", " ", "1_000",
    "12:30:45",
    "2026-03-01", "=", "<<", "a: b", "a #b", "- x", "{{x}}", "{a", "*a", "&a", "!a", "%a", "@a", "`a", "'a", '"a',
    "a\nb",
    "a\n", "\n", "  lead", "trail  ", "tab\t", "\u2028", "\u00e9", "0x", "1.", "-", "---", "...", "?", ":",
]  # fmt: skip


def test_strings_that_look_like_something_else_stay_strings() -> None:
    manifest = {"kind": "Tricky", "metadata": {"name": "t"}, "data": {f"k{i}": text for i, text in enumerate(TRICKY)}}
    assert yaml.safe_load(dump_yaml(manifest)) == manifest


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=5))
def test_any_text_survives_yaml(data: dict[str, str]) -> None:
    manifest = {"kind": "Any", "metadata": {"name": "a"}, "data": data}
    assert yaml.safe_load(dump_yaml(manifest)) == manifest


@pytest.mark.parametrize("text", [text for text in TRICKY if text.isprintable()])
def test_kubectls_reading_agrees(text: str) -> None:
    # YAML 1.2 numbers, which PyYAML does not know and kubectl does, have to be quoted.
    dumped = dump_yaml({"kind": "T", "metadata": {"name": "t"}, "v": text}).rpartition("v: ")[2].strip()
    if re.fullmatch(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0[oOxX][\da-fA-F]+", text):
        assert dumped == f"'{text}'"
