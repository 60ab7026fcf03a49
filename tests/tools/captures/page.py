"""docs/terminal.md: each scene with its picture, and with its text for those who do not look at pictures."""

from __future__ import annotations

from collections.abc import Mapping

from tests.tools.captures.picture import plain
from tests.tools.captures.scenes import SCENES

_HEAD = """# On the terminal

Taken by `make captures` in a real cluster: every command was typed into a terminal and did what is shown. Only GitHub
and the platform's controller are doubles; the agents are real pods.
"""


def page(screens: Mapping[str, str]) -> str:
    """The page of these screens, by the name of the scene."""
    parts = [_HEAD]
    for scene in SCENES:
        parts += [
            f"## {scene.title}\n",
            f"{scene.told}\n",
            f"![{scene.title}](captures/{scene.name}.svg)\n",
            f"<details><summary>as text</summary>\n\n```text\n{plain(screens[scene.name])}\n```\n\n</details>\n",
        ]
    return "\n".join(parts)
