"""The platform's side of a test: CodeRuns, the controller that runs them as Jobs, and the nodes that run the pods.

Everything works through `Client`, on the Kubernetes double and on a real API server alike; on the double add a
`JobController`, which a real control plane has itself.
"""

from tests.doubles.platform.client import Client, RefusedError, Reply
from tests.doubles.platform.controller import Cleanup, Controller, job_name
from tests.doubles.platform.crd import CRD
from tests.doubles.platform.job_controller import JobController
from tests.doubles.platform.kubelet import Ending, Kubelet
from tests.doubles.platform.platform import install_crd, put_run, runs_path
from tests.doubles.platform.running import running, settle
from tests.doubles.platform.runs import BLAZE, CLEO, MORGAN, REX, TESS, agent_run

__all__ = [
    "BLAZE",
    "CLEO",
    "CRD",
    "MORGAN",
    "REX",
    "TESS",
    "Cleanup",
    "Client",
    "Controller",
    "Ending",
    "JobController",
    "Kubelet",
    "RefusedError",
    "Reply",
    "agent_run",
    "install_crd",
    "job_name",
    "put_run",
    "running",
    "runs_path",
    "settle",
]
