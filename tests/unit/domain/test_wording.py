"""The texts of outcomes: every outcome has one."""

from __future__ import annotations

from steps.domain import LABEL_TEXT, OUTCOME_TEXT, LabelOutcome, RunOutcome


def test_every_outcome_of_a_run_has_its_text() -> None:
    assert set(OUTCOME_TEXT) == set(RunOutcome)


def test_every_outcome_of_the_labels_has_its_text() -> None:
    assert set(LABEL_TEXT) == set(LabelOutcome)
