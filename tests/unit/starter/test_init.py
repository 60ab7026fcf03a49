"""`init` as a person runs it: in an empty folder, with a cluster or without, and where it has to refuse."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cli.main import main
from pipelines.settings import read_settings
from pipelines.starter.kinds import known_kinds
from steps.core.errors import Exit
from steps.core.keys import APP
from tests.doubles.kubernetes import ApiServer, Fault, serve, write_kubeconfig
from tests.doubles.platform.crd import CRD
from tests.doubles.platform.runs import TESS, agent_run
from tests.support.definitions import POD_GROUP, SANDBOX

GIVEN = (
    *("--repository", "acme/shop", "--sender", "acme-coder[bot]"),
    *("--image", "registry.example.com/agent-cancellation:0.1.0"),
)
FILES = {"settings.toml", "kustomization.yaml", "README.md"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, without a kubeconfig and without a terminal."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """A cluster that the kubeconfig leads to: Argo, CodeRuns in one namespace, and nothing of this project."""
    api = ApiServer(namespaces=("default", "argo-events", "agent-platform", "bots", "hooks"))
    api.create(CRD)
    with serve(api) as url:
        path = write_kubeconfig(tmp_path / "kubeconfig", url)
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield api


def event_source(namespace: str, name: str, github: Any) -> dict[str, Any]:  # noqa: ANN401 - others' JSON
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventSource"}
    return kind | {"metadata": {"name": name, "namespace": namespace}, "spec": {"github": github}}


def bus(namespace: str, name: str = "default") -> dict[str, Any]:
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventBus"}
    return kind | {"metadata": {"name": name, "namespace": namespace}, "spec": {"jetstream": {}}}


HOOK = {
    "push": {
        "repositories": [{"owner": "acme", "names": ["shop", "till"]}],
        "webhookSecret": {"name": "our-secret", "key": "secret"},
    }
}


def test_a_dozen_keys_are_written_that_render_as_they_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("init", *GIVEN)) == Exit.DONE
    assert {path.name for path in folder.iterdir()} == FILES
    settings = read_settings(folder / "settings.toml")
    assert (settings.events.repositories, settings.events.senders) == (("acme/shop",), ("acme-coder[bot]",))
    (kind,) = settings.agents
    assert (kind.plural, kind.cancellable, kind.exempt) == ("coderuns", ("*",), ("acme-coder",))
    values = tomllib.loads((folder / "settings.toml").read_text())
    assert values.keys() == {"events", "image", "namespaces", "tasks", "agents"}
    assert "pushes to any other are ignored" in (folder / "settings.toml").read_text()
    assert main(("render",)) == Exit.DONE
    assert main(("render", "--check")) == Exit.DONE
    capsys.readouterr()


def test_the_kustomization_includes_what_is_rendered(folder: Path) -> None:
    assert main(("init", *GIVEN)) == Exit.DONE
    assert main(("render",)) == Exit.DONE
    resources = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert [(folder / each / "kustomization.yaml").is_file() for each in resources] == [True]


def test_the_next_steps_name_what_was_answered(folder: Path) -> None:
    assert main(("init", *GIVEN, "--workflows-namespace", "stop-agents", "--events-namespace", "hooks")) == Exit.DONE
    text = (folder / "README.md").read_text()
    assert "kubectl create namespace stop-agents" in text
    assert "kubectl -n hooks create secret generic github-webhook-secret" in text
    assert "acme/shop" in text
    assert "{{" not in text
    assert "{%" not in text


def test_another_folder_is_made(folder: Path) -> None:
    assert main(("init", "clusters/prod/agents", *GIVEN)) == Exit.DONE
    assert {path.name for path in (folder / "clusters/prod/agents").iterdir()} == FILES


def test_a_custom_branch_is_written_without_escapes(folder: Path) -> None:
    pattern = r"bot/(?P<id>\d{1,9})"
    assert main(("init", *GIVEN, "--branch", pattern, "--example", "bot/7")) == Exit.DONE
    assert f"branch = '{pattern}'" in (folder / "settings.toml").read_text()
    assert main(("render",)) == Exit.DONE


# Answers.


def test_everything_that_is_missing_is_named_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("init",)) == Exit.BAD_INPUT
    assert "--repository, --sender, --image: missing: give them" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--repository", "shop"), "events.repositories.1: give owner/name"),
        (("--sender", "two words"), "events.senders.1"),
        (("--image", "no-tag"), "image.name: give a name with a tag"),
        (("--agents-namespace", "Not_One"), "namespaces.agents: give at most 63 lower-case letters"),
        (("--branch", "task-(", "--example", "task-7"), "tasks.0: branch is not a regular expression"),
        (("--branch", "task-([0-9]+)\r", "--example", "task-7"), "tasks.0.branch: it has a line end"),
        (("--branch", "task-([0-9]+)", "--example", "main"), "tasks.0: the example 'main' does not match"),
        (("--branch", "task-([0-9]+)"), "--example: missing: give them"),
        (("--kind", "pod-of-peas"), "--kind: give one of argo-workflow, code-run"),
        (("--field", "task"), "--field 'task': give KEY=PATH"),
        (("--field", "task=[0]"), "agents.0.task: select an item of a list by one of its fields"),
        (("--field", "tusk=metadata.name"), "agents.0.tusk: unknown key; did you mean task?"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else None,
)
def test_a_wrong_answer_is_named_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], said: str
) -> None:
    assert main(("init", *GIVEN, *given)) == Exit.BAD_INPUT
    assert said in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_in_a_terminal_it_asks_for_what_is_left_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "acme/shop, acme/till", "acme-coder[bot]", "bots", "", "", "registry.example.com/stop:1"])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    assert main(("init", "--no-cluster")) == Exit.DONE
    settings = read_settings(folder / "settings.toml")
    assert settings.events.repositories == ("acme/shop", "acme/till")
    assert (settings.namespaces.agents[0], settings.namespaces.events) == ("bots", "argo-events")
    assert settings.image.name == "registry.example.com/stop:1"
    assert any("[argo-events]" in each for each in asked), "a question shows what Enter means"


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_a_person_who_stops_answering_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: type[BaseException]
) -> None:
    def stop(_: str) -> str:
        raise end

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", stop)
    assert main(("init", "--no-cluster")) == Exit.BAD_INPUT
    assert "nothing was written" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


# The cluster.


def test_what_the_cluster_has_is_taken(cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.create(bus("hooks"))
    cluster.create(event_source("hooks", "github", HOOK))
    cluster.create(agent_run(task=1, agent=TESS, namespace="bots"))
    assert main(("init", *GIVEN[2:])) == Exit.DONE
    settings = read_settings(folder / "settings.toml")
    assert (settings.namespaces.events, settings.namespaces.agents[0]) == ("hooks", "bots")
    assert settings.events.repositories == ("acme/shop", "acme/till")
    events = settings.events
    assert (events.event_source, events.event_name, events.webhook_secret) == ("github", "push", "our-secret")
    assert not events.render_event_source
    assert "reading the cluster of context double" in capsys.readouterr().err
    assert "of your EventSource `github`" in (folder / "README.md").read_text()
    assert {call.method for call in cluster.calls} == {"GET"}


def test_the_only_event_bus_of_the_events_namespace_is_named(cluster: ApiServer, folder: Path) -> None:
    cluster.create(bus("hooks", "nats"))
    assert main(("init", *GIVEN)) == Exit.DONE
    settings = read_settings(folder / "settings.toml")
    assert (settings.namespaces.events, settings.events.event_bus) == ("hooks", "nats")


@pytest.mark.parametrize("others", [("nats", "default"), ("nats", "kafka")], ids=" and ".join)
def test_of_several_event_buses_none_but_the_default_is_chosen(
    cluster: ApiServer, folder: Path, others: tuple[str, ...]
) -> None:
    for name in others:
        cluster.create(bus("hooks", name))
    assert main(("init", *GIVEN)) == Exit.DONE
    assert read_settings(folder / "settings.toml").events.event_bus == "default"


@pytest.mark.parametrize(("spec", "name"), [({"eventBusName": "nats"}, "nats"), ({}, "default")])
def test_the_event_bus_of_the_event_source_is_that_of_the_sensor(
    cluster: ApiServer, folder: Path, spec: dict[str, str], name: str
) -> None:
    cluster.create(bus("hooks", "another"))
    source = event_source("hooks", "github", HOOK)
    source["spec"] |= spec
    cluster.create(source)
    assert main(("init", *GIVEN)) == Exit.DONE
    assert read_settings(folder / "settings.toml").events.event_bus == name


def test_the_secret_of_an_event_source_that_is_there_is_not_created_again(cluster: ApiServer, folder: Path) -> None:
    cluster.create(event_source("hooks", "github", HOOK))
    assert main(("init", *GIVEN)) == Exit.DONE
    text = (folder / "README.md").read_text()
    assert "create secret generic our-secret" not in text
    assert "kubectl -n agent-cancellation create secret generic agent-cancellation-github" in text


@pytest.mark.parametrize("github", [None, {"push": {}, "pull": {}}], ids=["of something else", "with two events"])
def test_an_event_source_that_is_there_is_not_replaced_by_the_rendered_one(
    cluster: ApiServer,
    folder: Path,
    github: Any,  # noqa: ANN401 - others' JSON
) -> None:
    cluster.create(event_source("argo-events", "github-eventsource", github))
    assert main(("init", *GIVEN)) == Exit.DONE
    events = read_settings(folder / "settings.toml").events
    assert events.render_event_source
    assert events.event_source == "agent-cancellation"
    assert "agent-cancellation-eventsource-svc" in (folder / "README.md").read_text()
    assert main(("render",)) == Exit.DONE
    (rendered,) = (folder / "rendered" / "events").glob("eventsource-*")
    assert yaml.safe_load(rendered.read_text())["metadata"]["name"] == "agent-cancellation"


def test_every_namespace_with_agents_is_taken(
    cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "agents-b"}})
    for task, namespace in enumerate(("bots", "agents-b", "agents-b"), start=1):
        cluster.create(agent_run(task=task, agent=TESS, namespace=namespace))
    assert main(("init", *GIVEN)) == Exit.DONE
    assert read_settings(folder / "settings.toml").namespaces.agents == ("agents-b", "bots")
    assert 'agents = ["agents-b", "bots"]' in (folder / "settings.toml").read_text()
    output = capsys.readouterr().err
    assert "note: coderuns are in several namespaces, agents-b, bots" in output
    assert "state documents are looked for in agents-b unless" in output
    assert "only the first" not in output
    assert main(("render",)) == Exit.DONE
    assert {each.name for each in (folder / "rendered" / "agents").iterdir() if each.is_dir()} == {"agents-b", "bots"}


def test_several_namespaces_can_be_given(folder: Path) -> None:
    assert main(("init", *GIVEN, "--agents-namespace", "bots", "--agents-namespace", "more-bots")) == Exit.DONE
    assert read_settings(folder / "settings.toml").namespaces.agents == ("bots", "more-bots")


def test_a_search_that_ended_early_is_reported(
    cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.starter.cluster_facts._LOOKED_AT", 2)
    for task in (1, 2, 3):
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"bots-{task}"}})
        cluster.create(agent_run(task=task, agent=TESS, namespace=f"bots-{task}"))
    assert main(("init", *GIVEN)) == Exit.DONE
    assert read_settings(folder / "settings.toml").namespaces.agents == ("bots-1", "bots-2")
    assert "only the first 2 coderuns were looked at: other namespaces may have more" in capsys.readouterr().err


def test_the_webhook_of_an_organization_stands_for_all_its_repositories(cluster: ApiServer, folder: Path) -> None:
    cluster.create(event_source("hooks", "github", {"push": {"organizations": ["acme", "no owner", 1]}}))
    assert main(("init", *GIVEN[2:])) == Exit.DONE
    assert read_settings(folder / "settings.toml").events.repositories == ("acme/*",)


def test_a_namespace_that_the_cluster_lacks_is_named_before_anything_is_applied(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    spaces = ("--agents-namespace", "bots", "--agents-namespace", "more-bots", "--events-namespace", "more-hooks")
    assert main(("init", *GIVEN, *spaces)) == Exit.DONE
    said = capsys.readouterr().err
    assert "note: the cluster has no namespace more-bots, more-hooks: create it before you apply" in said
    assert cluster.find("namespaces", "agent-cancellation") is None, "the next steps create it"


def test_a_namespace_of_events_without_an_event_bus_is_named_with_those_that_have_one(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.create(bus("hooks"))
    assert main(("init", *GIVEN, "--events-namespace", "argo-events")) == Exit.DONE
    assert "note: argo-events has no EventBus: create one there, or choose a namespace that has one (hooks)" in (
        capsys.readouterr().err
    )
    assert main(("init", *GIVEN, "--events-namespace", "hooks", "--force")) == Exit.DONE
    assert "no EventBus" not in capsys.readouterr().err


@pytest.mark.parametrize("unknown", [("--no-cluster",), ()], ids=["without a cluster", "without rights"])
def test_namespaces_that_are_not_known_are_not_called_missing(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str], unknown: tuple[str, ...]
) -> None:
    cluster.faults.add(Fault(method="GET", path=r"/namespaces\?", status=403, reason="Forbidden", times=0))
    assert main(("init", *GIVEN, "--agents-namespace", "more-bots", *unknown)) == Exit.DONE
    assert "create it before you apply" not in capsys.readouterr().err


def test_a_given_answer_wins_over_the_cluster(cluster: ApiServer, folder: Path) -> None:
    cluster.create(event_source("hooks", "github", HOOK))
    cluster.create(agent_run(task=1, agent=TESS, namespace="bots"))
    given = ("--events-namespace", "argo-events", "--agents-namespace", "agent-platform")
    assert main(("init", *GIVEN, *given)) == Exit.DONE
    settings = read_settings(folder / "settings.toml")
    assert (settings.namespaces.events, settings.namespaces.agents[0]) == ("argo-events", "agent-platform")
    assert settings.events.render_event_source, "the other EventSource is in another namespace"


TEKTON = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "pipelineruns.tekton.dev"},
    "spec": {
        "group": "tekton.dev",
        "scope": "Namespaced",
        "names": {"plural": "pipelineruns", "singular": "pipelinerun", "kind": "PipelineRun"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
PATHS = tuple(
    word for key in ("task", "repository", "agent") for word in ("--field", f"{key}=metadata.annotations.{key}")
)


def test_the_kind_that_has_runs_is_the_agents_kind(cluster: ApiServer, folder: Path) -> None:
    cluster.create(TEKTON)
    cluster.create(
        {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": "run", "namespace": "bots"}}
    )
    assert main(("init", *GIVEN, *PATHS)) == Exit.DONE
    settings = read_settings(folder / "settings.toml")
    assert (settings.agents[0].plural, settings.namespaces.agents[0]) == ("pipelineruns", "bots")


def test_several_kinds_without_runs_are_named_and_not_guessed(
    cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.create(TEKTON)
    assert main(("init", *GIVEN)) == Exit.DONE
    assert "several kinds of agents, code-run, tekton-pipeline-run: choose by --kind" in capsys.readouterr().err
    assert read_settings(folder / "settings.toml").agents[0].plural == "coderuns"


@pytest.mark.parametrize("kind", sorted(known_kinds()))
def test_each_kind_is_written_as_its_preset_and_renders(
    folder: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    paths = PATHS if kind != "code-run" else ()
    paths += ("--field", "sha=metadata.annotations.commit") if kind in {"deployment", "stateful-set"} else ()
    assert main(("init", "--no-cluster", *GIVEN, "--kind", kind, *paths)) == Exit.DONE
    (table,) = tomllib.loads((folder / "settings.toml").read_text())["agents"]
    assert table["preset"] == kind
    assert len(table) <= 7
    assert main(("render",)) == Exit.DONE
    capsys.readouterr()


def test_the_paths_that_a_preset_cannot_know_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("init", "--no-cluster", *GIVEN, "--kind", "job", "--field", "task=metadata.labels.t")) == 65
    assert "--field repository=PATH, --field agent=PATH: missing: give them" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_several_event_sources_are_named_and_not_guessed(
    cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        cluster.create(event_source("hooks", name, HOOK))
    assert main(("init", *GIVEN)) == Exit.DONE
    assert read_settings(folder / "settings.toml").events.render_event_source
    said = capsys.readouterr().err
    assert "several events of EventSources receive GitHub's webhooks, hooks/one/push, hooks/two/push" in said
    assert "events.event_source, event_name and render_event_source = false" in said


def test_what_this_project_rendered_is_not_taken_for_another_installation(cluster: ApiServer, folder: Path) -> None:
    source = event_source("hooks", "github-eventsource", HOOK)
    source["metadata"]["labels"] = dict(APP)
    cluster.create(source)
    assert main(("init", *GIVEN)) == Exit.DONE
    assert read_settings(folder / "settings.toml").events.render_event_source


@pytest.mark.parametrize(
    "github",
    [
        None,
        [],
        "x",
        {"a": None},
        {"a": {"repositories": "x"}},
        {"a": {"webhookSecret": 1, "repositories": [1]}},
        {"An_Event": {}},
        {"a": {"webhookSecret": {"name": "a secret"}, "repositories": [{"owner": "acme", "names": ["*", None]}]}},
    ],
    ids=str,
)
def test_an_odd_event_source_stops_nothing(cluster: ApiServer, github: Any) -> None:  # noqa: ANN401 - others' JSON
    cluster.create(event_source("hooks", "odd", github))
    assert main(("init", *GIVEN)) == Exit.DONE


def test_a_cluster_without_an_event_bus_is_reported(cluster: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    del cluster
    assert main(("init", *GIVEN)) == Exit.DONE
    assert "note: there is no EventBus" in capsys.readouterr().err


def test_kinds_that_the_cluster_does_not_serve_are_passed_over_and_a_missing_argo_events_is_reported(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    not_served = Fault(method="GET", path="/event(bus|sources)", times=0, status=404, body=b"404 page not found\n")
    cluster.faults.add(not_served)
    assert main(("init", *GIVEN)) == Exit.DONE
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert notes == ["note: the cluster has no EventBus", "note: the cluster has no EventSources"]


@pytest.mark.parametrize("given", [True, False])
def test_several_kinds_are_a_question_only_if_none_is_given(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str], *, given: bool
) -> None:
    cluster.create(POD_GROUP)
    cluster.create(SANDBOX)
    assert main(("init", *GIVEN, *(("--kind", "code-run") if given else ()))) == Exit.DONE
    assert ("several kinds of agents" in capsys.readouterr().err) is not given


def test_runs_that_belong_to_a_task_by_their_branch_need_no_path_of_a_task(folder: Path) -> None:
    fields = ("branch=metadata.annotations.branch", "repository=metadata.annotations.repo", 'agent="coder"')
    given = [word for each in fields for word in ("--field", each)]
    assert main(("init", "--no-cluster", "--kind", "job", *GIVEN, *given)) == Exit.DONE
    (kind,) = read_settings(folder / "settings.toml").agents
    assert (kind.task, kind.branch) == ("", "metadata.annotations.branch")


def test_a_missing_path_of_a_task_names_the_branch_as_another_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("init", "--no-cluster", "--kind", "job", *GIVEN)) == Exit.BAD_INPUT
    assert "--field task=PATH or branch=PATH, --field repository=PATH" in capsys.readouterr().err


def test_without_rights_what_was_not_searched_is_reported(
    cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.authorize = lambda _: False
    path = Path(os.environ["KUBECONFIG"])
    config = json.loads(path.read_text())
    config["users"][0]["user"] = {"token": "somebody"}
    path.write_text(json.dumps(config))
    assert main(("init", *GIVEN)) == Exit.DONE
    output = capsys.readouterr().err
    for what in ("namespaces", "coderuns.agents.platform", "EventBus", "EventSources"):
        assert f"note: you may not list {what} in all namespaces" in output
    assert {each.name for each in folder.iterdir()} == FILES


def test_without_a_kubeconfig_it_goes_on_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("init", *GIVEN)) == Exit.DONE
    assert "note: no cluster was read: no cluster configured" in capsys.readouterr().err
    assert {each.name for each in folder.iterdir()} == FILES


def two_contexts(*, current: str) -> None:
    path = Path(os.environ["KUBECONFIG"])
    config = json.loads(path.read_text())
    config["clusters"].append({"name": "dead", "cluster": {"server": "http://127.0.0.1:1"}})
    config["contexts"].append({"name": "other", "context": {"cluster": "dead", "user": "double"}})
    config["current-context"] = current
    path.write_text(json.dumps(config))


def test_of_two_contexts_the_current_one_is_read_and_named(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    two_contexts(current="double")
    assert main(("init", *GIVEN)) == Exit.DONE
    assert "reading the cluster of context double" in capsys.readouterr().err
    assert cluster.calls


@pytest.mark.parametrize("current", ["", "other"])
def test_of_two_contexts_one_can_be_chosen(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str], current: str
) -> None:
    two_contexts(current=current)
    assert main(("init", *GIVEN, "--context", "double")) == Exit.DONE
    assert "reading the cluster of context double" in capsys.readouterr().err
    assert cluster.calls


def test_two_contexts_of_which_none_is_current_are_not_guessed(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    two_contexts(current="")
    assert main(("init", *GIVEN)) == Exit.DONE
    assert "note: no cluster was read" in capsys.readouterr().err
    assert cluster.calls == []


def test_a_context_that_does_not_exist_is_an_error(
    cluster: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("init", *GIVEN, "--context", "elsewhere")) == Exit.BAD_INPUT
    assert "elsewhere" in capsys.readouterr().err
    assert (cluster.calls, list(folder.iterdir())) == ([], [])


# The folder.


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_existing_file_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (folder / name).write_text("mine")
    (folder / "other.yaml").write_text("mine too")
    assert main(("init", *GIVEN)) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert f"{name} exist already, nothing was written" in output
    assert "--force" in output
    assert {path.name: path.read_text() for path in folder.iterdir()} == {name: "mine", "other.yaml": "mine too"}


def test_with_force_it_is_and_foreign_files_stay(folder: Path) -> None:
    (folder / "settings.toml").write_text("mine")
    (folder / "other.yaml").write_text("mine too")
    assert main(("init", *GIVEN, "--force")) == Exit.DONE
    assert read_settings(folder / "settings.toml").events.repositories == ("acme/shop",)
    assert (folder / "other.yaml").read_text() == "mine too"
    assert {path.name for path in folder.iterdir()} == FILES | {"other.yaml"}


def test_an_interruption_leaves_each_file_whole_or_absent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(("init", *GIVEN)) == Exit.DONE
    whole = {path.name: path.read_text() for path in folder.iterdir()}
    real = Path.replace
    for after in range(len(FILES)):
        for path in folder.iterdir():
            path.unlink()
        left = after

        def stopped(self: Path, target: Path) -> Path:
            nonlocal left
            if not left:
                raise KeyboardInterrupt
            left -= 1
            return real(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", stopped)
            assert main(("init", *GIVEN)) == 130
        found = {path.name: path.read_text() for path in folder.iterdir() if path.name in FILES}
        assert found.items() <= whole.items()
        assert len(found) == after


def test_a_folder_that_is_a_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "taken").write_text("")
    assert main(("init", "taken", *GIVEN)) == Exit.BAD_INPUT
    assert "taken" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no folder here in which root may not write")
def test_a_read_only_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("init", "/proc/agents", *GIVEN)) == Exit.BAD_INPUT
    assert "give a folder that can be written" in capsys.readouterr().err
