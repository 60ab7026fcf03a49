"""A screen as a picture and as text.

Guarantees that a picture loads nothing, not even fonts, and that equal screens give equal pictures.
"""

from __future__ import annotations

import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.tools.captures.terminal import COLUMNS

# Rich's own format loads fonts from the network.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def plain(screen: str) -> str:
    """Return the screen as text without colours."""
    return "\n".join(line.rstrip() for line in Text.from_ansi(screen).plain.splitlines())


def picture(screen: str, *, name: str) -> str:
    """Return the screen as SVG."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    console.print(Text.from_ansi(screen), soft_wrap=True)
    return console.export_svg(title="agent-cancellation", code_format=_FORMAT, unique_id=name)
