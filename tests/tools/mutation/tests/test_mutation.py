"""The list of survivors, and what is made of a run: the run itself takes too long for here (`make mutants`)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.tools.mutation import __main__, report, survivors
from tests.tools.mutation.mutants import Outcome, changed, digest, place
from tests.tools.mutation.survivors import Mutant, Reason, compare
from tests.tools.mutation.targets import ROOT, TARGETS, file_of_test, source_of

ONE = Mutant(place="lease.task_lease.TaskLease.adopt", was="a < b", now="a <= b")
OTHER = Mutant(place="lease.lease_object.lease_body", was='x = ""', now="x = 'it''s'")
WHY = Reason(text="The same either way.", mutants=(ONE,))


def test_a_survivor_without_a_reason_and_a_reason_without_a_survivor_are_found() -> None:
    found = compare([OTHER], explained=[WHY], modules=["lease.task_lease", "lease.lease_object"])
    assert (found.unexplained, found.outdated) == ((OTHER,), (ONE,))
    found = compare([ONE], explained=[WHY], modules=["lease.task_lease", "lease.lease_object"])
    assert (found.unexplained, found.outdated) == ((), ())


def test_a_module_that_was_not_run_has_no_outdated_reasons() -> None:
    assert compare([], explained=[WHY], modules=["lease.lease_object"]).outdated == ()


def test_two_mutants_of_equal_text_need_two_reasons() -> None:
    assert compare([ONE, ONE], explained=[WHY], modules=["lease.task_lease"]).unexplained == (ONE,)


@pytest.mark.parametrize("mutant", [ONE, OTHER, Mutant(place="a.b", was='"\\n\'"', now="")])
def test_a_reported_mutant_can_be_pasted_into_the_list(mutant: Mutant, tmp_path: Path) -> None:
    file = tmp_path / "survivors.toml"
    file.write_text(f"[[because]]\nreason = 'r'\nmutants = [\n{mutant.as_toml()}\n]\n")
    assert survivors.read(file) == (Reason(text="r", mutants=(mutant,)),)


def test_each_line_that_a_survivor_changes_is_still_in_the_code() -> None:
    for reason in survivors.read():
        assert reason.text.strip()
        assert reason.mutants
        for mutant in reason.mutants:
            lines = (ROOT / source_of(mutant.module)).read_text().splitlines()
            assert mutant.was in " ".join(line.strip() for line in lines), mutant


def test_each_target_is_a_module_and_each_of_its_tests_a_file() -> None:
    for module, tests in TARGETS.items():
        assert (ROOT / source_of(module)).is_file()
        assert all((ROOT / file_of_test(name)).is_file() for name in tests)


def test_a_mutant_is_named_after_its_function_and_its_text() -> None:
    assert place("steps.lease.task_lease.xǁTaskLeaseǁ_age_s__mutmut_3") == "lease.task_lease.TaskLease._age_s"
    assert place("steps.lease.lease_object.x_lease_name__mutmut_11") == "lease.lease_object.lease_name"
    shown = "# n: survived\n--- steps/a.py\n+++ steps/a.py\n@@ -1,2 +1,2 @@\n def f():\n-  a = (\n-    1)\n+  a = 2\n"
    assert changed(shown) == ("a = ( 1)", "a = 2")


def test_the_document_keeps_the_rows_of_modules_that_were_not_run() -> None:
    lease = Outcome(module="lease.task_lease", code="0a", killed=6, types=2, timeout=1, survived=(ONE,))
    held = Outcome(module="lease.held_lease", code="0b", killed=2, types=0, timeout=0, survived=())
    first = report.document([lease], before="", explained=[WHY])
    assert "| `steps/lease/task_lease.py` | 10 | 6 | 2 | 1 | 1 | 90.0% | 0a |" in first
    both = report.document([held], before=first, explained=[WHY])
    assert set(report.rows_of(both)) == {"lease.task_lease", "lease.held_lease"}
    assert report.document([held, lease], before="", explained=[WHY]) == both
    assert "- The same either way. (lease.task_lease 1)\n" in both


def test_the_row_of_an_explained_module_is_written_although_another_one_is_not_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survived = {"lease.task_lease": (ONE,), "lease.lease_object": (OTHER,)}

    def run(module: str, **_: object) -> Outcome:
        return Outcome(module=module, code="0a", killed=1, types=0, timeout=0, survived=survived[module])

    written = partial(report.write, file=tmp_path / "mutation.md")
    monkeypatch.setattr(report, "write", written)
    monkeypatch.setattr(survivors, "read", lambda: (WHY,))
    monkeypatch.setattr(__main__, "run", run)
    monkeypatch.setattr("sys.argv", ["mutation", "--write", "lease.lease_object", "lease.task_lease"])
    assert __main__.main() == 1
    assert set(report.rows_of((tmp_path / "mutation.md").read_text())) == {"lease.task_lease"}
    assert OTHER.as_toml() in capsys.readouterr().out


def test_a_module_counts_as_changed_only_if_its_code_has_changed() -> None:
    module = "lease.task_lease"
    source = (ROOT / source_of(module)).read_text()
    outcome = Outcome(module=module, code=digest(source), killed=1, types=0, timeout=0, survived=())
    assert module not in report.changed_modules(report.document([outcome], before="", explained=[]))
    older = replace(outcome, code=digest(f"{source}\nANOTHER = 1\n"))
    assert module in report.changed_modules(report.document([older], before="", explained=[]))
    assert report.changed_modules("") == list(TARGETS)


def test_comments_docstrings_and_layout_do_not_change_a_digest() -> None:
    first = digest('def one() -> int:\n    """One."""\n    return 1\n')
    assert digest('# Why.\ndef one() -> int:\n    """Another text."""\n\n    return (1)\n') == first
    assert digest('def one() -> int:\n    """One."""\n    return 2\n') != first


def test_the_document_has_every_module_and_the_list_of_survivors() -> None:
    explained = survivors.read()
    text = report.DOCUMENT.read_text()
    assert text == report.document([], before=text, explained=explained)
    rows = report.rows_of(text)
    assert set(rows) == set(TARGETS)
    listed = Counter(mutant.module for reason in explained for mutant in reason.mutants)
    assert {module: int(line.split(" | ")[5]) for module, line in rows.items()} == {
        name: listed[name] for name in TARGETS
    }
