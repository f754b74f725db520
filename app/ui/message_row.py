"""One message of a conversation: who wrote it, its text, what can be done with it, how it ended."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QAccessible, QColor, QEnterEvent, QFont, QGuiApplication, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.conversations import Message, MessageState
from app.ui import accessibility, words
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.markdown_stream import MarkdownStream, PlainStream
from app.ui.message_browser import MessageBrowser
from app.ui.theme import colours

TRY_AGAIN = "try_again"
REGENERATE = "regenerate"


def row_for(message: Message) -> MessageRow:
    """The row that shows `message`."""
    return ReplyRow(message) if message.role == "assistant" else UserRow(message)


class MessageRow(QWidget):
    """What all messages have: an author, a text, and `Copy`."""

    action_requested = Signal(str, str)  # message id, id of the action

    def __init__(self, message: Message, author: str, spoken_author: str, browser: MessageBrowser) -> None:
        super().__init__()
        self._spoken_author = spoken_author
        self.setObjectName("message_row")
        self.message_id = message.id
        self.browser = browser
        self.is_last = False
        self._is_hovered = False
        self._is_seen = True
        self.author = QLabel(author)
        self.author.setFont(_bold())
        self.copy_button = self.make_button("copy", self.tr("Copy"), "Copy")
        self.copy_button.clicked.connect(self._on_copy_clicked)
        self.top = QHBoxLayout()
        self.author.setMinimumHeight(self.copy_button.sizeHint().height())
        self.top.addWidget(self.author)
        em = self.fontMetrics().height()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(em, em // 2, em, em // 2)
        self.column.setSpacing(em // 3)
        self.column.addLayout(self.top)
        self.column.addWidget(self.browser)
        self.browser.append_text(message.text)

    def make_button(self, name: str, text: str, accessible_name: str) -> QPushButton:
        """A button that is seen when it may be wanted."""
        button = _QuietButton(text, self)
        button.setObjectName(name)
        button.setAccessibleName(accessible_name)
        return button

    def append_text(self, text: str) -> None:
        """Adds to the text; `browser.work` shows it."""
        self.browser.append_text(text)

    def set_last(self, is_last: bool) -> None:
        """Whether it is the last message of the conversation."""
        if is_last != self.is_last:
            self.is_last = is_last
            self._update_buttons()

    def set_seen(self, seen: bool) -> None:
        """Whether the model still sees it."""
        if seen != self._is_seen:
            self._is_seen = seen
            self._update_palette()

    def spoken_name(self) -> str:
        """For a screen reader: the source of the text, since its picture lacks what code and tables are marked by."""
        return f"{self._spoken_author}: {self.browser.text()}"

    def tab_chain(self) -> list[QWidget]:
        """What one gets to with the tab key, in reading order."""
        return [self.browser, self.copy_button]

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not self._is_seen:
            self._update_palette()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        super().enterEvent(event)
        self._is_hovered = True
        self._update_buttons()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        super().leaveEvent(event)
        self._is_hovered = False
        self._update_buttons()

    def _update_palette(self) -> None:
        palette = QPalette()
        if not self._is_seen:
            grey = QColor(colours(self.palette()).secondary)
            palette.setColor(QPalette.ColorRole.Text, grey)
            palette.setColor(QPalette.ColorRole.WindowText, grey)
        self.setPalette(palette)

    def _update_buttons(self) -> None:
        for button in self.findChildren(_QuietButton):
            button.set_quiet(not (self._is_hovered or self.is_last))

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.browser.text())


class UserRow(MessageRow):
    """The user's own words, as they were typed, on a tinted ground."""

    def __init__(self, message: Message) -> None:
        super().__init__(message, self.tr("You"), "You", MessageBrowser(PlainStream))
        self.top.addStretch(1)
        self.top.addWidget(self.copy_button)
        self.copy_button.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours(self.palette()).bubble))
        radius = self.fontMetrics().height() * 0.6
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)


