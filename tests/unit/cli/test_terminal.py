"""What people see in a terminal of 80 columns, and in no terminal at all."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from pipelines.cli.help_text import VARIABLES
from pipelines.cli.main import COMMANDS, build_parser, main
from pipelines.cli.views.fitting import Column, fit_table
from pipelines.cli.views.status_table import status_table, watch_table
from pipelines.client.task_status import TaskPhase, TaskStatus
from pipelines.client.wording import counted
from steps.core.errors import Exit, UnavailableError
from tests.doubles.clock import ManualClock
from tests.doubles.kubernetes import serve, write_kubeconfig
from tests.support.harness import Scene
from tests.support.settings_files import write_settings

NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]
NOW = ManualClock().now()
NOTE = "GitHub: GET /repos/5dlabs/cto/pulls: the credentials are wrong or have expired, renew the Secret"


def a_status(**changes: object) -> TaskStatus:
    status = {
        "repository": "5dlabs/cto",
        "task": "120238",
        "state": TaskPhase.COMPLETED,
        "sha": "d9af5b500d27",
        "stopped": 2,
        "kept": 1,
        "labels": "moved",
        "attempts": 1,
        "since": NOW - timedelta(minutes=5),
    }
    return TaskStatus(**(status | changes))  # type: ignore[arg-type]


def drawn(*statuses: TaskStatus, width: int = 80) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(status_table(statuses, now=NOW, width=width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_status_fits_into_80_columns() -> None:
    assert drawn(a_status()) == [
        "REPOSITORY  TASK    STATE      STOPPED  KEPT  WAITING  LABELS  AGE  NOTE",
        "5dlabs/cto  120238  completed  2        1     0        moved   5m",
        "(80 columns are too few for PUSH, TRIES; --json has all)",
    ]


def test_a_note_takes_the_place_of_columns_that_matter_less() -> None:
    assert drawn(a_status(state=TaskPhase.FAILED, note=NOTE)) == [
        "REPOSITORY  TASK    STATE   STOPPED  WAITING  AGE  NOTE",
        "5dlabs/cto  120238  failed  2        0        5m   GitHub: GET",
        "                                                   /repos/5dlabs/cto/pulls: the",
        "                                                   credentials are wrong or have",
        "                                                   expired, renew the Secret",
        "(80 columns are too few for PUSH, KEPT, LABELS, TRIES; --json has all)",
    ]


def test_tasks_of_one_number_are_told_apart_where_little_fits() -> None:
    """Of what may be left out, the repository is the last."""
    assert drawn(a_status(), width=33)[0] == "REPOSITORY  TASK    STATE"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_word_is_broken_and_no_line_is_too_wide(width: int) -> None:
    statuses = [a_status(state=state, note=NOTE, unproven=3, waiting=12, superseded=4) for state in TaskPhase]
    lines = drawn(*statuses, width=width)
    assert max(map(len, lines)) <= width
    words = {word for status in statuses for word in (status.note.split() if width > 60 else status.state.split())}
    assert {word for word in words if not any(word in line for line in lines)} == set()


def test_every_column_is_shown_where_there_is_room() -> None:
    assert len(drawn(a_status(), width=120)[0].split()) == 11


def test_one_column_that_must_stay_may_be_broken_but_nothing_is_lost() -> None:
    console = Console(width=20, file=io.StringIO(), color_system=None)
    console.print(fit_table([Column(name="A")], [[Text("x" * 50)]], width=20))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("x") == 50


def test_no_status_is_a_sentence() -> None:
    assert drawn() == ["no cancellations yet"]


@pytest.mark.parametrize(("count", "expected"), [(0, "0 tasks"), (1, "1 task"), (2, "2 tasks")])
def test_things_are_counted_in_singular_and_plural(count: int, expected: str) -> None:
    assert counted(count, "task") == expected


# A watch.


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(
    reads: list[list[TaskStatus] | UnavailableError], monkeypatch: pytest.MonkeyPatch, *, out: io.StringIO
) -> str:
    """The output of a watch that reads this often."""
    left = iter(reads)
    sleeps = iter(range(len(reads)))

    def sleep(_: float) -> None:
        if next(sleeps) == len(reads) - 1:
            raise KeyboardInterrupt

    def read() -> list[TaskStatus]:
        found = next(left)
        if isinstance(found, UnavailableError):
            raise found
        return found

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyboardInterrupt):
        watch_table(read, now=lambda: NOW, every_s=2)
    return out.getvalue()


def test_a_watch_goes_on_when_one_read_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = watched([[a_status()], UnavailableError("away"), [a_status()]], monkeypatch, out=io.StringIO())
    assert shown.count("120238") == 3
    assert shown.count("not read, trying again: away") == 1


def test_a_watch_in_a_terminal_redraws_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = watched([[a_status()]] * 4, monkeypatch, out=_Terminal())
    assert "\x1b[2J" not in shown, "the screen is not cleared"
    assert shown.count("\x1b[1A") >= 3, "the cursor goes back up"
    assert shown.endswith("\x1b[?25h"), "the cursor is shown again"


# Help.


def help_of(name: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "pipelines", *([name] if name else []), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    return ran.stdout


@pytest.mark.parametrize("name", ["", *NAMES], ids=["the whole", *NAMES])
def test_help_fits_into_80_columns_and_has_examples_variables_and_exit_codes(name: str) -> None:
    text = help_of(name)
    assert max(map(len, text.splitlines())) <= 80
    examples = re.findall(r"^  agent-cancellation (.+)$", text.partition("examples:")[2], re.MULTILINE)
    assert len(examples) == 2
    assert ("environment variables:" in text) is (name != "completion")
    assert re.search(r"exit codes:\n  0 ", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_command_lines_that_are_taken(name: str) -> None:
    for example in re.findall(r"^  agent-cancellation (.+)$", help_of(name).partition("examples:")[2], re.MULTILINE):
        parsed = build_parser().parse_args(shlex.split(example.partition(" | ")[0]))
        assert callable(parsed.run)


def test_every_variable_of_the_help_is_read_somewhere() -> None:
    root = Path(__file__).parents[3]
    code = "".join(
        path.read_text()
        for folder in ("pipelines", "steps")
        for path in (root / folder).rglob("*.py")
        if path.name != "help_text.py"
    )
    own = (root / "pipelines" / "cli" / "help_text.py").read_text()
    # rich itself reads NO_COLOR: test_no_colour_is_no_colour_in_a_terminal_too.
    unread = {name for name in VARIABLES if name not in code} - {"NO_COLOR"}
    assert all(f'{name.removeprefix("AGENT_CANCELLATION_")}_VARIABLE = "{name}"' in own for name in unread)


# Options and variables of every command.


@pytest.fixture
def laptop(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with serve(scene.api) as url:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setattr("pipelines.client.server_time", lambda *_, **__: scene.clock.now())
        yield scene


READERS = [["status"], ["explain", "7"], ["doctor", "--no-github"], ["reconcile", "--dry-run"]]
READERS += [["render", "--diff", "cluster"], ["submit", "--ref", "task-7-x", "--sha", "a" * 40]]


@pytest.mark.parametrize("command", READERS, ids=lambda each: each[0])
@pytest.mark.parametrize("by_variable", [False, True], ids=["option", "variable"])
def test_a_context_that_is_not_there_is_named(
    laptop: Scene,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    by_variable: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    # A context is a kubeconfig's: it goes past Argo Server.
    monkeypatch.setenv("ARGO_SERVER", "127.0.0.1:9")
    if by_variable:
        monkeypatch.setenv("AGENT_CANCELLATION_CONTEXT", "elsewhere")
    assert main(command if by_variable else [*command, "--context", "elsewhere"]) == Exit.BAD_INPUT
    assert "elsewhere" in capsys.readouterr().err
    assert laptop.api.calls == []


@pytest.mark.parametrize("by_variable", [False, True], ids=["option", "variable"])
def test_a_namespace_takes_the_place_of_the_settings(
    laptop: Scene,
    monkeypatch: pytest.MonkeyPatch,
    by_variable: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    if by_variable:
        monkeypatch.setenv("AGENT_CANCELLATION_NAMESPACE", "elsewhere")
    assert main(["status", *([] if by_variable else ["--namespace", "elsewhere"])]) == Exit.DONE
    assert {re.findall("/namespaces/([^/]+)/", call.path)[0] for call in laptop.api.calls} == {"elsewhere"}


@pytest.mark.parametrize("command", [*READERS, ["render"]], ids=lambda each: " ".join(each[:2]))
def test_a_namespace_that_no_cluster_has_is_refused_by_its_key(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "--namespace", "No Such"]) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "with --namespace" in output
    assert "namespaces.workflows" in output


def test_the_settings_file_may_be_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(tmp_path)
    (tmp_path / "settings.toml").rename(tmp_path / "mine.toml")
    monkeypatch.setenv("AGENT_CANCELLATION_SETTINGS", str(tmp_path / "mine.toml"))
    Path("settings.toml").unlink()
    assert main(["render"]) == Exit.DONE
    monkeypatch.setenv("AGENT_CANCELLATION_SETTINGS", str(tmp_path / "gone.toml"))
    assert main(["render"]) == Exit.BAD_INPUT
    assert "gone.toml" in capsys.readouterr().err


# Empty results, and streams that are closed, full, or not UTF-8.


def test_empty_results_say_so(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == Exit.DONE
    assert capsys.readouterr().err == "no cancellations yet\n"
    assert main(["status", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == []
    assert main(["status", "7", "--json"]) == Exit.BUG, "as without --json"
    assert json.loads(capsys.readouterr().out) == []
    assert main(["reconcile", "--dry-run"]) == Exit.DONE
    assert capsys.readouterr().out.splitlines()[0] == "0 findings"
    assert main(["render"]) == Exit.DONE
    capsys.readouterr()
    assert main(["render", "--diff"]) == Exit.DONE
    assert capsys.readouterr().err == "no difference to the folder\n"
    assert laptop.api.calls


def shell(line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line in which $CLI is the command."""
    cli = f"{sys.executable} -m pipelines"
    return subprocess.run(
        ["bash", "-c", line.replace("$CLI", cli)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])} | env,
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("set -o pipefail; $CLI --help | true", (0, 141)),
        ("set -o pipefail; $CLI status --help | head -n 1", (0, 141)),
        ("set -o pipefail; $CLI render --explain | head -n 1", (0, 141)),
        ("set -o pipefail; $CLI completion bash | head -n 1", (0, 141)),
        ("$CLI render --explain >&-", (0,)),
        ("$CLI status 2>&-", (65,)),
        ("$CLI init $OUT --no-cluster <&-", (65,)),
        ("$CLI render --explain >/dev/full", (1,)),
    ],
)
def test_no_stream_ends_a_command_with_a_traceback(line: str, code: tuple[int, ...], tmp_path: Path) -> None:
    ran = shell(line, KUBECONFIG=str(tmp_path / "none"), OUT=str(tmp_path / "out"))
    assert ran.returncode in code
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


def test_a_stream_that_is_not_utf8_gets_escapes() -> None:
    ran = shell("$CLI render --explain", PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_ctrl_c_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.settings.read_settings", interrupt)
    assert main(["render"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
