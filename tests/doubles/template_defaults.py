"""What Argo Workflows makes of a template and the `templateDefaults` of its WorkflowTemplate.

Guarantees that a variable of the defaults reaches each template with a container, and that the template's own variable
of the same name wins. The order of the variables is Argo's. Everything else in the defaults is an error: not modelled.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def templates_with_defaults(manifest: Json) -> list[Json]:
    """Return the templates of a WorkflowTemplate as Argo runs them.

    Raises:
        LookupError: The defaults hold more than an environment.
    """
    defaults: Json = manifest["spec"].get("templateDefaults", {})
    environment = defaults.get("container", {}).get("env", [])
    if defaults not in ({}, {"container": {"env": environment}}):
        raise LookupError(f"not modelled: templateDefaults with more than container.env: {sorted(defaults)}")
    return [_merged(each, environment) for each in manifest["spec"]["templates"]]


def _merged(template: Json, environment: list[Json]) -> Json:
    if not environment or "container" not in template:
        return template
    variables = {each["name"]: each for each in [*environment, *template["container"].get("env", [])]}
    return template | {"container": template["container"] | {"env": list(variables.values())}}
