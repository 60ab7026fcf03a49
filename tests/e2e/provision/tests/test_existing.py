"""What the cluster tier asks of somebody who brings a cluster."""

from __future__ import annotations

import pytest

from tests.e2e.provision.existing import SWITCH, WANTED, given
from tests.e2e.provision.readiness import ClusterError

ENVIRONMENT = {SWITCH: "1"} | {name: f"/some/{name.lower()}" for name in WANTED}


def test_without_the_switch_the_tests_make_a_cluster_of_their_own() -> None:
    assert given({name: value for name, value in ENVIRONMENT.items() if name != SWITCH}) is None


@pytest.mark.parametrize("name", list(WANTED))
def test_what_is_missing_is_named_with_what_it_is_for(name: str) -> None:
    with pytest.raises(ClusterError, match=name) as refused:
        given({key: value for key, value in ENVIRONMENT.items() if key != name})
    assert WANTED[name] in str(refused.value)


def test_what_the_environment_names_is_used() -> None:
    found = given(ENVIRONMENT | {"E2E_ARGO_NAMESPACE": "argo-workflows", "E2E_REFERENCING": "Strict"})
    assert found is not None
    assert (found.argo_namespace, found.referencing) == ("argo-workflows", "Strict")
