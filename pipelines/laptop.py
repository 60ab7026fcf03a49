"""A cluster as a laptop reaches it: by the kubeconfig, with its user's rights, dated by the API server's own clock.

Guarantees nothing that steps.kube does not; it only finds the way there.
"""

from __future__ import annotations

import io
import os
import random
import sys
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yaml import YAMLError

from steps.audit import Audit
from steps.clock import SystemClock
from steps.errors import BadInputError
from steps.kube import Kube
from steps.log import Log
from steps.transport import KubernetesTransport, connect

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from steps.kube import Transport
    from steps.settings import StepSettings


# What is piped or logged is not folded to the width of somebody's terminal.
_WIDTH = 150


def console(*, width: int = _WIDTH) -> Console:
    """Where tables for people go: plain text without a terminal, or if NO_COLOR is set.

    Args:
        width: Columns, if there is no terminal that says.
    """
    from rich.console import Console  # noqa: PLC0415 - what prints JSON does without

    return Console(width=None if sys.stdout.isatty() else width, markup=False, highlight=False)


def transport() -> KubernetesTransport:
    """Connect as KUBECONFIG says, or as the usual file does.

    Raises:
        BadInputError: There is no such file, or it says no cluster.
    """
    file = os.environ.setdefault("KUBECONFIG", str(Path.home() / ".kube" / "config"))
    advice = "set KUBECONFIG to a kubeconfig with a current context, as kubectl uses it"
    try:
        return connect()
    except BadInputError as error:
        raise BadInputError(f"no way to a cluster: {error.__cause__}: {advice} (now {file})") from error
    except (YAMLError, TypeError, AttributeError, LookupError, ValueError) as error:
        # The client's own text can quote the file.
        raise BadInputError(f"no way to a cluster: {file} is no kubeconfig: {advice}") from error


def silent() -> Audit:
    """An audit for whom the servers' own logs name as a person."""
    return Audit(log=Log(clock=SystemClock(), stream=io.StringIO()))


def kube(settings: StepSettings, *, by: Transport, log: Log | None = None) -> Kube:
    """The API server.

    Args:
        settings: How it is asked.
        by: The way there.
        log: Where each write is told; None for nowhere.
    """
    clock = SystemClock()
    audit = Audit(log=log) if log else silent()
    return Kube(transport=by, clock=clock, rules=settings.kubernetes, random=random.random, audit=audit)


def server_time(by: Transport, *, timeout_s: float) -> datetime:
    """The API server's time, as its answers are dated; our own if they are not.

    Raises:
        UnavailableError: It does not answer.
    """
    answer = by.send(method="GET", target="/version", headers={}, body=None, timeout_s=timeout_s)
    dated = answer.headers.get("date")
    return parsedate_to_datetime(dated).astimezone(UTC) if dated else SystemClock().now()
