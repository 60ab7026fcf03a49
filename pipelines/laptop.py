"""A cluster as a laptop reaches it: by the kubeconfig, with its user's rights, dated by the API server's own clock.

Guarantees nothing that steps.kube does not; it only finds the way there.
"""

from __future__ import annotations

import io
import os
import random
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from steps.audit import Audit
from steps.clock import SystemClock
from steps.kube import Kube
from steps.log import Log
from steps.transport import KubernetesTransport, connect

if TYPE_CHECKING:
    from datetime import datetime

    from steps.kube import Transport
    from steps.settings import StepSettings


def transport() -> KubernetesTransport:
    """Connect as KUBECONFIG says, or as the usual file does.

    Raises:
        BadInputError: There is no such file, or nothing in it.
    """
    os.environ.setdefault("KUBECONFIG", str(Path.home() / ".kube" / "config"))
    return connect()


def kube(settings: StepSettings, *, by: Transport, log: Log | None = None) -> Kube:
    """The API server.

    Args:
        settings: How it is asked.
        by: The way there.
        log: Where each write is told; None for nowhere, since the API server's own audit log names the person.
    """
    clock = SystemClock()
    audit = Audit(log=log or Log(clock=clock, stream=io.StringIO()))
    return Kube(transport=by, clock=clock, rules=settings.kubernetes, random=random.random, audit=audit)


def server_time(by: Transport, *, timeout_s: float) -> datetime:
    """The API server's time, as its answers are dated; our own if they are not.

    Raises:
        UnavailableError: It does not answer.
    """
    answer = by.send(method="GET", target="/version", headers={}, body=None, timeout_s=timeout_s)
    dated = answer.headers.get("date")
    return parsedate_to_datetime(dated).astimezone(UTC) if dated else SystemClock().now()
