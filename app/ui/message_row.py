"""One message of a conversation: who wrote it, its text, what can be done with it, how it ended.

What the user wishes is emitted; what becomes of it is told by `show_message`, or by a row in place of this one. So
an edit stays open until then: words are never lost because they could not be kept.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QEnterEvent,
    QFont,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QApplication, QBoxLayout, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.core.conversations import Attachment, Message, MessageState
from app.ui import accessibility, words
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.markdown_stream import MarkdownStream, PlainStream
from app.ui.message_actions import Action, MessageActions, VersionSwitch
from app.ui.message_browser import MessageBrowser
from app.ui.message_editor import MessageEditor
from app.ui.theme import colours, take_font

TRY_AGAIN = "try_again"
REGENERATE = str(Action.REGENERATE)


def row_for(message: Message) -> MessageRow:
    """The row that shows `message`."""
    return ReplyRow(message) if message.role == "assistant" else UserRow(message)


class MessageRow(QWidget):
    """What all messages have: an author, a text or an editor in its place, and actions."""

    action_requested = Signal(str, str)  # message id, REGENERATE, TRY_AGAIN or the id of another action of a failure
    edit_requested = Signal(str, str)  # message id, its new words
    continue_requested = Signal(str)  # message id
    delete_requested = Signal(str)  # message id
    version_requested = Signal(str, int)  # message id, -1 or 1
    fork_requested = Signal(str)  # message id
    pin_requested = Signal(str, bool)  # message id, whether to pin it
    details_requested = Signal(str)  # message id
    editing_changed = Signal(bool)  # the row has another height, and an `editor` or none

    def __init__(
        self, message: Message, author: str, spoken_author: str, browser: MessageBrowser, actions: tuple[Action, ...]
    ) -> None:
        super().__init__()
        self._message = message
        self._spoken_author = spoken_author
        self.setObjectName("message_row")
        self.message_id = message.id
        self.browser = browser
        self.editor: MessageEditor | None = None
        self.is_last = False
        self._is_writing = message.state is MessageState.WRITING
        self._is_busy = False
        self._is_hovered = False
        self._has_focus = False
        self._is_seen = True
        self.author = QLabel(author)
        self.author.setFont(_bold())
        self._about = _secondary_label("")
        self.action_bar = MessageActions(actions, self)
        self.action_bar.requested.connect(self._on_actions_requested)
        self.copy_button = self.action_bar.buttons[Action.COPY]
        self._versions: VersionSwitch | None = None
        self.top = QHBoxLayout()
        self.top.addWidget(self.author)
        self.top.addWidget(self._about, 1)
        self.top.addStretch(0)
        self.buttons_line = QHBoxLayout()
        self.buttons_line.setSpacing(0)
        height = self.copy_button.sizeHint().height()  # of the lines that have buttons, whether there are any or not
        self.author.setMinimumHeight(height)
        self.buttons_line.addStrut(height)
        self.buttons_line.addWidget(self.action_bar)
        em = self.fontMetrics().height()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(em, em // 2, em, em // 2)
        self.column.setSpacing(em // 3)
        self.column.addLayout(self.top)
        self.column.addWidget(self.browser)
        self.browser.append_text(message.text)
        _application().focusChanged.connect(self._on_application_focus_changed)

    # Values

    def show_message(self, message: Message) -> None:
        """What is known of the message by now: everything but its text."""
        self._message = message
        self._show_versions()
        self.action_bar.set_pinned(message.pinned)
        self._show_about()
        self._update_buttons()

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
            self._show_about()

    def set_busy(self, busy: bool) -> None:
        """Whether a reply is being written, to whatever: until it is, nothing else can be changed."""
        if busy != self._is_busy:
            self._is_busy = busy
            self._update_buttons()

    def spoken_name(self) -> str:
        """For a screen reader: the source of the text, since its picture lacks what code and tables are marked by."""
        return f"{self._spoken_author}: {self.browser.text()}"

    # Editing

    @property
    def is_editing(self) -> bool:
        """Whether there are words in it that are nowhere else, so that the row has to be kept."""
        return self.editor is not None

    def begin_editing(self, text: str | None = None) -> None:
        """Lets the user change the words, or go on with a change of them, `text`."""
        if self.editor is not None:
            return
        old = self.browser.text()
        self.editor = MessageEditor(old, old if text is None else text, self)
        take_font(self.editor)
        self.editor.saved.connect(self._on_editor_saved)
        self.editor.cancelled.connect(self._on_editor_cancelled)
        self.column.replaceWidget(self.browser, self.editor)
        self.editor.stackUnder(self.browser)
        self.browser.hide()
        self.editor.show()
        self.editor.setFocus()
        self._update_buttons()
        self.editing_changed.emit(True)

    def end_editing(self) -> None:
        """Shows the message as it was."""
        if self.editor is None:
            return
        self.column.replaceWidget(self.editor, self.browser)
        self.editor.hide()
        self.editor.deleteLater()
        self.editor = None
        self.browser.show()
        self._update_buttons()
        self.editing_changed.emit(False)

    # Focus

    def tab_chain(self) -> list[QWidget]:
        """What one gets to with the tab key, in reading order."""
        versions = self._versions.buttons.values() if self._versions else ()
        text = (self.editor or self.browser).tab_chain()
        return [*text, *versions, *self.action_bar.buttons.values()]

    def focused_action(self) -> str:
        """The object name of what has the focus, for `focus_action` of a row in its place; empty if nothing has."""
        focus = QApplication.focusWidget()
        return focus.objectName() if focus is not None and self.isAncestorOf(focus) else ""

    def focus_action(self, name: str) -> None:
        """Puts the focus on what has that object name; if it cannot be there, on the like of it, or on the text."""
        alike: dict[str, str] = {
            Action.PREVIOUS_VERSION: Action.NEXT_VERSION,
            Action.NEXT_VERSION: Action.PREVIOUS_VERSION,
        }
        chain = {widget.objectName(): widget for widget in self.tab_chain()}
        found = (chain.get(one) for one in (name, alike.get(name, "")))
        usable = [widget for widget in found if widget and widget.isEnabled() and not widget.isHidden()]
        (usable[0] if usable else self.editor or self.browser).setFocus()

    # Looks

    def _show_versions(self) -> None:
        versions = self._message.versions
        if self._versions is None and len(versions) > 1:
            self._versions = VersionSwitch(self)
            self._versions.step_requested.connect(self._on_versions_step_requested)
            self._versions.stackUnder(self.action_bar)
            self.buttons_line.insertWidget(0, self._versions)
        if self._versions is not None and self.message_id in versions:
            self._versions.show_place(versions.index(self.message_id) + 1, len(versions))

    def _show_about(self) -> None:
        """What there is to say beside the author."""
        states = []
        if self._message.pinned:
            states.append(self.tr("Pinned"))
        if not self._is_seen:
            states.append(self.tr("No longer seen by the model"))
        about = " · ".join(filter(None, [self._origin(), *states]))
        self._about.setText(about.replace("-", "-\u200b"))  # where the name of a model may be broken
        self._about.setAccessibleName(about)
        self._about.setVisible(bool(about))
        self.setAccessibleDescription(". ".join(states))

    def _origin(self) -> str:
        """Where the words come from, beside the author."""
        return ""

    def _update_palette(self) -> None:
        palette = QPalette()
        if not self._is_seen:
            grey = QColor(colours(self.palette()).secondary)
            palette.setColor(QPalette.ColorRole.Text, grey)
            palette.setColor(QPalette.ColorRole.WindowText, grey)
        self.setPalette(palette)

    def _offered(self) -> list[Action]:
        """The actions there are for the time being."""
        return [] if self.editor else list(self.action_bar.buttons)

    def _update_buttons(self) -> None:
        """Offers what can be done now. A button that goes away under the focus leaves it with the text."""
        focus = QApplication.focusWidget()
        has_focus = focus in self.tab_chain()
        self._offer()
        if has_focus and focus is not None and not (focus.isEnabled() and focus.isVisible()):
            (self.editor or self.browser).setFocus()
        self._update_quiet()

    def _offer(self) -> None:
        is_busy = self._is_busy or self._is_writing
        self.action_bar.set_offered(self._offered())
        self.action_bar.set_busy(is_busy)
        if self._versions is not None:
            self._versions.setVisible(len(self._message.versions) > 1 and self.editor is None)
            self._versions.set_busy(is_busy)
        if self.editor is not None:
            self.editor.set_busy(is_busy)

    def _update_quiet(self) -> None:
        self.action_bar.set_quiet(not (self._is_hovered or self._has_focus or self.is_last))

    # Qt

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not self._is_seen:
            self._update_palette()
        if event.type() == QEvent.Type.FontChange and self.editor is not None:
            take_font(self.editor)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        super().enterEvent(event)
        self._is_hovered = True
        self._update_quiet()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        super().leaveEvent(event)
        self._is_hovered = False
        self._update_quiet()

    def _on_application_focus_changed(self, _old: QWidget | None, now: QWidget | None) -> None:
        has_focus = now is not None and self.isAncestorOf(now)
        if has_focus != self._has_focus:
            self._has_focus = has_focus
            self._update_quiet()

    # Wishes

    def _on_actions_requested(self, action: str) -> None:
        match action:
            case Action.COPY:
                QGuiApplication.clipboard().setText(self.browser.answer())
            case Action.EDIT:
                self.begin_editing()
            case Action.CONTINUE:
                self.continue_requested.emit(self.message_id)
            case Action.DELETE:
                self.delete_requested.emit(self.message_id)
            case Action.FORK:
                self.fork_requested.emit(self.message_id)
            case Action.PIN | Action.UNPIN:
                self.pin_requested.emit(self.message_id, action == Action.PIN)
            case Action.DETAILS:
                self.details_requested.emit(self.message_id)
            case _:
                self.action_requested.emit(self.message_id, action)

    def _on_versions_step_requested(self, step: int) -> None:
        self.version_requested.emit(self.message_id, step)

    def _on_editor_saved(self, text: str) -> None:
        self.edit_requested.emit(self.message_id, text)

    def _on_editor_cancelled(self) -> None:
        self.end_editing()
        self.focus_action(Action.EDIT)


class UserRow(MessageRow):
    """The user's own words, as they were typed, on a tinted ground."""

    def __init__(self, message: Message) -> None:
        actions = (Action.COPY, Action.EDIT, Action.DELETE, Action.MORE)
        super().__init__(message, self.tr("You"), "You", MessageBrowser(PlainStream), actions)
        self.top.addLayout(self.buttons_line)
        self.browser.raise_()  # the order for a screen reader
        if message.attachments:
            self.column.addWidget(self._attached(message.attachments))
        self.action_bar.raise_()
        self.show_message(message)

    def _attached(self, attachments: tuple[Attachment, ...]) -> QLabel:
        names = ", ".join(_on_one_line(attachment.name) for attachment in attachments)
        label = _secondary_label(self.tr("Attached: {0}").format(names))
        label.setObjectName("attached")
        return label

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = colours(self.palette())
        painter.setPen(QColor(look.outline))
        painter.setBrush(QColor(look.bubble))
        radius = self.fontMetrics().height() * 0.6
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class ReplyRow(MessageRow):
    """A formatted reply, how it comes along, and how it ended."""

    def __init__(self, message: Message) -> None:
        actions = (Action.COPY, Action.EDIT, Action.REGENERATE, Action.CONTINUE, Action.DELETE, Action.MORE)
        super().__init__(message, self.tr("Assistant"), "Assistant", _reply_browser(), actions)
        self._failure: FailurePanel | None = None
        self._told: Failure | None = None
        self._line = _secondary_label("")
        self._bar: QProgressBar | None = None
        self.browser.raise_()  # the order for a screen reader
        self.buttons_line.addStretch(1)
        self._last_line = QHBoxLayout()
        self._last_line.addWidget(self._line, 100)
        self._last_line.addStretch(1)
        self._bottom = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._bottom.setSpacing(0)
        self._bottom.addLayout(self.buttons_line)
        self._bottom.addLayout(self._last_line, 100)
        self.column.addLayout(self._bottom)
        self.action_bar.raise_()
        self._line.raise_()
        self._set_line("")
        self.show_message(message)

    def _thin_bar(self) -> QProgressBar:
        em = self.fontMetrics().height()
        bar = QProgressBar(self, maximum=1000, textVisible=False)
        bar.setObjectName("progress")
        bar.setAccessibleName("Progress")
        bar.setFixedSize(em * 6, max(3, em // 4))
        return bar

    def show_message(self, message: Message) -> None:
        super().show_message(message)
        if message.state is not MessageState.WRITING:
            failure = _failure_of(message)
            # What was told when it happened may offer more than is known from the disk.
            is_told = failure and self._told and failure.title == self._told.title
            self.finish(_footer_of(message), self._told if is_told else failure)
        elif not self._is_writing:
            self._is_writing = True
            self._set_line("")
            self._set_failure(None)
            self._update_buttons()

    def append_text(self, text: str) -> None:
        super().append_text(text)
        if self._shows_progress:
            self._set_line("")
            self._update_buttons()

    def show_progress(self, text: str, fraction: float | None) -> None:
        """How far the model is on its way to the first word. `fraction` None shows no bar."""
        self._set_line(text, is_progress=True)
        if self._bar is None:
            self._bar = self._thin_bar()
            self._last_line.insertWidget(1, self._bar)
        self._bar.setVisible(fraction is not None)
        self._bar.setValue(round((fraction or 0) * self._bar.maximum()))
        self._update_buttons()

    def finish(self, footer: str, failure: Failure | None) -> None:
        """Nothing more will be written."""
        self._is_writing = False
        self.browser.end_writing(_reasoning_seconds(self._message))
        self._set_line(footer)
        self._set_failure(failure)
        self._update_buttons()

    def tab_chain(self) -> list[QWidget]:
        chain = super().tab_chain()
        after_text = len((self.editor or self.browser).tab_chain())
        return [*chain[:after_text], *(self._failure.buttons if self._failure else []), *chain[after_text:]]

    def _origin(self) -> str:
        return self._message.model

    def _set_line(self, text: str, *, is_progress: bool = False) -> None:
        """The line beside the buttons: at first how far the reply is, at last how it went."""
        self._shows_progress = is_progress
        self._line.setText(text)
        self._line.setVisible(bool(text))
        self._line.setAlignment(
            Qt.AlignmentFlag.AlignVCenter | (Qt.AlignmentFlag.AlignLeft if is_progress else Qt.AlignmentFlag.AlignRight)
        )
        if self._bar is not None:
            self._bar.hide()

    def _place_line(self, width: int) -> None:
        """Puts the line below the buttons if in a row as wide as that there is no room beside them."""
        margins = self.column.contentsMargins()
        room = width - margins.left() - margins.right() - self.buttons_line.sizeHint().width()
        fits = self._shows_progress or room >= self.fontMetrics().horizontalAdvance(f"{self._line.text()}  ")
        direction = QBoxLayout.Direction.LeftToRight if fits else QBoxLayout.Direction.TopToBottom
        if direction is not self._bottom.direction():
            self._bottom.setDirection(direction)

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        self._place_line(width)
        return super().heightForWidth(width)

    def _set_failure(self, failure: Failure | None) -> None:
        if failure == self._told:
            return
        self._told = failure
        if self._failure is not None:
            self._failure.hide()
            self._failure.deleteLater()
            self._failure = None
        if failure is not None:
            self._failure = FailurePanel(failure)
            self._failure.action_requested.connect(self._on_actions_requested)
            self.column.insertWidget(2, self._failure)
            take_font(self._failure)
            self._failure.stackUnder(self._versions or self.action_bar)  # the order for a screen reader
            self._failure.show()

    def _offered(self) -> list[Action]:
        offered = set(super()._offered())
        if self._is_writing:
            offered &= set() if self._shows_progress else {Action.COPY}
        if not self.is_last or self._failure is not None:
            offered.discard(Action.REGENERATE)
        if not self.is_last or not self.browser.text():
            offered.discard(Action.CONTINUE)
        return list(offered)

    def _offer(self) -> None:
        super()._offer()
        if self._failure is not None:
            self._failure.show_actions(self.is_last)
            for button in self._failure.buttons:
                button.setEnabled(not self._is_busy or button.objectName() != TRY_AGAIN)


def _reply_browser() -> MessageBrowser:
    return MessageBrowser(MarkdownStream, has_reasoning=True)


def _reasoning_seconds(message: Message) -> float:
    """0 if it is not known."""
    stored = (message.stats or {}).get("reasoning_seconds")
    return float(stored) if isinstance(stored, int | float) and 0 < stored < 1e6 else 0.0


def _application() -> QApplication:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    return application


def _bold() -> QFont:
    bold = QFont()
    bold.setBold(True)
    return bold


def _secondary_label(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def _on_one_line(name: str) -> str:
    """The name of a file without what would break the line or turn it around."""
    return " ".join("".join(char if char.isprintable() else " " for char in name).split())


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
