"""A laptop that cannot reach the cluster: each error names the fix."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli.main import main
from steps.core.errors import Exit
from tests.doubles.kubernetes import ApiServer, serve
from tests.support.harness import NEW

COMMANDS = (
    ("status",),
    ("explain", "7"),
    ("doctor",),
    ("reconcile", "--dry-run"),
    ("submit", "--ref=task-7", f"--sha={NEW}"),
)
SECRET = "a-token-in-a-kubeconfig"


@pytest.fixture(autouse=True)
def _no_argo_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGO_SERVER", raising=False)


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that KUBECONFIG names, which is not there yet."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return tmp_path / "kubeconfig"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
@pytest.mark.parametrize(
    "text",
    ["", SECRET, f"- {SECRET}", f"users: [{SECRET}", "apiVersion: v1\nkind: Config\n"],
    ids=["no file", "text", "list", "no YAML", "no context"],
)
def test_a_kubeconfig_that_leads_nowhere_is_named(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], text: str
) -> None:
    if text:
        kubeconfig.write_text(text)
    assert main(command) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "set KUBECONFIG to a kubeconfig with a current context" in output
    assert str(kubeconfig) in output
    assert SECRET not in output


def test_an_empty_kubeconfig_variable_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for kubectl."""
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", server="http://127.0.0.1:1", user={"token": SECRET})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "")
    assert main(("status",)) == Exit.TRY_AGAIN
    assert "(127.0.0.1:1: is that the cluster you mean" in capsys.readouterr().err


def test_a_person_without_a_home_is_asked_for_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert main(("status",)) == Exit.BAD_INPUT
    assert "set KUBECONFIG to a kubeconfig with a current context" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_a_server_that_does_not_answer_is_named_with_what_to_check(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))  # bound and not listening: refused
        server = f"127.0.0.1:{closed_port.getsockname()[1]}"
        cluster = {"name": "c", "cluster": {"server": f"https://{server}"}}
        user = {"name": "u", "user": {"token": SECRET}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        config = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
        kubeconfig.write_text(json.dumps(config))
        assert main(command) == Exit.TRY_AGAIN
    output = capsys.readouterr().err
    assert f"({server}: is that the cluster you mean, by KUBECONFIG and its context" in output
    assert SECRET not in output


def write_kubeconfig(file: Path, *, server: str, user: dict[str, object], **cluster: str) -> None:
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    clusters = [{"name": "c", "cluster": {"server": server, **cluster}}]
    users = [{"name": "u", "user": user}]
    file.write_text(json.dumps({"clusters": clusters, "users": users, "contexts": [context], "current-context": "x"}))


def exec_plugin(token: str) -> dict[str, object]:
    """A user whose plugin prints a token."""
    version = "client.authentication.k8s.io/v1"
    printed = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}})
    return {
        "exec": {
            "apiVersion": version,
            "command": sys.executable,
            "args": ["-c", f"print({printed!r})"],
            "interactiveMode": "Never",
        }
    }


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
@pytest.mark.parametrize(
    "token", [f"{SECRET}\nmore", f"\u201c{SECRET}\u201d", f"{SECRET}\u2026", f"{SECRET}\x00"], ids=ascii
)
@pytest.mark.parametrize("user", [lambda token: {"token": token}, exec_plugin], ids=["token", "exec plugin"])
def test_a_token_that_no_request_can_carry_is_named_and_not_shown(
    kubeconfig: Path,
    capfd: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    token: str,
    user: Callable[[str], dict[str, object]],
) -> None:
    write_kubeconfig(kubeconfig, server="http://127.0.0.1:1", user=user(token))
    assert main(command) == Exit.BAD_INPUT
    output = capfd.readouterr().err
    assert "correct the token of the kubeconfig's user" in output
    assert SECRET not in output


