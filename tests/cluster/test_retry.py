"""A Workflow that failed, and a person who retries it: in the UI, whose requests these are, or by `argo retry`."""

from __future__ import annotations

import pytest

from tests.cluster.argo_client import person
from tests.cluster.programs import programs
from tests.cluster.stage import Stage
from tests.doubles.github import fail
from tests.doubles.platform.controller import job_name


@pytest.mark.parametrize("by", ["server", "command"])
def test_a_retry_finishes_what_failed(stage: Stage, by: str) -> None:
    run = stage.agent()
    stage.github.fault(fail(401), method="GET", path="/pulls$")
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    failed = stage.finished(delivery)
    assert failed["status"]["phase"] == "Failed"
    record = stage.record()
    assert (record["phase"], record["attempts"]) == ("failed", 1)
    assert "renew the Secret" in record["errors"][-1]
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.labels() == {"ready-for-qa"}
    assert stage.witness.when("SIGTERM", job_name(run)) is None

    argo = person(stage.cluster, command=programs().workflows / "argo")
    argo.retry(failed["metadata"]["name"], by=by)

    stage.until(lambda: stage.phase(delivery) != "Failed", what="the retry has begun")
    assert stage.finished(delivery)["status"]["phase"] == "Succeeded"
    record = stage.record()
    assert (record["phase"], record["attempts"], record["labels"]) == ("completed", 2, "moved")
    assert stage.runs() == set()
    assert stage.witness.when("SIGTERM", job_name(run)) is not None
    assert stage.labels() == {"remediation-in-progress"}
