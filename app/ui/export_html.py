"""A conversation as one HTML page: to be kept, printed, and read without Paddock.

What was written is shown as the window shows it, from the same leaves: raw HTML in it is text, an image is its address,
and a link leads to http, https or mailto or is none. The page loads nothing from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from html import escape

from app.core.conversation import Message
from app.core.exports import Exported, author, shown_messages, words
from app.ui.leaves import Code, Heading, Leaf, Paragraph, Rule, Span, Spans, Table
from app.ui.markdown import blocks, leaves

# Qt, which prints the page, knows few properties: so what matters to it stands with the elements. It does not read on
# after `@media`, which is why that comes last.
STYLE = """
body { font-family: system-ui, sans-serif; line-height: 1.5; max-width: 46em; margin: 2em auto; padding: 0 1em; }
a { color: #17633b; }
pre, code { font-family: monospace; background: #f0f0ee; }
pre { padding: 0.6em; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; }
th, td { border: 1px solid #b0b0b0; padding: 0.2em 0.6em; }
.quote { border-left: 3px solid #b0b0b0; padding-left: 0.8em; margin-left: 12px; color: #5a5a58; }
h2 { font-size: medium; margin-top: 1.6em; border-top: 1px solid #d0d0d0; padding-top: 0.6em; }
@media (prefers-color-scheme: dark) {
  body { background: #1c1d1c; color: #e4e4e2; } pre, code { background: #2a2b2a; } a { color: #8fd0a5; }
  .quote { color: #b4b4b0; }
}
"""
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\N{REPLACEMENT CHARACTER}")


def to_html(exported: Exported) -> str:
    """The page, as one string."""
    title = _escaped(_title(exported))
    return "\n".join(
        (
            '<!doctype html><html><head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            opening(exported),
            *(message_html(message) for message in shown_messages(exported)),
            "</body></html>\n",
        )
    )


def opening(exported: Exported) -> str:
    """What stands above the messages: the title and the system prompt."""
    title, prompt = _title(exported), exported.conversation.system_prompt
    quoted = f'<div class="quote">{_lines(_escaped(prompt))}</div>' if prompt else ""
    return f"<h1>{_escaped(title)}</h1>{quoted}"


def message_html(message: Message) -> str:
    """One message, under the name of who wrote it."""
    found = (leaf for block in blocks(words(message)) for leaf in leaves(block))
    return "\n".join([f"<h2>{_escaped(author(message))}</h2>", *map(_leaf, _with_whole_tables(found))])


def _title(exported: Exported) -> str:
    return " ".join(exported.conversation.title.split()) or "Conversation"


def _with_whole_tables(found: Iterable[Leaf]) -> Iterator[Leaf]:
    """The leaves, with the pieces of each table as one."""
    table: Table | None = None
    for leaf in found:
        if isinstance(leaf, Table) and leaf.continued and table is not None:
            table = replace(table, rows=table.rows + leaf.rows)
            continue
        if table is not None:
            yield table
        table = leaf if isinstance(leaf, Table) else None
        if table is None:
            yield leaf
    if table is not None:
        yield table


def _leaf(leaf: Leaf) -> str:
    lists, quotes = leaf.place.containers.count("-"), leaf.place.containers.count(">")
    marker = f"{_escaped(leaf.place.marker)} " if leaf.place.marker else ""
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
            lines = (line if place in leaf.cut else f"\n{line}" for place, line in enumerate(leaf.lines))
            code = "".join(lines).removeprefix("\n")
            return f"{marker}<pre>{_escaped(code)}</pre>"
        case Table():
            return marker + _table(leaf)
        case Rule():
            return f"{marker}<hr>"
        case Paragraph():
            return f"<p>{marker}{_spans(leaf.spans)}</p>"


def _table(table: Table) -> str:
    rows = []
    for place, row in enumerate(table.rows):
        tag = "td" if place else "th"
        cells = zip(row, table.alignments, strict=False)
        rows.append("".join(f'<{tag} align="{side}">{_spans(cell)}</{tag}>' for cell, side in cells))
    return f'<table border="1" cellspacing="0" cellpadding="4">{"".join(f"<tr>{row}</tr>" for row in rows)}</table>'


def _spans(spans: Spans) -> str:
    return "".join(map(_span, spans))


def _span(span: Span) -> str:
    text = _lines(_escaped(span.text))
    for is_so, tag in ((span.code, "code"), (span.bold, "b"), (span.italic, "i"), (span.strike, "s")):
        if is_so:
            text = f"<{tag}>{text}</{tag}>"
    return f'<a href="{_escaped(span.link)}">{text}</a>' if span.link else text


def _escaped(text: str) -> str:
    """As text, also in an attribute. HTML has no place for control characters."""
    return escape(text).translate(_CONTROL)


def _lines(text: str) -> str:
    return text.replace("\n", "<br>")
