"""How a message came about: the model, its settings, how fast it was, why it ended, and the exact prompt.

What was kept with a message may come from an older version or from a file: what makes no sense is left out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.conversation import Message, MessageState
from app.core.quants import quant_in_name
from app.core.settings import Group, names_in, setting_of
from app.core.units import format_count
from app.ui import accessibility, words
from app.ui.moments import moment_in_words

_LONGEST = 300  # characters of a value


class MessageDetails(QDialog):
    """What `details_of` says, `Copy`, and for a reply `Show the exact prompt`, which somebody else has to find out."""

    prompt_requested = Signal(str)  # message id; answered by `show_prompt` or `show_problem`

    def __init__(self, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_details")
        self.setWindowTitle(self.tr("Details of the message"))
        self._details = details_of(message)
        self._problem = _secondary("problem")
        self._caption = _secondary("prompt_caption")
        self._caption.setText(
            self.tr("What the model that is loaded now is given for this reply, with the system prompt of today:")
        )
        self._prompt = QPlainTextEdit(readOnly=True, tabChangesFocus=True)
        self._prompt.setObjectName("exact_prompt")
        self._prompt.setAccessibleName("Exact prompt")
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        fixed.setPointSizeF(self.font().pointSizeF())
        self._prompt.setFont(fixed)
        self._prompt.setMinimumHeight(self.fontMetrics().height() * 12)
        layout = QVBoxLayout(self)
        values = self._values()
        area = self._scrolled(values)
        layout.addWidget(area, 1)
        for widget, stretch in ((self._problem, 0), (self._caption, 0), (self._prompt, 2)):
            widget.hide()
            layout.addWidget(widget, stretch)
        layout.addWidget(self._buttons(message))
        self._close.setDefault(True)
        self._close.setFocus()
        unit = self.fontMetrics().averageCharWidth()
        around = self.sizeHint().height() - area.sizeHint().height()
        most = self.screen().availableGeometry().height() * 3 // 4
        self.resize(unit * 80, min(values.heightForWidth(unit * 74) + around, most))

    def _values(self) -> QWidget:
        values = QWidget()
        form = QFormLayout(values)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setHorizontalSpacing(self.fontMetrics().height())
        for name, value in self._details:
            heading = _secondary("heading")
            heading.setText(name)
            heading.setWordWrap(False)
            form.addRow(heading, _Value(name, value))
        return values

    def _scrolled(self, values: QWidget) -> QScrollArea:
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(values)
        area.viewport().setAutoFillBackground(False)
        values.setAutoFillBackground(False)
        area.setMinimumHeight(self.fontMetrics().height() * 6)
        return area

    def _buttons(self, message: Message) -> QDialogButtonBox:
        buttons = QDialogButtonBox()
        self._show = _button(buttons, "show_the_exact_prompt", self.tr("Show the exact prompt"))
        self._show.clicked.connect(partial(self.prompt_requested.emit, message.id))
        self._show.setVisible(message.role != "user")
        copy = _button(buttons, "copy", self.tr("Copy"))
        copy.clicked.connect(self._on_copy_clicked)
        self._close = buttons.addButton(self.tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        self._close.setObjectName("close")
        self._close.setAccessibleName("Close")
        buttons.rejected.connect(self.reject)
        return buttons

    def show_prompt(self, text: str) -> None:
        """Shows the prompt that was asked for, exactly."""
        self.show_problem("")
        self._prompt.setPlainText(text)
        if self._prompt.isHidden():
            self._caption.show()
            self._prompt.show()
            self._show.hide()
            self.resize(self.width(), self.height() + self._prompt.minimumHeight() + self._caption.sizeHint().height())
        self._prompt.setFocus()

    def show_problem(self, text: str) -> None:
        """Says why there is no prompt. Empty: there is no problem."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        if text:
            accessibility.announce(self, text)

    def _on_copy_clicked(self) -> None:
        lines = [f"{name}: {value}" for name, value in self._details]
        if not self._prompt.isHidden():
            lines += ["", self._prompt.toPlainText()]
        QGuiApplication.clipboard().setText("\n".join(lines))


