"""A model card made fit to be read: plain Markdown, without HTML and without pictures.

Cards are README files from strangers, and much of them is HTML. What it says is kept, what it looks like is not: tags
and comments go; headings, links, items and line breaks become Markdown; a picture becomes its description in brackets,
which leads to it. Code is left alone, and so is what only looks like a tag, such as `<|user|>` or `<prompt>`.

Nothing depends on this being complete: what is overlooked is shown as text by `app.ui.markdown`. It is one pass from
the beginning to the end, and what is opened and never closed ends with the text, as in a browser: the work is linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_PIECE = re.compile(
    r"(?P<fence>^[ \t>]*(?P<marks>`{3,}|~{3,})[^\n]*(?:\n.*?^[ \t>]*(?P=marks)[`~]*[ \t]*$|.*))"
    r"|(?P<code>(?<!`)(?P<ticks>`+)(?!`)[^\n]*?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<hidden><!--.*?(?:-->|\Z)|<(?P<kind>script|style)\b.*?(?:</(?P=kind)\s*>|\Z))"
    r"|<(?P<slash>/?)(?P<tag>[a-z][a-z0-9]*)(?P<attributes>\s[^<>]*)?/?>"
    r"|(?P<picture>!\[(?P<alt>[^\[\]\n]*)\]\(\s*<?(?P<source>(?:[^()\s<>]|\([^()\s<>]*\))*)>?[^()\n]*\))"
    r"|\]\(\s*<?(?P<target>(?:[^()\s<>]|\([^()\s<>]*\))+)>?",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)

_SCHEMES = ("http", "https", "mailto")
_LONGEST_LINE = 500  # characters; a heading or a link that is longer was meant to end before

_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_CELLS = ("td", "th")
_BLOCK_TAGS = (
    "address article aside blockquote body br caption center dd details div dl dt figcaption figure footer form head "
    "header hr html li main nav ol p section summary table tbody td tfoot th thead title tr ul"
)
_OTHER_TAGS = (  # not s: in a card it is mostly the token that begins a text
    "a abbr audio b big button cite code col colgroup del dfn em embed font i iframe img input ins kbd label link mark "
    "meta object picture q samp small source span strike strong sub sup svg path time tt u var video wbr"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_TAGS = _BLOCKS | _HEADINGS.keys() | frozenset(_OTHER_TAGS.split())


def readable(card: str, base_url: str) -> str:
    """The `card` as Markdown without HTML. Its relative links start at `base_url`, the folder it is in."""
    return _Reader(base_url).read(card)


@dataclass(slots=True)
class _Open:
    """A tag whose content is being read: from `start` on, of what was written."""

    tag: str
    href: str
    start: int


class _Reader:
    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._written: list[str] = []
        self._line = ""  # the first character of the present line; empty while there is none but blanks
        self._open: list[_Open] = []
        self._is_in_html = False  # up to the next blank line, indents mean nothing
        self._is_after_block = False  # so that blanks mean nothing

    def read(self, card: str) -> str:
        position = 0
        for piece in _PIECE.finditer(card):
            self._text(card[position : piece.start()])
            self._piece(piece)
            position = piece.end()
        self._text(card[position:])
        return "".join(self._written)

    def _piece(self, piece: re.Match[str]) -> None:
        if piece["fence"] or piece["code"]:
            self._write(piece[0])
        elif piece["tag"]:
            self._tag(piece)
        elif piece["picture"]:
            self._picture(piece["alt"], piece["source"])
        elif piece["target"]:
            self._write(f"](<{self._resolved(piece['target'])}>")

    def _text(self, text: str) -> None:
        begins_blank = self._is_after_block
        if self._is_in_html:
            head = _BLANK_LINE.split(text, maxsplit=1)[0]
            self._is_in_html = head == text
            text = _INDENT.sub("", head) + text[len(head) :]
        self._write(text.lstrip() if begins_blank else text)

    def _write(self, text: str) -> None:
        if not text:
            return
        self._written.append(text)
        self._is_after_block = False
        _, broken, rest = text.rpartition("\n")
        if broken or not self._line:
            self._line = rest.lstrip()[:1]

    # Tags

    def _tag(self, piece: re.Match[str]) -> None:
        tag = piece["tag"].lower()
        attributes = piece["attributes"] or ""
        if tag not in _TAGS:
            self._write(piece[0])
            return
        if not self._line:
            self._begin_html()
        if tag == "img":
            self._picture(_attribute(attributes, "alt"), _attribute(attributes, "src"))
        elif tag == "a" or tag in _HEADINGS:
            self._close(tag) if piece["slash"] else self._begin(tag, attributes)
        elif tag in _BLOCKS:
            self._block(tag, is_end=bool(piece["slash"]))

    def _begin_html(self) -> None:
        self._is_in_html = True
        if self._written and not self._written[-1].endswith("\n"):
            self._written[-1] = self._written[-1].rstrip(" \t")

    def _block(self, tag: str, *, is_end: bool) -> None:
        if self._line == "|":  # a row of a table is one line
            self._write(" ")
        elif tag in _CELLS:
            self._write(" · " if self._line and not is_end else "")
        elif tag in ("br", "tr"):
            self._write("\n")
        elif tag == "li" and not is_end:
            self._write("\n- ")
        else:
            self._write("\n\n")
        self._is_after_block = self._line != "|" and tag != "br"

    def _begin(self, tag: str, attributes: str) -> None:
        if tag in _HEADINGS:
            self._block(tag, is_end=False)
        self._open = [opened for opened in self._open if opened.tag != tag]  # one within another was never closed
        self._open.append(_Open(tag, _attribute(attributes, "href"), len(self._written)))

    def _close(self, tag: str) -> None:
        """Makes what was written since the tag was opened a heading or the words of a link, on one line."""
        tags = [opened.tag for opened in self._open]
        if tag not in tags:
            return
        opened = self._open[tags.index(tag)]
        del self._open[tags.index(tag) :]
        words = " ".join("".join(self._written[opened.start :]).split())
        if len(words) > _LONGEST_LINE:
            return
        del self._written[opened.start :]
        if tag == "a":
            self._write(self._link(words, opened.href))
        else:
            self._write(f"{_HEADINGS[tag]} {words}")
            self._block(tag, is_end=True)

    # Links and pictures

    def _picture(self, alt: str, source: str) -> None:
        words = " ".join(alt.replace("[", " ").replace("]", " ").split())
        words = rf"\[image: {words}\]" if words else r"\[image\]"
        is_in_link = any(opened.tag == "a" for opened in self._open) or "".join(self._written[-1:]).endswith("[")
        self._write(words if is_in_link else self._link(words, source))

    def _link(self, words: str, address: str) -> str:
        resolved = self._resolved(address) if address else ""
        return f"[{words}](<{resolved}>)" if words and resolved else words

    def _resolved(self, address: str) -> str:
        """Where a link of the card leads; empty if nowhere."""
        try:
            resolved = urljoin(self._base_url, f"README.md{address}" if address.startswith("#") else address)
            return resolved if urlsplit(resolved).scheme in _SCHEMES else ""
        except ValueError:
            return ""


def _attribute(attributes: str, name: str) -> str:
    found = re.search(rf"""(?<![\w-]){name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", attributes, re.IGNORECASE)
    value = next((group for group in found.groups() if group), "") if found else ""
    return value.translate({ord(mark): None for mark in "<>\n"}).strip()
