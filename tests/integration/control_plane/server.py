"""A real etcd, kube-apiserver and kube-controller-manager on free ports of the loopback interface.

Guarantees: RBAC is on, service account tokens are issued and checked, garbage collection and Jobs are the real ones;
the processes end with the context that started them, or with this process.
Not guaranteed: nodes, a scheduler or a kubelet; pods stay Pending unless a test acts for those.
"""

import base64
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.doubles.platform.client import Client
from tests.integration.control_plane.binaries import Binaries, find
from tests.integration.control_plane.commands import LOOPBACK, apiserver_command, etcd_command, manager_command
from tests.integration.control_plane.pki import Authority, Pair, signing_pair
from tests.integration.control_plane.processes import Process, StartError, free_ports, process, wait

MASTERS = "system:masters"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """A cluster to test against: one that was started here, or one that was given."""

    kubeconfig: Path
    etcd_url: str | None = None

    def client(self, *, user_agent: str = "tests") -> Client:
        """Connect as the administrator."""
        return Client.from_kubeconfig(self.kubeconfig, user_agent=user_agent)

    def service_account_kubeconfig(self, namespace: str, name: str, path: Path) -> Path:
        """Write a kubeconfig with a fresh token of a service account, and return its path."""
        client = self.client()
        target = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        token = client.ask("POST", target, request)["status"]["token"]
        client.close()
        content = json.loads(self.kubeconfig.read_text()) if self.etcd_url else load_yaml(self.kubeconfig)
        content["users"] = [{"name": each["name"], "user": {"token": token}} for each in content["users"]]
        for each in content["contexts"]:
            each["context"]["namespace"] = namespace
        path.touch(mode=0o600)
        path.write_text(json.dumps(content))
        return path

    def compact(self) -> None:
        """Make etcd forget all history, so that old watches and continue tokens expire.

        Raises:
            StartError: The cluster was given, so its etcd must not be compacted by a test.
        """
        if self.etcd_url is None:
            raise StartError("the history of a given cluster cannot be compacted")
        pool = urllib3.PoolManager(retries=False, timeout=10.0)
        key = base64.b64encode(b"\0").decode()
        header = pool.request("POST", f"{self.etcd_url}/v3/kv/range", json={"key": key}).json()["header"]
        answer = pool.request("POST", f"{self.etcd_url}/v3/kv/compaction", json={"revision": header["revision"]})
        pool.clear()
        if answer.status != 200:
            raise StartError(f"etcd did not compact: {answer.data!r}")


def load_yaml(path: Path) -> dict[str, list[dict[str, dict[str, str]]]]:
    """Read a kubeconfig somebody else wrote."""
    import yaml  # noqa: PLC0415 - only needed for given clusters

    content: dict[str, list[dict[str, dict[str, str]]]] = yaml.safe_load(path.read_text())
    return content


@contextmanager
def run(
    *, binaries: Binaries | None = None, prepare: Callable[[Client], None] = lambda _: None
) -> Iterator[ControlPlane]:
    """Start a control plane, yield it when it is ready, stop it.

    `prepare` is called before the controllers start: the garbage collector looks for new kinds only every 30 s.

    Raises:
        StartError: It did not start within the deadline.
    """
    programs = binaries or find()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="control-plane-")))
        client_port, peer_port, secure_port = free_ports(3)
        authority, tokens = Authority(folder), signing_pair(folder)
        serving = authority.issue("kube-apiserver", file_name="apiserver")
        admin = authority.issue("admin", organisation=MASTERS, file_name="admin")
        url = f"https://{LOOPBACK}:{secure_port}"
        kubeconfig = write_kubeconfig(folder / "admin.kubeconfig", url=url, authority=authority, user=admin)
        etcd_url = f"http://{LOOPBACK}:{client_port}"

        def start(name: str, command: list[str]) -> Process:
            return stack.enter_context(process(name, command, log=folder / f"{name}.log"))

        etcd = start("etcd", etcd_command(programs, folder, etcd_url, f"http://{LOOPBACK}:{peer_port}"))
        apiserver = start(
            "kube-apiserver", apiserver_command(programs, authority, serving, tokens, etcd_url, secure_port)
        )
        plane = ControlPlane(kubeconfig=kubeconfig, etcd_url=etcd_url)
        client = plane.client()
        stack.callback(client.close)
        wait(lambda: client.request("GET", "/readyz").status == 200, processes=[etcd, apiserver])
        prepare(client)
        manager = start("kube-controller-manager", manager_command(programs, authority, tokens, kubeconfig))
        default = "/api/v1/namespaces/default/serviceaccounts/default"
        wait(lambda: client.request("GET", default).status == 200, processes=[manager])
        yield plane


def write_kubeconfig(path: Path, *, url: str, authority: Authority, user: Pair) -> Path:
    """Write a kubeconfig that carries its certificates, so that it may be copied."""
    cluster = {"server": url, "certificate-authority-data": encoded(authority.certificate)}
    credentials = {"client-certificate-data": encoded(user.certificate), "client-key-data": encoded(user.key)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tests", "user": credentials}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        "current-context": "tests",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


def encoded(path: Path) -> str:
    """Return a file's content in base64."""
    return base64.b64encode(path.read_bytes()).decode()


def main() -> None:
    """Run in the foreground until interrupted or terminated."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        with run() as plane:
            sys.stdout.write(f"{plane.kubeconfig}\n")
            sys.stdout.flush()
            signal.pause()
    except KeyboardInterrupt:
        sys.stderr.write("control plane: stopped\n")


if __name__ == "__main__":
    main()