class _Value(QLabel):
    """One value: with the focus it is selected, so that it can be seen where one is, and copied."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(value, wordWrap=True)
        self.setObjectName(name.lower().replace(" ", "_").replace("-", "_"))
        self.setAccessibleName(f"{name}: {value}")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.setSelection(0, len(self.text()))


def details_of(message: Message) -> list[tuple[str, str]]:
    """All that is known of how `message` came about, as headings and values, without what is not known."""
    known = [(_tr("Written"), moment_in_words(message.created_at))]
    if message.role == "user":
        known.append((_tr("Attached"), _printable(", ".join(attachment.name for attachment in message.attachments))))
    else:
        stats = message.stats or {}
        known += [*_origin(message, stats), *_settings(stats), *_figures(stats), (_tr("Ended"), _ending(message))]
    return [(name, value) for name, value in known if value]


def _origin(message: Message, stats: dict[str, Any]) -> list[tuple[str, str]]:
    model = _printable(message.model)
    quant = quant_in_name(model)
    return [
        (_tr("Model"), model.removesuffix(quant).strip()),
        (_tr("Quant"), quant),
        (_tr("Runs on"), _text(stats, "backend")),
        (setting_of("threads").label, _count(stats, "threads")),
        (setting_of("gpu_layers").label, _count(stats, "gpu_layers")),
    ]


def _settings(stats: dict[str, Any]) -> list[tuple[str, str]]:
    """How the words were chosen, named as in Settings; the seed is the one that was drawn."""
    kept = stats.get("sampling")
    sampling: dict[str, Any] = {**(kept if isinstance(kept, dict) else {}), "seed": stats.get("seed")}
    shown = []
    for name in names_in(Group.SAMPLING):
        setting = setting_of(name)
        value = _number(sampling.get(name))
        if value is not None:
            shown.append((setting.label, str(value) if isinstance(value, int) else f"{value:g}"))
        elif name == "reply_limit" and name in sampling:
            shown.append((setting.label, setting.automatic))
    return shown


def _figures(stats: dict[str, Any]) -> list[tuple[str, str]]:
    speed, first, thought = (
        _number(stats.get(name)) or 0.0 for name in ("tokens_per_second", "first_token_seconds", "reasoning_seconds")
    )
    prompt, cached = _count(stats, "prompt_tokens"), _number(stats.get("cached_tokens"))
    if prompt and cached:
        prompt = _tr("{0}, {1} of them known from before").format(prompt, format_count(int(cached)))
    used, length = (int(_number(stats.get(name)) or 0) for name in ("context_used", "context_length"))
    unseen = stats.get("unseen")
    return [
        (_tr("Prompt tokens"), prompt),
        (_tr("Reply tokens"), _count(stats, "reply_tokens")),
        (_tr("Speed"), words.speed(speed) if speed > 0 else ""),
        (_tr("First token after"), words.seconds(first) if first > 0 else ""),
        (_tr("Thought for"), words.seconds(thought) if thought > 0 else ""),
        (_tr("Context used"), _tr("{0} of {1}").format(format_count(used), format_count(length)) if length > 0 else ""),
        (_tr("Messages not seen"), format_count(len(unseen)) if isinstance(unseen, list) and unseen else ""),
    ]


def _ending(message: Message) -> str:
    """Why the reply ended, in words."""
    if message.state is MessageState.WRITING:
        return _tr("it is being written")
    if message.state is MessageState.INTERRUPTED:
        return _tr("Paddock was closed while this was being written")
    if message.state is MessageState.FAILED:
        return _printable(message.note.partition("\n")[0])
    stopped = words.reason("stopped") if message.state is MessageState.STOPPED else ""
    return words.reason(_text(message.stats or {}, "reason")) or stopped


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e15 else None  # nor is NaN


def _count(stats: dict[str, Any], name: str) -> str:
    value = _number(stats.get(name))
    return "" if value is None else format_count(int(value))


def _text(stats: dict[str, Any], name: str) -> str:
    value = stats.get(name)
    return _printable(value) if isinstance(value, str) else ""


def _printable(value: str) -> str:
    """`value` on one line, of a length that can be shown, without what would turn it around."""
    line = "".join(char if char.isprintable() else " " for char in value[:_LONGEST])
    return f"{line}…" if len(value) > _LONGEST else line


def _secondary(name: str) -> QLabel:
    label = QLabel(wordWrap=True)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def _button(buttons: QDialogButtonBox, name: str, text: str) -> QPushButton:
    button = buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
    button.setObjectName(name)
    button.setAccessibleName(name.replace("_", " ").capitalize())
    return button


def _tr(text: str) -> str:
    return QCoreApplication.translate("message_details", text)
