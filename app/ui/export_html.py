"""A conversation as one HTML page: to be kept, printed, and read without Paddock.

What was written is shown as the window shows it, from the same leaves: raw HTML in it is text, an image is its address,
and a link leads to http, https or mailto or is none. The page loads nothing from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from app.core.conversation import Message, with_attachments
from app.core.exports import Exported, author, shown_messages
from app.ui.leaves import Code, Heading, Leaf, Paragraph, Rule, Span, Spans, Table
from app.ui.markdown import blocks, leaves

# Qt, which prints the page, knows few properties: so what matters to it stands with the elements.
_STYLE = """
body { font-family: system-ui, sans-serif; line-height: 1.5; max-width: 46em; margin: 2em auto; padding: 0 1em; }
pre, code { font-family: ui-monospace, monospace; background: #f0f0ee; }
pre { padding: 0.6em; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; }
th, td { border: 1px solid #b0b0b0; padding: 0.2em 0.6em; }
.quote { border-left: 3px solid #b0b0b0; padding-left: 0.8em; }
h2 { font-size: 1em; margin-top: 1.6em; border-top: 1px solid #d0d0d0; padding-top: 0.6em; }
@media (prefers-color-scheme: dark) {
  body { background: #1c1d1c; color: #e4e4e2; } pre, code { background: #2a2b2a; } a { color: #8fd0a5; }
}
"""
_CLOSED = {"left": "left", "center": "center", "right": "right"}


def to_html(exported: Exported) -> str:
    """The page, as one string."""
    title = escape(" ".join(exported.conversation.title.split()) or "Conversation")
    return "\n".join(
        (
            '<!doctype html><html><head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            *_system_prompt(exported.conversation.system_prompt),
            *(part for message in shown_messages(exported) for part in _message(message)),
            "</body></html>\n",
        )
    )


def _system_prompt(text: str) -> Iterator[str]:
    if text:
        yield f'<div class="quote">{_lines(escape(text))}</div>'


def _message(message: Message) -> Iterator[str]:
    yield f"<h2>{escape(author(message))}</h2>"
    for block in blocks(with_attachments(message.text, message.attachments)):
        yield from map(_leaf, leaves(block))


def _leaf(leaf: Leaf) -> str:
    lists, quotes = leaf.place.containers.count("-"), leaf.place.containers.count(">")
    marker = f"{escape(leaf.place.marker)} " if leaf.place.marker else ""
    content = _content(leaf, marker)
    if quotes:
        content = f'<div class="quote">{content}</div>'
    return f'<div style="margin-left: {lists * 24}px">{content}</div>' if lists else content


def _content(leaf: Leaf, marker: str) -> str:
    match leaf:
        case Heading():
            level = min(6, leaf.level + 2)
            return f"<h{level}>{marker}{_spans(leaf.spans)}</h{level}>"
        case Code():
            lines = "\n".join(leaf.lines)
            return f"{marker}<pre>{escape(lines)}</pre>"
        case Table():
            return marker + _table(leaf)
        case Rule():
            return f"{marker}<hr>"
        case Paragraph():
            return f"<p>{marker}{_spans(leaf.spans)}</p>"


def _table(table: Table) -> str:
    rows = []
    for place, row in enumerate(table.rows):
        tag = "th" if place == 0 and not table.continued else "td"
        cells = zip(row, table.alignments, strict=False)
        rows.append(
            "".join(f'<{tag} align="{_CLOSED.get(side, "left")}">{_spans(cell)}</{tag}>' for cell, side in cells)
        )
    return f'<table border="1" cellspacing="0" cellpadding="4">{"".join(f"<tr>{row}</tr>" for row in rows)}</table>'


def _spans(spans: Spans) -> str:
    return "".join(map(_span, spans))


def _span(span: Span) -> str:
    text = _lines(escape(span.text))
    for is_so, tag in ((span.code, "code"), (span.bold, "b"), (span.italic, "i"), (span.strike, "s")):
        if is_so:
            text = f"<{tag}>{text}</{tag}>"
    return f'<a href="{escape(span.link)}">{text}</a>' if span.link else text


def _lines(text: str) -> str:
    return text.replace("\n", "<br>")
