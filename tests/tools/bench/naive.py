"""A script without this project: the standard library, one list, one DELETE each. No lock, guard, proof or record.

Needs HOST, PORT, NAMESPACE, TASK in its environment, and the paths TOKEN_FILE and CA_FILE of what a pod has mounted.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
from pathlib import Path


def main() -> None:
    """Delete every run of the task."""
    tls = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    server = http.client.HTTPSConnection(os.environ["HOST"], int(os.environ["PORT"]), timeout=10, context=tls)
    headers = {"Authorization": f"Bearer {Path(os.environ['TOKEN_FILE']).read_text()}"}
    runs = f"/apis/agents.platform/v1/namespaces/{os.environ['NAMESPACE']}/coderuns"

    server.request("GET", f"{runs}?labelSelector=task-id={os.environ['TASK']}", headers=headers)
    for run in json.load(server.getresponse())["items"]:
        server.request("DELETE", f"{runs}/{run['metadata']['name']}?propagationPolicy=Foreground", headers=headers)
        answer = server.getresponse()
        answer.read()
        if answer.status not in {200, 202, 404}:
            raise SystemExit(f"DELETE {run['metadata']['name']}: {answer.status}")


if __name__ == "__main__":
    main()