def test_a_token_file_that_is_not_text_is_named_and_not_shown(
    kubeconfig: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_bytes(SECRET.encode("utf-16"))
    write_kubeconfig(kubeconfig, server="http://127.0.0.1:1", user={"tokenFile": str(tmp_path / "token")})
    assert main(("status",)) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "the credentials of its user" in output
    assert SECRET not in output.replace("\x00", "")


@pytest.mark.parametrize("token", [f"{SECRET}\n", f"\n {SECRET} \r\n"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_white_space_around_a_token_is_not_a_part_of_it(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], token: str
) -> None:
    """A block of YAML and a file end with a newline."""
    with serve(ApiServer()) as url:
        write_kubeconfig(kubeconfig, server=url, user={"token": token})
        main(command)
    output = capsys.readouterr().err
    assert SECRET not in output
    assert "the credentials for the API server hold" not in output


@pytest.mark.parametrize(
    "cluster", [{"proxy-url": f"http://me:{SECRET}@127.0.0.1:port"}, {"proxy-url": f"http://me:{SECRET}@[::1"}]
)
def test_a_proxy_that_is_not_an_address_is_named_without_its_password(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str], cluster: dict[str, str]
) -> None:
    write_kubeconfig(kubeconfig, server="https://127.0.0.1:1", user={"token": SECRET}, **cluster)
    assert main(("status",)) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "correct the server, proxy-url and certificates" in output
    assert SECRET not in output


@pytest.mark.parametrize(
    ("user", "cluster", "text"),
    [
        ({"auth-provider": {"name": "gcp", "config": {}}}, {}, "which Kubernetes 1.26 removed: let your cloud's tool"),
        ({"auth-provider": {"name": "azure"}}, {}, "which Kubernetes 1.26 removed: let your cloud's tool"),
        ({}, {"proxy-url": "socks5://127.0.0.1:9"}, "is a SOCKS proxy, which needs the package PySocks"),
    ],
)
def test_what_a_kubeconfig_asks_for_and_cannot_get_is_named(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str], user: dict[str, object], cluster: dict[str, str], text: str
) -> None:
    write_kubeconfig(kubeconfig, server="https://127.0.0.1:1", user=user, **cluster)
    assert main(("status",)) == Exit.BAD_INPUT
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("empty", ["", "# nothing\n", "---\n"])
def test_a_file_without_content_is_left_out_as_kubectl_does(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], empty: str
) -> None:
    (kubeconfig.parent / "empty").write_text(empty)
    monkeypatch.setenv("KUBECONFIG", f"{kubeconfig.parent / 'empty'}{os.pathsep}{kubeconfig}")
    write_kubeconfig(kubeconfig, server="http://127.0.0.1:1", user={"token": SECRET})
    assert main(("status",)) == Exit.TRY_AGAIN
    assert "connection refused" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # Hera's own
@pytest.mark.parametrize("token", [f"{SECRET}\nmore", f"\u201c{SECRET}\u201d"], ids=ascii)
def test_a_token_for_argo_server_that_no_request_can_carry_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    monkeypatch.setenv("ARGO_SERVER", "127.0.0.1:1")
    monkeypatch.setenv("ARGO_TOKEN", token)
    assert main(("submit", "--ref=task-7", f"--sha={NEW}")) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "ARGO_TOKEN" in output
    assert SECRET not in output


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # Hera's own
def test_an_argo_server_that_does_not_answer_is_asked_for_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ARGO_SERVER", f"127.0.0.1:{closed_port.getsockname()[1]}")
        assert main(("submit", "--ref=task-7", f"--sha={NEW}")) == Exit.TRY_AGAIN
    assert "check that ARGO_SERVER is its host:port" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_a_folder_without_settings_says_in_which_folder_to_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "settings.toml: No such file" in output
    assert "--settings" in output


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("status", "seven!"), "give it as the branch or `status` shows it"),
        (("status", "-5"), "give it as the branch or `status` shows it"),
        (("submit", "--pr", "-1"), "give its number, such as 7"),
        (("submit", "--timeout", "0"), "give seconds, more than 0"),
        (("submit", "--timeout", "nan"), "give seconds, more than 0"),
    ],
)
def test_an_invalid_argument_is_refused_before_any_request(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(command)
    assert said in capsys.readouterr().err


def test_a_branch_of_no_task_is_named_with_the_setting_that_decides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("submit", "--ref", "main", "--sha", NEW)) == Exit.BAD_INPUT
    assert (
        "'refs/heads/main' is not the branch of a task: give a ref that matches settings tasks"
        in capsys.readouterr().err
    )


def test_a_folder_that_cannot_be_rendered_to_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rendered").write_text("a file")
    assert main(("render", "--output", str(tmp_path / "rendered"))) == Exit.BAD_INPUT
    assert "give a folder that can be written by --output" in capsys.readouterr().err
