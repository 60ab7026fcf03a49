"""Credentials that no request can carry, as editors and shells leave them: named by their key, never shown."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from github import Auth

from pipelines.cli.main import main
from pipelines.doctor.check import CheckStatus, Installation
from pipelines.doctor.credentials import github_access, github_secret
from steps.core.errors import Exit, ForbiddenError, UnavailableError
from steps.github.connection import PROXY_PASSWORD, PROXY_USERNAME, pod_connection
from steps.github.credentials import build_credentials, mounted_credentials
from steps.github.sign_in import SignIn
from steps.runtime.github_connections import GitHubConnections
from steps.telemetry.measurements import Measurements
from tests.doubles.clock import ManualClock
from tests.support.harness import DEFAULTS, Scene
from tests.support.keys import PRIVATE

SECRET = "ghp_secret"
APP = {"app-id": "42", "installation-id": "7", "private-key.pem": PRIVATE}
# What was typed, and the bytes that a shell, an editor or a web page made of it.
SPOILED: tuple[Callable[[str], bytes], ...] = (
    lambda text: f"\u201c{text}\u201d".encode(),
    lambda text: f"{text}\u2026".encode(),
    lambda text: f"{text[:4]}\n{text[4:]}".encode(),
    lambda text: f"{text[:4]} {text[4:]}".encode(),
    lambda text: f"{text}\u00a0x".encode("latin-1"),
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-16-le"),
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: f"{text}\x00".encode(),
)


def mounted(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def check_hidden(text: str, *values: str) -> None:
    """No part of a value is in a text."""
    for value in values:
        for line in value.splitlines():
            assert line not in text.replace("\x00", "")


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_token_that_no_request_can_carry_is_named_by_its_key(tmp_path: Path, spoil: Callable[[str], bytes]) -> None:
    with pytest.raises(ForbiddenError, match=r"^token in .* holds .*: write it again, as plain") as caught:
        mounted_credentials(mounted(tmp_path, {"token": spoil(SECRET)}))
    check_hidden(str(caught.value), SECRET, SECRET[:4])
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("name", ["app-id", "installation-id"])
def test_a_number_of_an_app_that_is_not_one_is_named_by_its_key(
    tmp_path: Path, name: str, spoil: Callable[[str], bytes]
) -> None:
    files = {key: value.encode() for key, value in APP.items()} | {name: spoil("123456")}
    with pytest.raises(ForbiddenError, match=f"^{name} in .* holds .*: write it again, as plain"):
        mounted_credentials(mounted(tmp_path, files))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_private_key_in_another_encoding_is_named_by_its_key(tmp_path: Path, encoding: str) -> None:
    files = {key: value.encode() for key, value in APP.items()} | {"private-key.pem": PRIVATE.encode(encoding)}
    with pytest.raises(ForbiddenError, match=r"^private-key\.pem in .* holds .*: write it again, as plain") as caught:
        mounted_credentials(mounted(tmp_path, files))
    check_hidden(str(caught.value), PRIVATE)


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"])
def test_white_space_around_a_value_is_not_a_part_of_it(tmp_path: Path, end: str) -> None:
    found = mounted_credentials(mounted(tmp_path, {"token": f"{end}{SECRET}{end}".encode()}))
    assert found.token == SECRET
    assert build_credentials({"token": f"{SECRET}{end}"}, where="here").token == SECRET


def test_a_private_key_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    files = {key: value.replace("\n", "\r\n").encode() for key, value in APP.items()}
    assert isinstance(mounted_credentials(mounted(tmp_path, files)), Auth.AppInstallationAuth)


def test_a_secret_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(tmp_path, {"token": SECRET.encode()})

    def refused(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(ForbiddenError, match=r"token in .* cannot be read: Permission denied"):
        mounted_credentials(tmp_path)


@pytest.mark.parametrize("name", [PROXY_USERNAME, PROXY_PASSWORD])
def test_credentials_of_a_proxy_in_another_encoding_are_named_by_their_key(tmp_path: Path, name: str) -> None:
    files = {PROXY_USERNAME: b"me", PROXY_PASSWORD: SECRET.encode()} | {name: SECRET.encode("utf-16")}
    settings = replace(
        DEFAULTS.github, proxy="http://proxy.example:3128", credentials_dir=str(mounted(tmp_path, files))
    )
    with pytest.raises(ForbiddenError, match=f"{name} in .* is not UTF-8: write it again, as plain") as caught:
        pod_connection(settings)
    check_hidden(str(caught.value), SECRET)


@pytest.mark.parametrize("token", ["gh\ns", "gh\u201cs", ""])
def test_a_sign_in_whose_answer_holds_no_token_is_not_an_answer(token: str) -> None:
    class Answered(Auth.Token):
        token = property(lambda _: token)

    with pytest.raises(UnavailableError, match="holds no token"):
        SignIn(Answered(SECRET), clock=ManualClock()).ensure_token()


# A laptop.


@pytest.mark.parametrize("token", [f"\u201c{SECRET}\u201d", f"{SECRET}\u2026", f"{SECRET}\nmore", f"{SECRET} more"])
@pytest.mark.parametrize(
    "command", [("submit", "--repository=5dlabs/cto", "--pr=1"), ("submit", "--repository=5dlabs/cto", "--task=7")]
)
def test_a_token_of_the_environment_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], token: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", token)
    assert main(command) == Exit.FORBIDDEN
    output = capsys.readouterr().err
    assert "token in GITHUB_TOKEN holds" in output
    check_hidden(output, SECRET)


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "http://[::1", "http://me:ghp_secret@127.0.0.1:notaport", "ftp://127.0.0.1:1"]
)
def test_a_proxy_of_the_environment_that_is_not_one_is_not_an_outage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], proxy: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    for name in ("https_proxy", "no_proxy", "NO_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert main(("submit", "--repository=5dlabs/cto", "--pr=1")) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert "correct HTTPS_PROXY" in output
    check_hidden(output, SECRET)


class Cluster:
    """An API server with the Secret."""

    def __init__(self, data: dict[str, str]) -> None:
        self.data = data

    def get(self, *_: object, **__: object) -> dict[str, object]:
        return {"data": self.data}


def test_the_doctor_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    data = {"token": base64.b64encode(SECRET.encode("utf-16")).decode()}
    kube: Any = Cluster(data)
    installation = Installation(settings=DEFAULTS, kube=kube, now=ManualClock().now(), env={})
    (found,) = github_secret(installation, "c")
    assert found.status is CheckStatus.WRONG
    assert "token in Secret agent-cancellation/" in found.found
    check_hidden(found.found, SECRET)
    (found,) = github_access(replace(installation, env={"GITHUB_TOKEN": f"{SECRET}\u2026"}), "c")
    assert found.status is CheckStatus.UNKNOWN
    assert "token in GITHUB_TOKEN holds" in found.found
    check_hidden(found.found, SECRET)


def test_a_token_that_no_request_can_carry_is_asked_for_at_once_and_opens_no_breaker(
    scene: Scene, tmp_path: Path
) -> None:
    """Each pod would count it as an outage of GitHub."""
    settings = replace(DEFAULTS.github, credentials_dir=str(mounted(tmp_path, {"token": b"ghp\nsecret"})))
    connect = GitHubConnections(
        settings=settings,
        clock=scene.clock,
        breaker=scene.breakers().github,
        measured=Measurements(),
        audit=scene.audit(),
    )
    for _ in range(10):
        with pytest.raises(ForbiddenError):
            connect(lambda: None)
    assert scene.breakers().github.enter() == 0
    assert scene.github.calls == []
