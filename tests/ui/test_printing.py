"""Conversations as PDF, and on a printer that writes into a file."""

from __future__ import annotations

import re
import threading
import time
import zlib

import pytest
from PySide6.QtGui import QImage
from PySide6.QtPrintSupport import QPrinter

from app.core.conversation import Attachment, Conversation, Message, MessageState
from app.core.exports import Exported
from app.ui import printing
from app.ui.printing import print_to, to_pdf

_OBJECT = re.compile(rb"(\d+) 0 obj(.*?)endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


def words_in(pdf: bytes) -> str:
    """The text of a PDF that Qt wrote, without its blanks: each font says which character its glyphs stand for."""
    objects = {int(number): content for number, content in _OBJECT.findall(pdf)}
    glyphs: dict[bytes, dict[int, str]] = {}
    for number, content in objects.items():
        if found := re.search(rb"/ToUnicode (\d+) 0 R", content):
            glyphs[str(number).encode()] = _glyphs(_stream(objects[int(found[1])]))
    names = {
        name: glyphs[number]
        for content in objects.values()
        for name, number in re.findall(rb"/F(\d+) (\d+) 0 R", content)
        if number in glyphs
    }
    text = []
    for content in objects.values():
        page = _stream(content)
        if b" Tf" in page:
            font: dict[int, str] = {}
            for name, shown in re.findall(rb"/F(\d+) [\d.]+ Tf|<([0-9a-fA-F]+)>", page):
                if name:
                    font = names[name]
                else:
                    text += [font.get(int(shown[at : at + 4], 16), "") for at in range(0, len(shown), 4)]
    return "".join("".join(text).split())


def _stream(content: bytes) -> bytes:
    found = _STREAM.search(content)
    if not found:
        return b""
    return zlib.decompressobj().decompress(found[1]) if b"FlateDecode" in content else found[1]


def _glyphs(table: bytes) -> dict[int, str]:
    found = {}
    for first, last, to in re.findall(rb"<(\w+)> <(\w+)> <(\w+)>", table):
        for step in range(int(last, 16) - int(first, 16) + 1):
            found[int(first, 16) + step] = chr(int(to, 16) + step)
    for block in re.findall(rb"<(\w+)> <\w+> \[(.*?)\]", table, re.DOTALL):
        for step, to in enumerate(re.findall(rb"<(\w+)>", block[1])):
            found[int(block[0], 16) + step] = bytes.fromhex(to.decode()).decode("utf-16-be", "replace")
    return found


def talk(*texts: str, title: str = "A talk", attachments: tuple[Attachment, ...] = ()) -> Exported:
    messages = [
        Message(
            id=str(place),
            conversation_id="c",
            parent_id=None,
            role="assistant" if place % 2 else "user",
            text=text,
            state=MessageState.COMPLETE,
            note="",
            model="Tiny",
            created_at=0.0,
            stats=None,
            attachments=attachments,
        )
        for place, text in enumerate(texts)
    ]
    return Exported(Conversation("c", title, "Be brief.", "", 0, 0), messages, [one.id for one in messages])


def test_the_pdf_holds_the_words(qapp):
    pdf = to_pdf(talk("What is a *llama*?", "An animal.\n\n```\ncode()\n```\n\n- one\n- two", title="On llamas"))
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    words = words_in(pdf)
    assert "OnllamasBebrief.YouWhatisallama?Assistant(Tiny)Ananimal.code()•one•two" in words


def test_all_pages_are_there(qapp):
    pdf = to_pdf(talk(*(f"Message number {number}.\n\n" + "word " * 200 for number in range(40))))
    words = words_in(pdf)
    assert pdf.count(b"/Type /Page\n") > 5
    assert all(f"Messagenumber{number}." in words for number in range(40))


def test_nothing_that_is_written_makes_it_open_a_file(qapp, tmp_path, monkeypatch):
    picture = tmp_path / "picture.png"
    image = QImage(50, 50, QImage.Format.Format_RGB32)
    image.fill(0xFF0000)
    assert image.save(str(picture))
    asked = []
    load = printing._Pages.loadResource
    monkeypatch.setattr(
        printing._Pages, "loadResource", lambda self, kind, name: asked.append(name) or load(self, kind, name)
    )
    hostile = f"<img src=file:{picture}> ![x](file://{picture}) <link rel=stylesheet href=file:{picture}>"
    pdf = to_pdf(talk(hostile, f"{hostile}\n\n`{hostile}`", title=hostile))
    assert asked == []
    assert b"/Subtype /Image" not in pdf
    assert "<imgsrc=file:" in words_in(pdf)


def test_a_page_that_asks_for_a_file_gets_an_empty_picture(qapp, tmp_path):
    picture = tmp_path / "picture.png"
    image = QImage(50, 50, QImage.Format.Format_RGB32)
    assert image.save(str(picture))
    pages = printing._Pages()
    pages.setHtml(f"<p>a<img src='{picture}'>b</p>")
    assert pages.size().height() < 50


def test_a_thread_can_do_it_while_others_go_on(qapp):
    exported = talk(*("Some words of *text* that go on and on. " * 30 for _ in range(150)))
    written: list[bytes] = []
    thread = threading.Thread(target=lambda: written.append(to_pdf(exported)))
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert len(written[0]) > 10_000
    assert turns > 20


def test_a_long_conversation_takes_time_in_proportion_to_its_length(qapp):
    def seconds(count: int) -> float:
        began = time.process_time()
        to_pdf(talk(*["Some words of *text* that go on and on. " * 10] * count))
        return time.process_time() - began

    seconds(10)
    assert seconds(400) < 12 * seconds(100)  # 16 times as long if it were quadratic


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "- a\n" * 3000, "> " * 500, "```\n" + "y\n" * 5000, "\u202e\x00" * 999]
)
def test_hostile_text_is_written_as_well(qapp, text):
    assert to_pdf(talk("x", text)).rstrip().endswith(b"%%EOF")


def test_a_printer_prints_it(qapp, tmp_path):
    printer = QPrinter(QPrinter.PrinterMode.ScreenResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(tmp_path / "paper.pdf"))
    print_to(talk("On paper"), printer)
    assert "Onpaper" in words_in((tmp_path / "paper.pdf").read_bytes())
