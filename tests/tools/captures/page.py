"""Writes docs/terminal.md: each scene as a picture and as text."""

from __future__ import annotations

from collections.abc import Mapping

from tests.tools.captures.picture import plain
from tests.tools.captures.scenes import SCENES

_HEAD = """# On the terminal

`make captures` typed each command into a terminal in a real cluster and recorded the output. GitHub and the platform's
controller are doubles; the agents are real pods.
"""


def page(screens: Mapping[str, str]) -> str:
    """Write the page. `screens` has the screen of each scene by its name."""
    parts = [_HEAD]
    for scene in SCENES:
        parts += [
            f"## {scene.title}\n",
            f"{scene.caption}\n",
            f"![{scene.title}](captures/{scene.name}.svg)\n",
            f"<details><summary>As text</summary>\n\n```text\n{plain(screens[scene.name])}\n```\n\n</details>\n",
        ]
    return "\n".join(parts)
