"""How full the model's context would be if the message were sent now: one line below the composer.

What would be forgotten is said before it is, in this line and to a screen reader.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QFont, QPalette, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QWidget

from app.core.errors import AppError, NoModelLoaded
from app.core.units import format_count
from app.engine.protocol import PromptPreviewed
from app.ui.accessibility import announce, describe
from app.ui.context_bar import ContextBar, Part, sizes_of
from app.ui.context_details import ContextDetails
from app.ui.icons import IconButton
from app.ui.messages import failure_words

_NARROW = 60  # average characters


class ContextMeter(QWidget):
    """Shows previews of the prompt. Its button opens the parts in words, and the choice of what may be forgotten."""

    policy_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        describe(ContextMeter, QAccessible.Role.Grouping, QWidget.accessibleName)
        self.setObjectName("context")
        self.setAccessibleName("Context")
        self._policy = "oldest"
        self._warning = ""
        self._bar = ContextBar()
        self._text = QLabel(wordWrap=True)
        self._text.setObjectName("context_text")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._button = IconButton("more", scale=1.0)
        self._button.setObjectName("show_context_details")
        self._button.setAccessibleName("Show context details")
        self._button.setToolTip(self.tr("What fills the context, and what the model may forget"))
        self._button.clicked.connect(self._on_button_clicked)
        self._details = ContextDetails(self)
        self._details.policy_chosen.connect(self._on_details_policy_chosen)
        self.setFocusProxy(self._button)
        self._bar_and_text = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._bar_and_text.addWidget(self._bar)
        self._bar_and_text.addWidget(self._text, 1)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(self._bar_and_text, 1)
        row.addWidget(self._button)
        self.set_policy("oldest")
        self.show_unknown()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The bar is above the text where beside it there would be room for few words."""
        super().resizeEvent(event)
        self._arrange(self.width())
        self._row.activate()

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        self._arrange(width)
        return super().heightForWidth(width)

    def _arrange(self, width: int) -> None:
        is_narrow = width < self.fontMetrics().averageCharWidth() * _NARROW
        directions = QBoxLayout.Direction
        self._bar_and_text.setDirection(directions.TopToBottom if is_narrow else directions.LeftToRight)

    def show_preview(self, preview: PromptPreviewed, dropping: int) -> None:
        """Shows what the model would be given; `dropping` messages that it sees now would go."""
        if preview.refusal == NoModelLoaded.__name__:
            self.show_unknown()
        elif preview.refusal:
            self._show_refusal(preview)
        else:
            sizes = sizes_of(preview)
            self._bar.show_sizes(sizes)
            used = self._used(sizes, preview.context_length)
            warning = self._dropping(dropping) if dropping > 0 else ""
            line = warning or f"{used} · {self._others(sizes)}"
            self._show_words(line, warning, sizes, said=f"{warning}. {used}." if warning else f"{used}.")

    def show_unknown(self) -> None:
        """There is nothing to measure with."""
        self._bar.show_sizes({})
        self._show_words(self.tr("How full the context is shows once a model is loaded."), "", {})

    def set_policy(self, policy: str) -> None:
        """What the conversation's policy is: "oldest", "middle" or "ask"."""
        self._policy = policy
        self._details.set_policy(policy)

    def _show_refusal(self, preview: PromptPreviewed) -> None:
        title, detail, hint = failure_words(AppError.from_name(preview.refusal, preview.detail))
        warning = self.tr("This would not be sent: {0}").format(f"{title[:1].lower()}{title[1:]}")
        self._bar.show_over()
        self._show_words(f"{warning}. {detail}".strip(), warning, {}, said=f"{title}. {detail} {hint}")

    def _used(self, sizes: dict[Part, int], context_length: int) -> str:
        used = sum(size for part, size in sizes.items() if part not in (Part.RESERVE, Part.FREE))
        return self.tr("{0} of {1} tokens").format(format_count(used), format_count(context_length))

    def _others(self, sizes: dict[Part, int]) -> str:
        message, reserve = format_count(sizes[Part.NEXT]), format_count(sizes[Part.RESERVE])
        return self.tr("next message {0} · {1} kept for the reply").format(message, reserve)

    def _dropping(self, count: int) -> str:
        if self._policy == "middle":
            which = (
                self.tr("a message after the first ones")
                if count == 1
                else self.tr("{0} messages after the first ones").format(count)
            )
        else:
            which = self.tr("the oldest message") if count == 1 else self.tr("the {0} oldest messages").format(count)
        return self.tr("Sending this will drop {0} from what the model sees").format(which)

    def _show_words(self, line: str, warning: str, sizes: dict[Part, int], said: str = "") -> None:
        font = QFont()
        font.setBold(bool(warning))
        self._text.setFont(font)
        self._text.setForegroundRole(QPalette.ColorRole.WindowText if warning else QPalette.ColorRole.PlaceholderText)
        self._text.setText(line)
        self._details.show_parts(said or line, sizes)
        description = self._details.accessibleDescription()
        self.setAccessibleDescription(description)
        self._button.setAccessibleDescription(description)
        is_news = warning and not self._warning
        self._warning = warning
        if is_news and self.isVisible():
            announce(self, warning)

    def _on_button_clicked(self) -> None:
        self._details.open_above(self._button)

    def _on_details_policy_chosen(self, policy: str) -> None:
        self._policy = policy
        self.policy_changed.emit(policy)
