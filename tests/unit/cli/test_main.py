"""The command line as a shell meets it: help that loads nothing, and completion that knows what the parsers know."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shtab

from pipelines.cli.completion import SHELLS
from pipelines.cli.main import COMMANDS, main
from pipelines.cli.options import PROGRAM

HEAVY = {"hera", "kubernetes", "github", "rich", "requests", "pydantic", "jinja2", "yaml", "steps", "shtab"}
NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]


def loaded(*arguments: str) -> set[str]:
    """The modules that a process has loaded when this command line ends."""
    program = (
        "import sys\nfrom pipelines.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*{each.partition('.')[0] for each in sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [[], *([name] for name in NAMES)], ids=["the whole", *NAMES])
def test_help_loads_nothing_that_takes_time(arguments: list[str]) -> None:
    assert loaded(*arguments, "--help") & HEAVY == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_option_is_refused_before_anything_is_loaded(name: str) -> None:
    assert loaded(name, "--no-such-option") & HEAVY == set()


@pytest.mark.parametrize("arguments", [["status"], ["explain", "7"], ["reconcile", "--dry-run"]], ids=" ".join)
def test_only_commands_that_render_or_use_argo_server_import_hera(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    imported = loaded(*arguments)
    assert "kubernetes" in imported, "the command ran"
    assert "hera" not in imported


def test_every_heavy_module_on_the_list_exists() -> None:
    """Otherwise the two tests above could not fail."""
    program = f"import {', '.join(sorted(HEAVY))}"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_scripts_are_offered_for_the_shells_that_shtab_knows() -> None:
    assert tuple(shtab.SUPPORTED_SHELLS) == SHELLS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def options(name: str) -> set[str]:
    """The long options that the help of a command names."""
    ran = subprocess.run(
        [sys.executable, "-m", "pipelines", name, "--help"], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"--[a-z-]+", ran.stdout))


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert [name for name in NAMES if name not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_completion_knows_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert completed([name, "--"], capsys) == options(name)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_accepts_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    ran = subprocess.run([shell, "-n"], input=script(shell, capsys), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def completed(typed: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in (PROGRAM, *typed))
    program = f"{script('bash', capsys)}\nCOMP_WORDS=({line}); COMP_CWORD={len(typed)}\n"
    program += '_shtab_agent_cancellation; printf "%s\\n" "${COMPREPLY[@]}"'
    ran = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["su"], {"submit"}),
        (["submit", "--d"], {"--dry-run"}),
        (["status", "--w"], {"--watch"}),
        (["submit", "--task", ""], set()),
        (["render", "--output", "rend"], {"rendered"}),
        (["render", "--settings", "settings.t"], {"settings.toml"}),
        (["completion", ""], set(SHELLS)),
    ],
    ids=str,
)
def test_bash_completes(typed: list[str], expected: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(typed, capsys) == expected


def test_a_reader_that_closes_the_pipe_is_no_error() -> None:
    command = [sys.executable, "-m", "pipelines", "render", "--explain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # It reads nothing, as `| head -n 0`.
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, "")


def test_the_package_runs_the_same_command_line() -> None:
    ran = [
        subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
        for command in ([sys.executable, "-m", "pipelines"], [str(Path(sys.executable).parent / PROGRAM)])
    ]
    assert ran[0] == ran[1]
    assert ran[0].startswith(f"usage: {PROGRAM} ")
