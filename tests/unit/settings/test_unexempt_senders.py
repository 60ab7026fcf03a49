"""A push that stops the run of the agent that sent it: settings that say so are named, by render and by doctor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import main
from pipelines.doctor.check import CheckStatus, Installation
from pipelines.doctor.events import senders
from pipelines.settings import Settings
from pipelines.settings.unexempt_senders import unexempt_senders
from steps.core.errors import Exit
from steps.settings.policies import RepositoryPolicy
from tests.doubles.clock import ManualClock
from tests.support.harness import DEFAULTS
from tests.support.settings_files import whole_text

KIND = DEFAULTS.agents[0]


def settings(*policies: RepositoryPolicy, **kind: Any) -> Settings:  # noqa: ANN401 - any field
    events = replace(DEFAULTS.events, senders=("Rex[bot]", "blaze"))
    return replace(DEFAULTS, agents=(replace(KIND, **kind),), events=events, policies=policies)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ({"cancellable": ("*",), "exempt": ()}, "Rex[bot], blaze"),
        ({"cancellable": ("*",), "exempt": ("rex",)}, "blaze"),
        ({"cancellable": ("*",), "exempt": ("rex", "Blaze[bot]")}, ""),
        ({"cancellable": ("tess",), "exempt": ()}, ""),
        ({"cancellable": ("*",), "exempt": (), "agent": '"rex"'}, "Rex[bot]"),
        ({"cancellable": ("*",), "exempt": (), "agent": '"tess"'}, ""),
    ],
)
def test_a_sender_is_named_if_all_agents_are_cancellable_and_it_is_not_exempt(kind: dict[str, Any], named: str) -> None:
    found = list(unexempt_senders(settings(**kind)))
    assert len(found) == bool(named)
    assert all(f'agents.0: cancellable is "*", and exempt does not name {named} of' in each for each in found)


def test_a_policy_that_exempts_nobody_is_named() -> None:
    policy = RepositoryPolicy(repositories=("acme/web",), cancellable=("*",), exempt=())
    (found,) = unexempt_senders(settings(policy, cancellable=("*",), exempt=("rex", "blaze")))
    assert found.startswith("policies.0: ")


def test_doctor_warns_of_it() -> None:
    kube: Any = None
    for exempt, statuses in (((), [CheckStatus.WARNING]), (("rex", "blaze"), [])):
        installation = Installation(
            settings=settings(cancellable=("*",), exempt=exempt), kube=kube, now=ManualClock().now(), env={}
        )
        found = list(senders(installation, "senders"))
        assert [each.status for each in found] == statuses
        assert all(each.fix for each in found)


def test_render_warns_of_it_and_renders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = 'cancellable = ["5DLabs-Cleo", "5DLabs-Tess"]'
    text = whole_text()
    assert old in text
    (tmp_path / "settings.toml").write_text(text.replace(old, 'cancellable = ["*"]').replace('"5DLabs-Rex", ', ""))
    command = ("render", "--settings", str(tmp_path / "settings.toml"), "--output", str(tmp_path / "rendered"))
    assert main(command) == Exit.DONE
    assert (
        'warning: agents.0: cancellable is "*", and exempt does not name 5DLabs-Rex[bot] of' in capsys.readouterr().err
    )
