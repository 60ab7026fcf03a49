"""Render every manifest into a folder for GitOps.

    python -m pipelines.render [--settings FILE] [--output FOLDER] [--check]

Guarantees: everything is built and checked before the first byte is written, equal settings give equal bytes, and a
file that is no longer rendered is removed (only files that carry our first line are). `--check` writes nothing and
exits with 1 if the folder differs from what would be written.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pipelines import access, observability, parsers, sensor
from pipelines.cancellation import breakers, limits, workflow_template
from pipelines.manifest_yaml import dump
from pipelines.reconciliation import reconcile_template, schedule
from pipelines.settings import read
from steps.errors import Exit, StepError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipelines.settings import Settings

HEADER = "# Rendered by agent-cancellation (make render): do not edit.\n"


def manifests(settings: Settings) -> Iterator[dict[str, Any]]:
    """Every object, in the order in which it is applied."""
    yield from access.steps_access(settings)
    yield from access.reconcile_access(settings)
    yield from access.sensor_access(settings)
    yield access.network_policy(settings)
    yield limits(settings)
    yield breakers(settings)
    yield workflow_template(settings)
    yield reconcile_template(settings)
    yield schedule(settings)
    if settings.events.render_event_source:
        yield sensor.event_source(settings)
    yield sensor.sensor(settings)


def _folder(manifest: dict[str, Any], settings: Settings) -> str:
    """The folder of an object: whose namespace it is for."""
    found = {
        settings.namespaces.events: "events",
        settings.namespaces.agents: "agents",
        settings.namespaces.workflows: "workflows",
    }
    return found[manifest["metadata"]["namespace"]]


def rendered(settings: Settings) -> dict[str, str]:
    """Every file, by its path in the output folder.

    Raises:
        BadInputError: A setting cannot be rendered.
    """
    files: dict[str, str] = {}
    for manifest in manifests(settings):
        name = f"{manifest['kind'].lower()}-{manifest['metadata']['name']}.yaml"
        path = f"{_folder(manifest, settings)}/{name}"
        if path in files:
            raise AssertionError(f"two objects in {path}")
        files[path] = HEADER + dump(manifest)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "metadata": {"name": "agent-cancellation"},
        "resources": list(files),
    }
    return {"kustomization.yaml": HEADER + dump(kustomization)} | files | _observability(settings)


def _observability(settings: Settings) -> dict[str, str]:
    """The folder for monitoring stacks, which the main kustomization leaves out."""
    files = {
        f"{each['kind'].lower()}-{each['metadata']['name']}.yaml": each for each in observability.manifests(settings)
    }
    listed = observability.kustomization(settings, resources=list(files))
    written = {"kustomization.yaml": listed} | files | {observability.RULES: observability.rules(settings)}
    found = {f"observability/{name}": HEADER + dump(each) for name, each in written.items()}
    return found | {f"observability/{observability.DASHBOARD}": observability.dashboard_json()}


def drift(files: dict[str, str], *, output: Path) -> list[str]:
    """What differs between a folder and what would be written to it."""
    missing = [f"{path}: missing" for path in files if not (output / path).is_file()]
    changed = [
        f"{path}: differs"
        for path, text in files.items()
        if (output / path).is_file() and (output / path).read_bytes() != text.encode()
    ]
    return missing + changed + [f"{path}: stale" for path in _others(files, output=output)]


def _others(files: dict[str, str], *, output: Path) -> list[str]:
    """Files in the folder that are not ours to write (any more)."""
    return sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and path.relative_to(output).as_posix() not in files
    )


def write(files: dict[str, str], *, output: Path) -> None:
    """Write the files, and remove those that an earlier version rendered."""
    for path, text in files.items():
        target = output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != text.encode():
            target.write_text(text)
    for path in _others(files, output=output):
        if (output / path).read_text(errors="replace").startswith(HEADER):
            (output / path).unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Render, or check; returns the exit code."""
    options = parsers.render().parse_args(arguments)
    try:
        files = rendered(read(options.settings))
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if not options.check:
        try:
            write(files, output=options.output)
        except OSError as error:
            print(f"{error.filename}: {error.strerror}: give a folder that can be written by --output", file=sys.stderr)
            return Exit.BAD_INPUT
        print(f"{options.output}: {len(files)} files")
        return Exit.DONE
    found = drift(files, output=options.output)
    for line in found:
        print(f"{options.output}/{line} (run make render)", file=sys.stderr)
    return Exit.BUG if found else Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
