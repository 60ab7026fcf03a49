"""The cluster of the kubeconfig, with its user's rights and the API server's clock.

Guarantees the same as `steps.kube`; this module only finds the connection.
"""

from __future__ import annotations

import io
import os
import random
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from yaml import YAMLError

from steps.core import BadInputError, SystemClock
from steps.kube import Kube, KubernetesTransport, connect_kubernetes
from steps.telemetry import Audit, Log

if TYPE_CHECKING:
    from datetime import datetime

    from steps.kube import Transport
    from steps.settings import StepSettings


def kubeconfig_transport(*, context: str = "") -> KubernetesTransport:
    """Connect with the file that KUBECONFIG names, or with ~/.kube/config.

    Args:
        context: Context of the file; empty for the current one.

    Raises:
        BadInputError: The file is missing, or names no cluster.
    """
    # As for kubectl, an empty variable counts as unset.
    file = os.environ.get("KUBECONFIG") or _default_file()
    os.environ["KUBECONFIG"] = file = _without_empty(file)
    advice = "set KUBECONFIG to a kubeconfig with a current context, as kubectl uses it"
    try:
        return connect_kubernetes(context=context)
    except BadInputError as error:
        if error.__cause__ is None:  # it names its own fix
            raise BadInputError(f"{file}: {error}") from error
        raise BadInputError(f"no cluster configured: {error.__cause__}: {advice} (now {file})") from error
    except (YAMLError, TypeError, AttributeError, LookupError, ValueError) as error:
        # The client's own message can quote the file, with its credentials.
        raise BadInputError(f"no cluster configured: {file} is not a kubeconfig: {advice}") from error


def _without_empty(files: str) -> str:
    """Leave out files without content, as kubectl does; the library refuses them. All of them if none has content."""
    paths = [path for path in files.split(os.pathsep) if path]
    return os.pathsep.join(path for path in paths if not _is_empty(Path(path).expanduser())) or files


def _is_empty(path: Path) -> bool:
    try:
        return path.is_file() and yaml.safe_load(path.read_text(encoding="utf-8")) is None
    except (OSError, ValueError, YAMLError):
        return False


def _default_file() -> str:
    try:
        return str(Path.home() / ".kube" / "config")
    except RuntimeError:  # a user id without a home
        return "~/.kube/config"


def context_name() -> str:
    """Return the name of the current context, for a message; empty if it cannot be read."""
    from kubernetes.config import ConfigException, list_kube_config_contexts  # noqa: PLC0415 - slow

    try:
        _, current = list_kube_config_contexts(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, LookupError, TypeError, ValueError, YAMLError):
        return ""
    return str(current["name"])


def silent_audit() -> Audit:
    """Return an audit that writes nothing: the servers' own audit logs name the person."""
    return Audit(log=Log(clock=SystemClock(), stream=io.StringIO()))


def kube_client(settings: StepSettings, *, transport: Transport, log: Log | None = None) -> Kube:
    """Build a client of the API server.

    Args:
        settings: Time-outs and attempts.
        transport: The connection.
        log: Log for each write; None logs nothing.
    """
    clock = SystemClock()
    audit = Audit(log=log) if log else silent_audit()
    return Kube(transport=transport, clock=clock, settings=settings.kubernetes, random=random.random, audit=audit)


def server_time(transport: Transport, *, timeout_s: float) -> datetime:
    """Read the API server's time from the `Date` of an answer; without one, return the laptop's time.

    Raises:
        UnavailableError: The API server does not answer.
    """
    answer = transport.send(method="GET", target="/version", headers={}, body=None, timeout_s=timeout_s)
    dated = answer.headers.get("date")
    return parsedate_to_datetime(dated).astimezone(UTC) if dated else SystemClock().now()
