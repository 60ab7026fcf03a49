"""A real cluster on this machine: `python -m tests.e2e up|down|status`."""

from __future__ import annotations

import argparse
import json
import sys

from tests.e2e.provision.argo import Options
from tests.e2e.provision.box import BoxError
from tests.e2e.provision.cluster import down, status, up
from tests.e2e.provision.images import ImageError
from tests.e2e.provision.network import NetworkError
from tests.e2e.provision.packages import PackagesMissingError
from tests.e2e.provision.readiness import ClusterError
from tests.e2e.support.installation import KubectlError
from tests.integration.control_plane.binaries import BinariesMissingError

_EXPECTED = (BinariesMissingError, BoxError, ClusterError, ImageError, KubectlError, NetworkError, PackagesMissingError)


def main() -> int:
    """Do it; 1 if it could not be done, or if no cluster exists whose status could be shown."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start it, or bring the running one up to date")
    starting.add_argument("--fast", action="store_true", help="Argo reconciles workflows every second, not every ten")
    modes = ("Secure", "Strict", "none")
    starting.add_argument("--referencing", choices=modes, default=modes[0], help="Argo's templateReferencing (Secure)")
    commands.add_parser("down", help="end it and leave nothing behind but caches")
    commands.add_parser("status", help="print what runs, as JSON")
    options = parser.parse_args()
    try:
        match options.command:
            case "up":
                up(Options(fast=options.fast, referencing=options.referencing))
            case "down":
                down()
            case _:
                found = status()
                print(json.dumps(found, indent=1))
                return 0 if found["up"] else 1
    except _EXPECTED as error:
        sys.stderr.write(f"cluster: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
