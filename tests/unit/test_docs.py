"""The things that the documents promise exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from pipelines.cli.main import build_parser
from pipelines.manifests.files import render_files
from pipelines.settings import Settings, example_settings
from pipelines.settings.packaged import default_text, example_text
from pipelines.settings_docs.descriptions import setting_tables
from pipelines.settings_docs.page import settings_page
from pipelines.settings_docs.toml_comments import refresh_comments
from steps.core.errors import Exit
from steps.settings.loading import load_settings
from tests.support.settings_files import whole_text

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])


def title(document: Path) -> str:
    """How a document is called in the names of tests."""
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", document.read_text()):
        assert (ROOT / file).is_file(), file
        assert not name or f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def named_paths(text: str) -> set[str]:
    """Every path of this repository that a text names, in code or not, without the test's name behind it."""
    return set(re.findall(r"(?<![\w./-])(?:steps|pipelines|tests|docs)/[\w./-]*[\w/]", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    assert {path for path in named_paths(document.read_text()) if not (ROOT / path).exists()} == set()


def test_a_path_is_found_in_code_in_a_sentence_and_before_a_tests_name() -> None:
    text = "`steps/lease/` holds it (docs/gone.md). See `tests/unit/test_docs.py::test_a`, not my/steps/cancel.py."
    assert named_paths(text) == {"steps/lease/", "docs/gone.md", "tests/unit/test_docs.py"}


def console_lines(document: Path) -> list[str]:
    """The commands of a document, without its comments."""
    blocks = re.findall(r"```console\n(.*?)```", document.read_text(), re.DOTALL)
    typed = "\n".join(blocks).replace("\\\n", " ")
    return [line.partition("  #")[0].strip() for line in re.findall(r"^ *\$ (.*)$", typed, re.MULTILINE)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_command_of_this_project_in_a_document_is_accepted(document: Path) -> None:
    for line in console_lines(document):
        if line.startswith("agent-cancellation "):
            _, *given = shlex.split(line.partition("|")[0].replace("TASK", "7"))
            build_parser().parse_args(given)


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_namespace_and_label_in_the_commands_of_a_document_exists(document: Path) -> None:
    settings = example_settings()
    spaces = {settings.namespaces.workflows, settings.namespaces.agents[0], settings.namespaces.events, "argo"}
    code = "".join(path.read_text() for folder in ("steps", "pipelines") for path in (ROOT / folder).rglob("*.py"))
    marks = set(re.findall(r"(?:PREFIX\}|\"agent-cancellation)/([a-z-]+)\"", code))
    objects = {Path(path).stem.partition("-")[2] for path in render_files(settings)}
    for line in console_lines(document):
        assert set(re.findall(r" -n (\S+)", line)) <= spaces, line
        assert {
            watermark.rstrip("-") for watermark in re.findall(r"[ ,]agent-cancellation/([a-z-]+)", line)
        } <= marks, line
        named = re.findall(r"(?<!create) (?:configmap|cronworkflow|sensor) ([a-z-]+)", line)
        assert {name for name in named if not name.startswith("task-")} <= objects, line


SETTINGS = {table.name: {*table.keys, *table.shorthand} for table in setting_tables()}
# Decisions and the changelog also name keys of earlier versions.
INSTRUCTIONS = [each for each in DOCUMENTS if each.parent.name != "decisions" and each.name != "CHANGELOG.md"]


def unknown_settings(text: str) -> set[str]:
    """Names in code that have the form of a setting, and are none."""
    found = re.findall(r"`(\w+)\.(?!py`)(\w+)(?:\.\w+)*(?: = [^`]*)?`", text)
    return {f"{table}.{key}" for table, key in found if table in SETTINGS and key not in SETTINGS[table]}


@pytest.mark.parametrize("document", INSTRUCTIONS, ids=title)
def test_every_setting_that_a_page_names_exists(document: Path) -> None:
    assert unknown_settings(document.read_text()) == set()


def test_a_setting_that_is_gone_is_found() -> None:
    text = "`push.branch`, `stop.grace_s`, `stop.grace = 3`, `events.py`, `workflow.limits.cpu`, `kubectl.x`"
    assert unknown_settings(text) == {"push.branch", "stop.grace"}


def test_the_operations_page_has_commands_to_look_at() -> None:
    """Otherwise the two tests above could not fail."""
    assert len(console_lines(ROOT / "docs" / "operations.md")) > 30


def test_every_threat_names_its_test_or_says_that_it_is_not_held() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", (ROOT / "docs" / "threat-model.md").read_text(), re.MULTILINE)
    threats = [row for row in rows if row[0] != "threat"]
    assert len(threats) > 30
    for threat, _, shown in threats:
        assert shown == "*not held*" or re.search(r"`tests/[\w/]+\.py(::test_\w+)?`", shown), threat


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_link_to_a_section_finds_its_heading(document: Path) -> None:
    for target, section in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text()):
        page_linked = document.parent / target if target else document
        headings = re.findall(r"^#+ (.*)$", page_linked.read_text(), re.MULTILINE)
        assert section in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, section


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = [*re.findall(r"`([^`\n]+)`", document.read_text()), *console_lines(document)]
    assert {name for line in code for name in re.findall(r"^make ([a-z0-9-]+)", line)} <= targets


def test_the_exit_codes_that_are_explained_are_the_steps_own() -> None:
    section = (ROOT / "docs" / "guarantees.md").read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \|", section, re.MULTILINE)
    assert [int(row) for row in rows] == [code for code in Exit if code is not Exit.BUG]


def test_what_the_page_on_github_enterprise_sets_can_be_rendered() -> None:
    values = tomllib.loads(whole_text())
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "github-enterprise.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    for block in map(tomllib.loads, blocks):
        values["github"] |= block["github"]
    assert "corporate-ca" in str(render_files(load_settings(Settings, values, source="the page")))


def test_each_message_that_the_page_on_github_enterprise_quotes_exists() -> None:
    quoted = re.findall(r"^\| \*(.+)\* \|", (ROOT / "docs" / "github-enterprise.md").read_text(), re.MULTILINE)
    assert len(quoted) == 9
    said = (
        (ROOT / "steps" / "github" / "connection.py")
        .read_text()
        .replace("{CA_BUNDLE_VARIABLES[0]}", "REQUESTS_CA_BUNDLE")
    )
    assert [each for each in quoted if each not in said] == []


def test_the_settings_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page()


@pytest.mark.parametrize("text", [default_text(), example_text()], ids=["defaults", "example"])
def test_the_comments_in_the_packaged_files_are_what_the_code_says(text: str) -> None:
    assert refresh_comments(text) == text


def test_every_setting_is_explained() -> None:
    empty = re.findall(r"^\| `(\w+)` \|.*\|\s+\|$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert empty == []


def drawn_layers(text: str) -> dict[str, list[str]]:
    """The layers of each tree in the picture: what stands between the branch and the explanation."""
    drawn: dict[str, list[str]] = {}
    for line in text.partition("```text\n")[2].partition("```")[0].splitlines():
        if tree := re.match(r"(\w+)/", line):
            drawn[tree[1]] = layers = []
        elif layer := re.match(r" [├└]─ (\w+(?: \| \w+)*)  ", line):
            layers.append(layer[1])
    return drawn


def test_the_picture_of_the_layers_is_what_the_linter_enforces() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    enforced = {each["containers"][0]: each["layers"] for each in contracts if each["type"] == "layers"}
    assert len(enforced) == 2
    assert drawn_layers((ROOT / "docs" / "architecture.md").read_text()) == enforced


def test_two_packages_of_one_layer_are_read_from_the_picture_as_one_layer() -> None:
    picture = "```text\nsteps/   in the image\n ├─ agents | pull_request   runs │ labels\n └─ core   errors\n```"
    assert drawn_layers(picture) == {"steps": ["agents | pull_request", "core"]}


def test_the_glossary_is_short_sorted_and_each_term_is_explained_once() -> None:
    glossary = (ROOT / "docs" / "architecture.md").read_text().partition("## Glossary")[2]
    terms = [term for term in re.findall(r"^\| ([a-z ]+) \| \S", glossary, re.MULTILINE) if term != "term"]
    assert 20 <= len(terms) <= 25
    assert terms == sorted(set(terms))


def test_the_guide_for_contributors_names_files_to_touch_for_each_kind_of_change() -> None:
    sections = (ROOT / "CONTRIBUTING.md").read_text().split("\n## ")
    named = {part.partition("\n")[0]: named_paths(part) for part in sections if part.startswith("How to add")}
    assert set(named) == {
        "How to add an agent kind",
        "How to add an alert",
        "How to add a doctor check",
        "How to add a setting",
    }
    assert all(len(paths) >= 3 for paths in named.values())
