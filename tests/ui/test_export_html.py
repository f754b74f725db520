"""The page that a conversation is exported as, whatever is written in the conversation."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.conversation import Attachment, Conversation, Message, MessageState
from app.core.exports import Exported
from app.ui.export_html import to_html

OURS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "br", "hr"),
    *("a", "b", "i", "s", "code", "pre", "table", "tr", "th", "td"),
}
EMPTY = {"meta", "br", "hr"}
ATTRIBUTES = {
    "charset",
    "http-equiv",
    "content",
    "class",
    "style",
    "href",
    "align",
    "border",
    "cellspacing",
    "cellpadding",
}


class Page(HTMLParser):
    """What a browser makes of it: its tags, its links, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, "an element has no end"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.text += data

    @property
    def links(self) -> list[str]:
        return self.attributes.get("href", [])


def talk(*texts: str, title: str = "A talk", system_prompt: str = "", model: str = "Tiny Q4") -> Exported:
    messages = [
        Message(
            id=str(place),
            conversation_id="c",
            parent_id=str(place - 1) if place else None,
            role="assistant" if place % 2 else "user",
            text=text,
            state=MessageState.COMPLETE,
            note="",
            model=model if place % 2 else "",
            created_at=0.0,
            stats=None,
        )
        for place, text in enumerate(texts)
    ]
    conversation = Conversation("c", title, system_prompt, "", 0.0, 0.0)
    return Exported(conversation, messages, [message.id for message in messages])


def page(*texts: str, **more: str) -> Page:
    return Page(to_html(talk(*texts, **more)))


def is_harmless(found: Page) -> bool:
    return (
        set(found.tags) <= OURS
        and set(found.attributes) <= ATTRIBUTES
        and all(urlsplit(link).scheme.lower() in ("http", "https", "mailto") for link in found.links)
        and not any("url(" in style for style in found.attributes.get("style", []))
    )


def test_it_says_who_wrote_what_under_the_title():
    found = page("What is it?", "A *llama*.", title="On llamas", system_prompt="Be brief.\nBe kind.")
    assert [part for part in found.text.split("\n") if part] == [
        *("On llamas", "On llamasBe brief.Be kind."),
        *("You", "What is it?", "Assistant (Tiny Q4)", "A llama."),
    ]
    assert {"b", "i"} & set(found.tags) == {"i"}


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</title></style></body></html><iframe src=file:///etc/passwd>",
        "![a picture](file:///etc/passwd)",
        "![a picture](https://example.org/pixel.png)",
        "<!-- never ends",
        '"><a href="javascript:alert(1)">x</a>',
        "`</code><script>`",
        "```html\n</pre><script>alert(1)</script>\n```",
        "```</pre><img src=x>\nx\n```",
        "| a | b |\n|---|---|\n| <td onclick=x> | </table><script> |",
        "&lt;script&gt; &#60;script&#62;",
    ],
)
def test_raw_html_is_text_wherever_it_stands(hostile):
    plain = page("x", "y", title="t", system_prompt="s", model="m")
    assert is_harmless(plain)
    for found in (page(hostile, hostile), page("x", "y", title=hostile, system_prompt=hostile, model=hostile)):
        assert is_harmless(found)
        assert found.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "file:///etc/passwd", "data:text/html,x"]
)
def test_a_link_that_opens_no_browser_is_only_its_words(address):
    found = page("x", f"[words]({address}) and <{address}>")
    assert found.links == []
    assert "words" in found.text


def test_a_link_to_a_page_or_an_address_leads_there():
    found = page("x", '[one](https://example.org/?a=1&b="2") <http://example.org> [mail](mailto:a@example.org)')
    assert found.links == ["https://example.org/?a=1&b=%222%22", "http://example.org", "mailto:a@example.org"]


def test_a_table_stays_one_however_many_rows_it_has():
    rows = "".join(f"| {number} | *{number}* |\n" for number in range(45))
    found = page("x", f"| a | b |\n|:--|--:|\n{rows}\nand\n\n| c |\n|---|\n| d |\n")
    assert (found.tags.count("table"), found.tags.count("tr"), found.tags.count("th")) == (2, 48, 3)
    assert found.attributes["align"][:2] == ["left", "right"]


def test_lists_within_lists_are_set_in_further_and_keep_their_marks():
    found = page("x", "- one\n  - two\n    1. three\n- [x] done")
    assert found.attributes["style"] == [f"margin-left: {steps * 24}px" for steps in (1, 2, 3, 1)]
    assert all(mark in found.text for mark in ("• one", "◦ two", "1. three", "☑ done"))


def test_code_keeps_its_lines_and_blanks():
    lines = "def f():\n\n    return  '<b>'"
    assert lines in page("x", f"```python\n{lines}\n```").text
    long = "x" * 10_000
    assert long in page("x", f"```\n{long}\n```").text


def test_attached_files_stand_above_the_words():
    exported = talk("Look.")
    (message,) = exported.messages
    attached = Message(**{name: getattr(message, name) for name in message.__slots__} | {
        "attachments": (Attachment("<b>.txt", "```\n<script>\n```"),)
    })  # fmt: skip
    found = Page(to_html(Exported(exported.conversation, [attached], exported.shown)))
    assert is_harmless(found)
    assert found.text.index("<b>.txt") < found.text.index("<script>") < found.text.index("Look.")


def test_the_page_asks_for_nothing():
    html = to_html(talk("x", "y"))
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_control_characters_are_shown_as_such():
    html = to_html(talk("a\x00b\x1b[31mc\x7f", "x", title="t\x08"))
    assert not any(ord(character) < 32 and character != "\n" for character in html)
    assert "a\ufffdb\ufffd[31mc\ufffd" in Page(html).text


_HOSTILE = st.lists(
    st.sampled_from(
        [
            *(
                "<",
                ">",
                '"',
                "'",
                "&",
                "](",
                "[",
                ")",
                "!",
                "`",
                "```\n",
                "|",
                "\n",
                "- ",
                "> ",
                "*",
                "~~",
                "# ",
                "1. ",
            ),
            *("javascript:", "http://x", "<script>", "</pre>", "<img src=x>", "<!--", "$", "\\", "a", "|---|\n"),
            *("\x00", "\u202e"),
        ]
    ),
    max_size=30,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(_HOSTILE)
def test_nothing_that_is_written_becomes_more_than_text_and_looks(text):
    assert is_harmless(page(text, text, title=text, system_prompt=text, model=text))


def test_a_reply_is_exported_without_its_reasoning_and_a_question_as_it_is():
    found = page("<think>mine</think> why?", "<think>\nHmm.\n</think>\n\nYes.")
    assert "<think>mine</think> why?" in found.text
    assert "Yes." in found.text
    assert "Hmm" not in found.text
