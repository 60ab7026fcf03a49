"""The repository that a text names, and whether it is one of GitHub's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.repository_address import RepositoryAddress, parse_repository
from tests.support.harness import DEFAULTS

GIT = DEFAULTS.github.hosts_of_git


@pytest.mark.parametrize(
    "text",
    [
        "o/r",
        "o/r/",
        " o/r ",
        "https://github.com/o/r",
        "https://github.com/o/r/",
        "https://github.com/o/r.git",
        "https://GitHub.com/o/r.GIT",
        "https://www.github.com/o/r",
        "https://github.com//o//r",
        "https://github.com:443/o/r",
        "https://x-access-token:ghs_x@github.com/o/r.git",
        "https://api.github.com/repos/o/r",
        "https://github.com/o/r/tree/task-7",
        "https://github.com/o/r/pull/7/files",
        "https://github.com/o/r.git#task-7",
        "https://github.com/o/r?ref=x",
        "git+https://github.com/o/r.git",
        "git://github.com/o/r.git#refs/heads/x",
        "git@github.com:o/r.git",
        "git@github.com:/o/r.git#x",
        "github.com/o/r",
        "ssh://git@github.com/o/r.git",
        "ssh://git@github.com:o/r.git",
        "git+ssh://git@github.com:o/r.git",
        "ssh://git@github.com:22/o/r.git",
        "ssh://git@ssh.github.com:443/o/r.git",
    ],
)
def test_a_repository_of_github_is_read_from_each_notation(text: str) -> None:
    found = parse_repository(text)
    assert (found.name, found.is_on(GIT)) == ("o/r", True)


@pytest.mark.parametrize(
    "text",
    [
        "https://ghe.example.com/o/r",
        "https://gitlab.com/group/o/r",
        "https://github.com.evil.example/o/r",
        "https://github.com@evil.example/o/r",
        "https://github.com:x@evil.example/o/r",
        "https://evil.example/o/r?x=https://github.com/o/r",
        "https://evil.example/o/r#@github.com",
        "git@gitea:o/r.git",
        "http://gitea:3000/o/r",
        "ssh://git@git.example.com:22/o/r.git",
        "codeberg.org/o/r",
    ],
)
def test_a_repository_of_another_server_is_none_of_githubs(text: str) -> None:
    found = parse_repository(text)
    assert (found.name, found.is_on(GIT)) == ("o/r", False)


@pytest.mark.parametrize(
    "text",
    [
        *("", "r", "/", "o/", "/r", "github.com:r", "https://github.com", "https://github.com/r"),
        *("https://evil.example/?x=https://github.com/o/r", "/workspace/o/r", "group/o/r", "file:///x/o/r"),
    ],
)
def test_other_text_names_no_repository(text: str) -> None:
    assert parse_repository(text).name == ""


@pytest.mark.parametrize(
    ("api", "hosts", "expected"),
    [
        ("https://api.github.com", (), {"api.github.com", "github.com", "ssh.github.com", "www.github.com"}),
        ("https://GHE.example.com:8443/api/v3", (), {"ghe.example.com"}),
        ("https://ghe.example.com/api/v3/", ("Git-Proxy.example.com",), {"ghe.example.com", "git-proxy.example.com"}),
        ("https://api.octo.ghe.com", (), {"api.octo.ghe.com", "octo.ghe.com"}),
    ],
)
def test_githubs_hosts_are_those_of_its_address_and_those_of_the_settings(
    api: str, hosts: tuple[str, ...], expected: set[str]
) -> None:
    assert replace(DEFAULTS.github, api_url=api, hosts=hosts).hosts_of_git == expected


@pytest.mark.parametrize(
    ("host", "name"),
    [("", "o/r"), ("github.com", "o/r"), ("work", "o/r"), ("ghe.example.com", "")],
)
def test_the_host_of_a_checkout_may_be_an_alias_in_the_persons_ssh_configuration(host: str, name: str) -> None:
    assert RepositoryAddress(name="o/r", host=host).name_for_person(GIT) == name
