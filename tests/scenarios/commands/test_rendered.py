"""What is rendered for commands: rights, environment, valid manifests."""

from __future__ import annotations

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.command_workflow import command_template
from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.rbac import command_access
from steps.core.errors import Exit
from steps.domain.command import command_from_env
from tests.doubles.github import fail
from tests.scenarios.commands.conversation import CANCEL, KEEP, PERSON, SETTINGS, Conversation
from tests.schemas.references import unresolved
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS, REPOSITORY
from tests.support.rbac import granted, used

EXTERNAL = [f"ServiceAccount/{DEFAULTS.namespaces.events}/default"]


def test_the_role_grants_what_a_command_uses(conversation: Conversation) -> None:
    scene = conversation.scene
    (made,) = conversation.say(CANCEL)
    scene.api.calls.clear()
    scene.github.fault(fail(503), path="/permission$", times=20)
    assert scene.command(made)[0] is Exit.TRY_AGAIN
    scene.github.plan.clear_faults()
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