class ReplyRow(MessageRow):
    """A formatted reply, how it comes along, and how it ended."""

    def __init__(self, message: Message) -> None:
        super().__init__(message, self.tr("Assistant"), "Assistant", MessageBrowser(MarkdownStream))
        self._is_writing = message.state is MessageState.WRITING
        self._failure: FailurePanel | None = None
        self._regenerate = self.make_button(REGENERATE, self.tr("Regenerate"), "Regenerate")
        self._regenerate.clicked.connect(partial(self._on_action_requested, REGENERATE))
        self._line = _secondary_label("")
        self._bar = self._thin_bar()
        if message.model:
            self.top.addWidget(_secondary_label(message.model), 1)
        self.top.addStretch(0)
        self.browser.raise_()  # the order for a screen reader
        bottom = QHBoxLayout()
        bottom.setSpacing(0)
        bottom.addStrut(self.copy_button.sizeHint().height())
        self.column.addLayout(bottom)
        for widget, stretch in ((self.copy_button, 0), (self._regenerate, 0), (self._line, 100), (self._bar, 0)):
            bottom.addWidget(widget, stretch)
            widget.raise_()
        bottom.addStretch(1)
        self._set_line("")
        if not self._is_writing:
            self.finish(_footer_of(message), _failure_of(message))

    def _thin_bar(self) -> QProgressBar:
        em = self.fontMetrics().height()
        bar = QProgressBar(maximum=1000, textVisible=False)
        bar.setObjectName("progress")
        bar.setAccessibleName("Progress")
        bar.setFixedSize(em * 6, max(3, em // 4))
        return bar

    def append_text(self, text: str) -> None:
        super().append_text(text)
        if self._shows_progress:
            self._set_line("")

    def show_progress(self, text: str, fraction: float | None) -> None:
        """How far the model is on its way to the first word. `fraction` None shows no bar."""
        self._set_line(text, is_progress=True)
        self._bar.setVisible(fraction is not None)
        self._bar.setValue(round((fraction or 0) * self._bar.maximum()))

    def finish(self, footer: str, failure: Failure | None) -> None:
        """Nothing more will be written."""
        self._is_writing = False
        self._set_line(footer)
        self._set_failure(failure)
        self._update_buttons()

    def tab_chain(self) -> list[QWidget]:
        actions = self._failure.buttons if self._failure else []
        return [self.browser, *actions, self.copy_button, self._regenerate]

    def _set_line(self, text: str, *, is_progress: bool = False) -> None:
        """The line beside the buttons: at first how far the reply is, at last how it went."""
        self._shows_progress = is_progress
        self._line.setText(text)
        self._line.setVisible(bool(text))
        self._line.setAlignment(
            Qt.AlignmentFlag.AlignVCenter | (Qt.AlignmentFlag.AlignLeft if is_progress else Qt.AlignmentFlag.AlignRight)
        )
        self.copy_button.setHidden(is_progress)
        self._bar.hide()

    def _set_failure(self, failure: Failure | None) -> None:
        if self._failure is not None:
            self._failure.deleteLater()
            self._failure = None
        if failure is not None:
            self._failure = FailurePanel(failure)
            self._failure.action_requested.connect(self._on_action_requested)
            self.column.insertWidget(2, self._failure)
            self._failure.stackUnder(self.copy_button)
            self._failure.show()

    def _update_buttons(self) -> None:
        super()._update_buttons()
        self._regenerate.setVisible(self.is_last and not self._is_writing and self._failure is None)
        if self._failure is not None:
            self._failure.show_actions(self.is_last)

    def _on_action_requested(self, action: str) -> None:
        self.action_requested.emit(self.message_id, action)


class _QuietButton(QPushButton):
    """Always there for the keyboard and for a screen reader; seen only while it may be wanted."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(text, parent, flat=True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._is_quiet = True

    def set_quiet(self, quiet: bool) -> None:
        if quiet != self._is_quiet:
            self._is_quiet = quiet
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self._is_quiet or self.hasFocus():
            super().paintEvent(event)


def _bold() -> QFont:
    bold = QFont()
    bold.setBold(True)
    return bold


def _secondary_label(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def _footer_of(message: Message) -> str:
    """How a reply from the disk went."""
    stopped = words.reason("stopped") if message.state is MessageState.STOPPED else ""
    return words.footer(message.stats or {}) or stopped


def _failure_of(message: Message) -> Failure | None:
    """What went wrong with a reply from the disk."""
    try_again = ((TRY_AGAIN, words.tr("Try again")),)
    if message.state is MessageState.INTERRUPTED:
        return Failure(words.tr("Paddock was closed while this was being written."), "", "", try_again)
    if message.state is MessageState.FAILED:
        title, _, rest = message.note.partition("\n")
        detail, _, hint = rest.partition("\n")
        return Failure(title, detail, hint, try_again)
    return None


for kind in (UserRow, ReplyRow):
    accessibility.describe(kind, QAccessible.Role.ListItem, MessageRow.spoken_name)
