"""What may follow the words of `kubectl agent-cancellation`."""

from __future__ import annotations

import pytest

from pipelines.cli.completion import suggestions
from pipelines.cli.main import build_parser, complete_for_kubectl

FILES, NO_FILES = 0, 4


@pytest.mark.parametrize(
    ("words", "found", "directive"),
    [
        (["re"], ["reconcile", "register", "render"], NO_FILES),
        (["doctor", "--no-g"], ["--no-github"], NO_FILES),
        (["--ver"], ["--version"], NO_FILES),
        (["completion", "b"], ["bash"], NO_FILES),
        (["render", "--settings", "se"], [], FILES),
        (["init", ""], [], FILES),
        (["no-such-command"], [], NO_FILES),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_commands_options_and_choices_are_completed(words: list[str], found: list[str], directive: int) -> None:
    assert suggestions(build_parser(), words) == (found, directive)


def test_without_words_every_command_is_offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["kubectl_complete-agent_cancellation"])
    assert complete_for_kubectl() == 0
    *words, last = capsys.readouterr().out.splitlines()
    assert {"doctor", "init", "status"} <= set(words)
    assert last == ":4"
