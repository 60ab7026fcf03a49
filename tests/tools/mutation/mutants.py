"""One module, mutated: mutmut run in a copy of the repository, and what came of each mutant.

Guarantees that nothing is written in the repository. A mutant that mypy refuses counts as noticed, since `make check`
would not let it pass; one that runs into mutmut's time limit does, too. Does not judge: whether a survivor may survive
is for tests.tools.mutation.survivors to say.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tools.mutation.survivors import Mutant
from tests.tools.mutation.targets import ROOT, TARGETS, file_of_test, source_of

# What the tests read; all else there is of no concern here, or large.
_NEEDED = ("steps", "tests", "pipelines", "rendered", "docs")
_FILES = ("pyproject.toml", "settings.toml", "README.md", "CHANGELOG.md", "Makefile")
_SKIPPED = shutil.ignore_patterns("__pycache__", ".*", "node_modules")
# mutmut's exit codes, of pytest and its own.
_KILLED, _TYPES, _TIMEOUT = {1, 3}, {37}, {24, -24, 36, 152, 255}

# What mypy says of mutmut's scaffolding, which repeats each method for each of its mutants.
_SCAFFOLDING = ("--no-warn-unused-ignores", "--disable-error-code", "no-redef")


class MutationError(Exception):
    """mutmut could not do its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the mutants of one module.

    Attributes:
        killed: A test failed.
        types: mypy refused them.
        timeout: The tests did not come to an end.
        survived: Nothing noticed, or no test reaches the function.
        code: Digest of the code that was mutated.
    """

    module: str
    code: str
    killed: int
    types: int
    timeout: int
    survived: tuple[Mutant, ...]

    @property
    def mutants(self) -> int:
        """How many there were."""
        return self.killed + self.types + self.timeout + len(self.survived)


def run(module: str, *, parallel: int) -> Outcome:
    """Mutate one module and run its tests on each mutant.

    Args:
        module: A key of `TARGETS`.
        parallel: Mutants that are tested side by side.

    Raises:
        MutationError: mutmut failed, or left a mutant unjudged.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        for name in _NEEDED:
            shutil.copytree(ROOT / name, copy / name, ignore=_SKIPPED)
        for name in _FILES:
            shutil.copy(ROOT / name, copy)
        with (copy / "pyproject.toml").open("a") as file:
            file.write(_configuration(module))
        _mutmut("run", "--max-children", str(parallel), copy=copy, shown=True)
        codes = json.loads((copy / "mutants" / f"{source_of(module)}.meta").read_text())["exit_code_by_key"]
        return _outcome(module, codes, copy=copy)


def _configuration(module: str) -> str:
    """Settings of mutmut. Hypothesis draws the same examples each time: a survivor may not depend on luck."""
    settings = {
        "source_paths": ["steps"],
        "only_mutate": [str(source_of(module))],
        "also_copy": [name for name in (*_NEEDED, *_FILES) if name not in ("steps", "tests", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": [str(file_of_test(name)) for name in TARGETS[module]],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "--hypothesis-seed=0"],
        # A line that does nothing but log: its words are for people.
        "do_not_mutate_patterns": [r"^\s*(context|self)\._?log\.(info|warning|error|unexpected)\(.*\)$"],
        "type_check_command": ["mypy", "steps", "--output", "json", *_SCAFFOLDING],
    }
    return "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def _outcome(module: str, codes: dict[str, int | None], *, copy: Path) -> Outcome:
    unjudged = [name for name, code in codes.items() if code is None]
    if unjudged or not codes:
        raise MutationError(f"{module}: mutmut has not judged {', '.join(unjudged) or 'anything'}")
    counted = Counter(
        "killed" if code in _KILLED else "types" if code in _TYPES else "timeout" if code in _TIMEOUT else "survived"
        for code in codes.values()
    )
    noticed = _KILLED | _TYPES | _TIMEOUT
    survived = [_mutant(name, copy=copy) for name, code in codes.items() if code not in noticed]
    return Outcome(
        module=module,
        code=digest((copy / source_of(module)).read_text()),
        killed=counted["killed"],
        types=counted["types"],
        timeout=counted["timeout"],
        survived=tuple(sorted(survived)),
    )


def digest(source: str) -> str:
    """Eight hexadecimal digits that change with the code of a module, not with its comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            body[0] = ast.Pass()
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:8]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _mutant(name: str, *, copy: Path) -> Mutant:
    """A mutant by its text, from the name that mutmut gave it."""
    return Mutant(
        place=place(name), **dict(zip(("was", "now"), changed(_mutmut("show", name, copy=copy)), strict=True))
    )


def place(name: str) -> str:
    """Where a mutant is: `steps.a.b.xǁClassǁmethod__mutmut_3` is in `a.b.Class.method`."""
    module, _, mangled = name.removeprefix("steps.").rpartition(".")
    function = mangled.rpartition("__mutmut_")[0]
    return f"{module}." + re.sub(r"^x_|^xǁ", "", function).replace("ǁ", ".")


def changed(difference: str) -> tuple[str, str]:
    """What a unified diff takes away, and what it puts there, each in one line."""
    lines = difference.splitlines()

    def texts(sign: str) -> Iterator[str]:
        return (line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(sign * 3))

    return " ".join(texts("-")), " ".join(texts("+"))


def _mutmut(*words: str, copy: Path, shown: bool = False) -> str:
    """Run mutmut in the copy; its progress goes to a person's terminal, if there is one."""
    with_others = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{with_others}{os.pathsep}{os.environ['PATH']}"}
    out = None if shown and sys.stdout.isatty() else subprocess.PIPE
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=copy,
        env=env,
        stdout=out,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MutationError(f"mutmut {words[0]} ended with {done.returncode}: {(done.stdout or '')[-2000:]}")
    return done.stdout or ""
