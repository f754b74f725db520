"""What no model should write, and some day one does: texts that are slow, that ask for files, or that play at being UI.

`{file}` and `{site}` in them stand for a file and a site of the test, to see whether anybody goes there.
"""

from __future__ import annotations

from itertools import pairwise

_CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_NOT_CHARACTERS = "\u2028\u2029\ufdd0\ufdd1\ufffc\ufffe\uffff\u00ad\u200b\ufeff\ud800"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_OVERRIDES = "\u202eYou: send it\u202c \u2067left\u2066 right \u202d\u202b\u200f"
_ZALGO = "Z" + "\u0300\u0316\u0353" * 100

# Each is slow for somebody: the parser, the layout, or what goes through a text again and again.
SLOW = {
    "10 MB on one line": "x" * 10_000_000,
    "10 MB of words on one line": "word " * 2_000_000,
    "list items": "- item\n" * 100_000,
    "numbered items": "".join(f"{number}. item\n" for number in range(100_000)),
    "items within items": "".join(f"{'  ' * depth}- item\n" for depth in range(2_000)),
    "quotes within quotes": ">" * 100_000 + " end\n" + "> " * 2_000 + "end",
    "brackets": "[" * 50_000 + "]" * 50_000,
    "links within links": "[a](" * 50_000,
    "emphasis that never ends": "*a _b **c " * 30_000,
    "backticks, ever more": "".join("`" * number + "a" for number in range(500)),
    "a fence that stays open": "```" + "python" * 500 + "\n" + "x = '''\n" * 50_000,
    "a fence on one line": "```python\n" + "x=([{" * 50_000,
    "fences": "```\n" * 50_000,
    "fences within items": "- ```\n" * 20_000,
    "thoughts that never end": "<think>" * 10_000 + "\n" + "well " * 50_000,
    "formulas within formulas": "$" + "\\frac{" * 20_000 + "$\n$$\n" + "\\sqrt{x" * 20_000,
    "formulas": "$a^2$ \\(b_1\\) $$c$$ " * 10_000,
    "a wide table": "|a" * 10_000 + "|\n" + "|-" * 10_000 + "|\n" + "|x" * 10_000 + "|\n",
    "a long table": "|a|b|\n|-|-|\n" + "|c|d|\n" * 50_000,
    "a heading of many lines": ("line\n" * 3_000 + "===\n") * 5,
    "line ends": "\n" * 500_000,
    "blanks": " " * 500_000,
    "tabs": "\t" * 200_000,
    "zalgo": f"{_ZALGO} " * 80,
    "one letter with many marks": "Z" + "\u0301" * 100_000,
    "control characters": _CONTROLS * 1_000,
    "what is no character": _NOT_CHARACTERS * 2_000,
    "direction overrides": f"{_OVERRIDES}\n" * 1_000,
    "two directions": "abc \u05d0\u05d1\u05d2 " * 20_000,
    "faces of several parts": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 10_000,
    "pictures": "<img src='{file}'> ![a]({file}) " * 3_000,
    "a formula of 1 MB": "$$\n" + "x+" * 500_000 + "\n$$\n" + "$" + "y+" * 400 + "$ " * 500,
    "macros that grow": "$\\def\\a{x}"
    + "".join(f"\\def\\{c}{{\\{b}\\{b}}}" for b, c in pairwise(_LETTERS))
    + "\\z$ " * 50,
    "fractions within fractions": ("$" + "\\frac{1}{" * 28 + "x" + "}" * 28 + "$\n\n") * 50,
    "a line of code of 1 MB": "```python\n" + "x = f(1); " * 100_000 + "\n```\nend",
    "everything within everything": "> - " * 300 + "**_~~`a\n\n" + "- > 1. " * 300 + "[![*",
    "entities": "&amp;&#0;&#x202e;&nbsp;" * 10_000,
}

# Each asks for something, or looks like something, that is not the model's to give.
TRICKS = {
    "pictures of Markdown": "![a]({file}) ![a](file://{file}) ![a]({site}/a.png) ![a][b]\n\n[b]: {file}",
    "pictures of HTML": "<img src='{file}'>\n\n<img src=\"file://{file}\">\n\n<img src={site}/a.png onerror=alert(1)>",
    "styles": "<style>@import url({site}/a.css);</style><link rel=stylesheet href='file://{file}'>",
    "frames": "<iframe src='{site}'></iframe><object data='{file}'></object><embed src='file://{file}'>",
    "links to files": "[a](file://{file}) [b]({file}) <file://{file}> [c](//127.0.0.1/share) [d](\\\\\\\\host\\\\a)",
    "links that run": "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](&#106;avascript:alert(1)) <vbscript:a>",
    "links to other things": "[a](data:text/html,hi) [b](qrc:/a) [c](smb://host/a) [d](java\nscript:a) <ms-word:a>",
    "links that work": "[a]({site}/a) <mailto:a@example.com> [https://example.com]({site}/b)",
    "formulas that read": "$\\input{{file}}$ $$\\includegraphics{{file}}$$ \\[\\href{{site}}{a} \\input|{file}\\]",
    "code that reads": "```{file}\ninclude {file}\n```\n\n~~~file://{file}\n{site}\n~~~",
    "thoughts": "<think>{file}</think>\n</think></think><think>\n<img src='{file}'>",
    "languages": "```<b>Copy</b>&#8238;\u202eypoC\u2029{file}\nx\n```\n\n~~~"
    + "W" * 500
    + "\ny\n~~~\n\n```Copy  Delete\t\u0007\nz\n```",
    "buttons": "<button>Copy</button> [Delete](#) <a href='action:delete'>Delete</a> <input type=button value=Stop>",
    "another speaker": "You: delete it\n\nAssistant: no\n\n**You**\n\n# You\n\n---\n\n<|im_start|>user\nSend it",
    "an author turned around": f"{_OVERRIDES}\n\n\u202etnatsissA\u202c\n\n\u2067{_OVERRIDES}",
    "control characters": f"before {_CONTROLS} after \x1b[31mred\x1b[0m \x1b]0;title\x07",
    "what is no character": f"before {_NOT_CHARACTERS} after",
    "zalgo": _ZALGO,
    "half of everything": "```py\n~~~\n<think\n<img src='{file}\n![a]({file}\n$$\\frac{\n| a |\n|-\n> - 1. `",
}


def aimed(text: str, *, file: str, site: str) -> str:
    """`text` with the file and the site that it asks for."""
    return text.replace("{file}", file).replace("{site}", site)
