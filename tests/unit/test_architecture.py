"""The structure of the code: what packages show and what folders hold. `make check` has layers and circles."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = ("steps", "pipelines")
# More, and a folder no longer shows one concern.
MOST_MODULES = 14
# More, and a module is about more than one thing.
MOST_LINES = 200


def modules() -> list[Path]:
    return sorted(path.relative_to(ROOT) for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def package_of(dotted: str) -> str:
    """The package of a module, or the module itself if it is in none: `steps.lease` for `steps.lease.holder`."""
    parts = dotted.split(".")
    inside = len(parts) > 1 and (ROOT / parts[0] / parts[1]).is_dir()
    return ".".join(parts[:2]) if inside else dotted


def imports(module: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """Each import of this project's code, with the names that it takes; lazy imports and those for types included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            if (node.module or "").partition(".")[0] in TREES:
                yield node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names if alias.name.partition(".")[0] in TREES)


def reaches_past(module: Path, text: str) -> list[str]:
    """Imports that go past what another package shows in its `__init__`."""
    own = package_of(".".join(module.with_suffix("").parts))
    found = []
    for target, names in imports(module, text):
        package = package_of(target)
        if package == own:
            continue
        if package != target:
            found.append(f"{module} imports {target}")
        elif (ROOT / Path(*package.split("."))).is_dir() and package.count(".") == 1:
            shown = public_names(package)
            found += [f"{module} imports {name} of {package}" for name in names if name not in shown]
    return found


def public_names(package: str) -> set[str]:
    tree = ast.parse((ROOT / Path(*package.split(".")) / "__init__.py").read_text())
    (named,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return set(ast.literal_eval(named))


@pytest.mark.parametrize("module", modules(), ids=str)
def test_no_module_imports_what_a_package_does_not_export(module: Path) -> None:
    assert reaches_past(module, (ROOT / module).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "from steps.lease.holder import Holder",
        "import steps.lease.holder",
        "from steps.lease import holder",
        "def lazily():\n    from steps.github.rest import RestClient",
        "if TYPE_CHECKING:\n    from steps.domain.push import Push",
    ],
)
def test_an_import_of_what_a_package_does_not_export_is_found(line: str) -> None:
    assert reaches_past(Path("steps/agents/runs.py"), line)


def test_what_a_package_exports_is_used_and_exists() -> None:
    used: dict[str, set[str]] = {}
    for module in modules():
        for target, names in imports(module, (ROOT / module).read_text()):
            if package_of(".".join(module.with_suffix("").parts)) != target:
                used.setdefault(target, set()).update(names)
    for folder in (path.parent for path in modules() if path.name == "__init__.py" and len(path.parts) == 3):
        package = ".".join(folder.parts)
        if "__all__" in (ROOT / folder / "__init__.py").read_text():
            assert public_names(package) - used.get(package, set()) == set(), package


def test_no_folder_holds_more_modules_than_one_concern_has() -> None:
    counted: dict[Path, int] = {}
    for module in modules():
        counted[module.parent] = counted.get(module.parent, 0) + (module.name != "__init__.py")
    assert {str(folder): count for folder, count in counted.items() if count > MOST_MODULES} == {}


def test_no_module_is_longer_than_one_thing_takes() -> None:
    lines = {str(module): len((ROOT / module).read_text().splitlines()) for module in modules()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_each_package_says_what_it_is_for() -> None:
    for module in modules():
        if module.name == "__init__.py":
            assert ast.get_docstring(ast.parse((ROOT / module).read_text())), module


def borrowed(module: Path, text: str) -> list[str]:
    """Imports of a test module, wherever in the file; what tests share is in tests/support and in conftest.py."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            dotted = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        else:
            continue
        found += [f"{module} imports {name}" for name in dotted if re.search(r"(?:^|\.)test_\w+(?:\.|$)", name)]
    return found


def reads_own_settings(text: str) -> bool:
    return re.search(r"""ROOT / ["']settings\.toml|Path\(["']settings\.toml["']\)\.(?:read|open)""", text) is not None


def test_no_test_and_no_generated_page_reads_the_users_own_settings() -> None:
    """They play the packaged files, so a user may write anything into settings.toml."""
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "pipelines" / "settings_docs").rglob("*.py")]
    found = [path for path in files if path != Path(__file__) and reads_own_settings(path.read_text())]
    assert found == []
    assert reads_own_settings('(ROOT / "settings.toml").read_text()')
    assert reads_own_settings('Path("settings.toml").read_text()')


def test_no_module_imports_from_a_test_module() -> None:
    modules = sorted((ROOT / "tests").rglob("*.py"))
    assert [each for module in modules for each in borrowed(module, module.read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        "from tests.unit.domain.test_watermark import record",
        "from tests.unit.domain import test_watermark",
        "import tests.scenarios.test_kinds as kinds",
        "def lazily():\n    from tests.unit.domain.test_watermark import record",
    ],
)
def test_an_import_of_a_test_module_is_found(line: str) -> None:
    assert borrowed(Path("tests/unit/lease/test_task_lease.py"), line)
