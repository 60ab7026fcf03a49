"""Reads a kubeconfig with the `kubernetes` library: contexts, exec plugins, client certificates, proxies.

Guarantees that the library only finds the server and the credentials, and renews them; requests go the same way as
those of a pod; and that no error quotes a credential or a proxy's password. Not in the image: nothing may import this
module unless KUBECONFIG is set.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException, load_kube_config

from steps.core import BadInputError
from steps.kube.http_transport import KubernetesTransport


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
        load_kube_config(config_file=file, context=context or None, client_configuration=configuration)  # type: ignore[no-untyped-call]
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
        advice=f" ({server}: is that the cluster you mean, by KUBECONFIG and its context, and can it be reached?)",
    )
