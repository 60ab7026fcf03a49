"""A screen as a picture and as text.

Guarantees that a picture loads nothing, not even fonts, and that equal screens give equal pictures. A picture brings
its own dark background, so it looks the same on a light and on a dark page. The contrast of each colour but black with
it is at least 4.5 to 1, the minimum of WCAG 2.2, 1.4.3.
"""

from __future__ import annotations

import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.tools.captures.terminal import COLUMNS

# Rich's own format loads fonts from the network, and its title is smaller than its text.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
_FORMAT = _FORMAT.replace("font-size: 18px", "font-size: 20px")
# Rich's own red and blue have a contrast below 4 to 1.
_GREY, _WHITE = (129, 139, 152), (230, 237, 243)
_RED, _GREEN, _YELLOW = (255, 123, 114), (86, 211, 100), (227, 179, 65)
_BLUE, _MAGENTA, _CYAN = (88, 166, 255), (188, 140, 255), (86, 212, 221)
_COLOURS = [_RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN, _WHITE]
_BACKGROUND, _BLACK = (22, 27, 34), (72, 79, 88)
THEME = TerminalTheme(_BACKGROUND, _WHITE, [_BLACK, *_COLOURS], [_GREY, *_COLOURS])


def plain(screen: str) -> str:
    """Return the screen as text without colours."""
    return "\n".join(line.rstrip() for line in Text.from_ansi(screen).plain.splitlines())


def picture(screen: str, *, name: str, title: str) -> str:
    """Return the screen as SVG.

    Args:
        screen: The screen, with colours as ANSI codes.
        name: What the names of the picture's styles begin with.
        title: What there is to see, for the window's title.
    """
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    console.print(Text.from_ansi(screen), soft_wrap=True)
    return console.export_svg(title=title, theme=THEME, code_format=_FORMAT, unique_id=name)
