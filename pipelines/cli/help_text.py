"""The last part of each command's help: examples, environment variables and exit codes.

Guarantees that it imports only the standard library, and that no line is wider than 80 columns. Does not know which
command reads which variable: each command names its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS_VARIABLE = "AGENT_CANCELLATION_SETTINGS"
NAMESPACE_VARIABLE = "AGENT_CANCELLATION_NAMESPACE"
CONTEXT_VARIABLE = "AGENT_CANCELLATION_CONTEXT"

VARIABLES = {
    SETTINGS_VARIABLE: "the settings file, as --settings",
    NAMESPACE_VARIABLE: "the namespace, as --namespace",
    CONTEXT_VARIABLE: "the kubeconfig's context, as --context",
    "KUBECONFIG": "the kubeconfig (~/.kube/config)",
    "GITHUB_TOKEN": "a token for GitHub",
    "ARGO_SERVER": "host:port of Argo Server; unused with --context",
    "HTTPS_PROXY": "a proxy, with NO_PROXY, for GitHub",
    "REQUESTS_CA_BUNDLE": "certificates of your own for GitHub",
    "NO_COLOR": "no colours",
}
# What every command that asks the API server reads.
CLUSTER_VARIABLES = (SETTINGS_VARIABLE, NAMESPACE_VARIABLE, CONTEXT_VARIABLE, "KUBECONFIG", "NO_COLOR")
# What can end every command.
COMMON_EXITS = {2: "wrong command line", 65: "bad input or settings"}
# What an API server or GitHub can answer.
REMOTE_EXITS = COMMON_EXITS | {75: "it did not answer, try again", 77: "forbidden"}


def closing_text(*, examples: Sequence[str], variables: Sequence[str], exits: dict[int, str]) -> str:
    """Write the last part of a command's help.

    Args:
        examples: Command lines, without the program's name.
        variables: Names of environment variables that the command reads.
        exits: What each exit code means.
    """
    lines = ["examples:", *(f"  agent-cancellation {each}" for each in examples)]
    if variables:
        lines += ["", "environment variables:", *(f"  {each:<29} {VARIABLES[each]}" for each in variables)]
    lines += ["", "exit codes:", *(f"  {code:<3} {about}" for code, about in sorted(exits.items()))]
    return "\n".join(lines)
