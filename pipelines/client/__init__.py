"""Clients for a laptop: kubeconfig, GitHub, Argo Server, submission, reconcile, and the status of tasks."""

from pipelines.client.argo_connection import argo_server_from_env
from pipelines.client.argo_controller import config_map_name, managed_namespace, read_setting, read_table
from pipelines.client.github import PersonalGitHub, connect_app, connect_github
from pipelines.client.kubeconfig import context_name, kube_client, kubeconfig_transport, server_time
from pipelines.client.person import UNKNOWN, login_name
from pipelines.client.push_lookup import find_push
from pipelines.client.reconcile_pass import reconcile_context
from pipelines.client.status_reading import read_task_statuses
from pipelines.client.submission import Cluster, KubernetesApi, SubmissionResult, wait_for_workflow
from pipelines.client.task_status import TaskPhase, TaskStatus, task_status_json
from pipelines.client.wording import age, counted, describe_labels, describe_run

__all__ = [
    "UNKNOWN",
    "Cluster",
    "KubernetesApi",
    "PersonalGitHub",
    "SubmissionResult",
    "TaskPhase",
    "TaskStatus",
    "age",
    "argo_server_from_env",
    "config_map_name",
    "connect_app",
    "connect_github",
    "context_name",
    "counted",
    "describe_labels",
    "describe_run",
    "find_push",
    "kube_client",
    "kubeconfig_transport",
    "login_name",
    "managed_namespace",
    "read_setting",
    "read_table",
    "read_task_statuses",
    "reconcile_context",
    "server_time",
    "task_status_json",
    "wait_for_workflow",
]
