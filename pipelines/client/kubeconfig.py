"""A cluster as a laptop reaches it: by the kubeconfig, with its user's rights, dated by the API server's own clock.

Guarantees nothing that steps.kube.client does not; it only finds the way there.
"""

from __future__ import annotations

import io
import os
import random
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yaml import YAMLError

from steps.core import BadInputError, SystemClock
from steps.kube import Kube, KubernetesTransport, connect_kubernetes
from steps.telemetry import Audit, Log

if TYPE_CHECKING:
    from datetime import datetime

    from steps.kube import Transport
    from steps.settings import StepSettings


def kubeconfig_transport() -> KubernetesTransport:
    """Connect as KUBECONFIG says, or as the usual file does.

    Raises:
        BadInputError: There is no such file, or it says no cluster.
    """
    file = os.environ.setdefault("KUBECONFIG", str(Path.home() / ".kube" / "config"))
    advice = "set KUBECONFIG to a kubeconfig with a current context, as kubectl uses it"
    try:
        return connect_kubernetes()
    except BadInputError as error:
        raise BadInputError(f"no way to a cluster: {error.__cause__}: {advice} (now {file})") from error
    except (YAMLError, TypeError, AttributeError, LookupError, ValueError) as error:
        # The client's own text can quote the file.
        raise BadInputError(f"no way to a cluster: {file} is no kubeconfig: {advice}") from error


def silent_audit() -> Audit:
    """An audit for whom the servers' own logs name as a person."""
    return Audit(log=Log(clock=SystemClock(), stream=io.StringIO()))


def kube_client(settings: StepSettings, *, by: Transport, log: Log | None = None) -> Kube:
    """The API server.

    Args:
        settings: How it is asked.
        by: The way there.
        log: Where each write is told; None for nowhere.
    """
    clock = SystemClock()
    audit = Audit(log=log) if log else silent_audit()
    return Kube(transport=by, clock=clock, settings=settings.kubernetes, random=random.random, audit=audit)


def server_time(by: Transport, *, timeout_s: float) -> datetime:
    """The API server's time, as its answers are dated; our own if they are not.

    Raises:
        UnavailableError: It does not answer.
    """
    answer = by.send(method="GET", target="/version", headers={}, body=None, timeout_s=timeout_s)
    dated = answer.headers.get("date")
    return parsedate_to_datetime(dated).astimezone(UTC) if dated else SystemClock().now()
