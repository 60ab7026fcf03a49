"""Reads a kubeconfig with the `kubernetes` library: contexts, exec plugins, client certificates, proxies.

The library ignores `as:`, so the headers of another identity are made here, as kubectl makes them.

Guarantees that the library only finds the server and the credentials, and renews them; that requests go the same way as
those of a pod, and none goes without the credentials of an exec plugin; and that no error quotes a credential or a
proxy's password. Not in the image: nothing may import this module unless KUBECONFIG is set.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from steps.core import BadInputError
from steps.kube.http_transport import KubernetesTransport

if TYPE_CHECKING:
    from collections.abc import Iterator


_AS, _AS_UID, _AS_GROUPS, _AS_EXTRA = "as", "as-uid", "as-groups", "as-user-extra"
_REMOVED_PROVIDERS = ("gcp", "azure")
_MOST_TEXT = 1000


class _Messages(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.texts.append(record.getMessage())


@contextmanager
def _kept_messages() -> Iterator[list[str]]:
    """Keep what the library logs, which without a handler would print it."""
    root, kept = logging.getLogger(), _Messages()
    root.addHandler(kept)
    try:
        yield kept.texts
    finally:
        root.removeHandler(kept)


class _Loader(KubeConfigLoader):
    """The library's reader of one context, with the fields of its user."""

    def _load_from_exec_plugin(self) -> bool | None:
        """Run the user's exec plugin. If it fails, the library logs why, and would go on without credentials.

        Raises:
            BadInputError: The plugin gave no credentials.
        """
        plugin = self.user().get("exec")
        if not plugin:
            return None
        with _kept_messages() as messages:
            loaded: bool | None = super()._load_from_exec_plugin()  # type: ignore[no-untyped-call]
        if not loaded:
            raise BadInputError(_plugin_failure(plugin, messages=messages))
        return True

    def user(self) -> dict[str, Any]:
        """Return the fields of the context's user."""
        return self._user.value if self._user else {}


def _plugin_failure(plugin: dict[str, Any], *, messages: list[str]) -> str:
    """Say why a plugin gave no credentials. Its stderr is shown, as by kubectl. Its arguments may hold a credential."""
    name = f"the exec plugin {plugin.get('command')} of the kubeconfig's user"
    text = " ".join(" ".join(messages).split())
    if text.startswith("[Errno"):
        hint = " ".join(str(plugin.get("installHint") or "install it, or correct its command").split())
        return f"{name} is not installed, or is not on PATH: {hint[:_MOST_TEXT]}"
    reason = f": {text.removeprefix('exec: ')[:_MOST_TEXT]}" if text.startswith("exec: ") else ""
    return f"{name} gave no credentials{reason} (log in again, or run it by hand to see why)"


def _load(file: str, *, context: str, into: Configuration) -> tuple[tuple[str, str], ...]:
    """Read a context into a configuration, and return the headers of another identity.

    Raises:
        BadInputError: Its user has an auth provider that Kubernetes removed, or is incomplete.
        ConfigException: The file names no cluster.
        ValueError: A value is malformed.
    """
    merged = KubeConfigMerger(file)  # type: ignore[no-untyped-call]
    if merged.config is None:
        raise ConfigException("Invalid kube-config file. No configuration found.")
    loader = _Loader(  # type: ignore[no-untyped-call]
        config_dict=merged.config,
        config_base_path=None,
        active_context=context or None,
        config_persister=merged.save_changes,
    )
    user = loader.user()
    provider = (user.get("auth-provider") or {}).get("name")
    if provider in _REMOVED_PROVIDERS:
        raise BadInputError(
            f"the kubeconfig's user has the auth provider {provider}, which Kubernetes 1.26 removed: let your cloud's "
            "tool write the user again, with an exec plugin (gke-gcloud-auth-plugin, kubelogin)"
        )
    loader.load_and_set(into)  # type: ignore[no-untyped-call]
    return tuple(_impersonation(user))


def _impersonation(user: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers by which the API server takes the request for another identity's."""
    name, uid = (_text(user.get(key) or "") for key in (_AS, _AS_UID))
    groups, extra = user.get(_AS_GROUPS) or [], user.get(_AS_EXTRA) or {}
    if not name and (uid or groups or extra):
        raise BadInputError(f"the kubeconfig's user has {_AS_UID}, {_AS_GROUPS} or {_AS_EXTRA}, but no {_AS}: add it")
    if name:
        yield "Impersonate-User", name
    if uid:
        yield "Impersonate-Uid", uid
    for group in groups:
        yield "Impersonate-Group", _text(group)
    for key, values in extra.items():
        for value in values or []:
            yield f"Impersonate-Extra-{quote(_text(key).lower(), safe='')}", _text(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - as for every malformed value
    return value


def read_kubeconfig(file: str, *, context: str = "") -> KubernetesTransport:
    """Connect to the cluster of a context.

    Args:
        file: One path, or several as in KUBECONFIG. Named because the library keeps the value that KUBECONFIG had at
            its import.
        context: The context; empty for the current one.

    Raises:
        BadInputError: The file names no cluster, or a value is malformed.
        OSError: A file that it names cannot be read.
    """
    configuration = Configuration()
    try:
        identity = _load(file, context=context, into=configuration)
        if (configuration.proxy or "").startswith("socks") and not find_spec("socks"):
            raise BadInputError(
                "the kubeconfig's proxy-url is a SOCKS proxy, which needs the package PySocks: install it beside "
                "agent-cancellation, or give an http:// proxy"
            )
        pool = RESTClientObject(configuration).pool_manager
    except ConfigException as error:
        raise BadInputError(f"no Kubernetes credentials: run in a pod, or set KUBECONFIG ({error})") from error
    except ValueError:
        # The text can quote a token, or a proxy's password.
        raise BadInputError(
            "a value of the kubeconfig is malformed: correct the server, proxy-url and certificates of its cluster, "
            "and the credentials of its user"
        ) from None
    server = urlsplit(configuration.host).netloc.rpartition("@")[2]

    def authorization() -> str:
        return configuration.get_api_key_with_prefix("BearerToken", alias="authorization") or ""

    return KubernetesTransport(
        host=configuration.host,
        pool=pool,
        authorization=authorization,
        identity=identity,
        advice=f" ({server}: is that the cluster you mean, by KUBECONFIG and its context, and can it be reached?)",
    )
