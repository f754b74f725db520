"""The page of one model: what it is, its quants, and its card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QCoreApplication, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.core import errors
from app.core.downloads import Progress
from app.core.hub_model import ChatTuning, HubModel
from app.core.quants import QuantRow
from app.core.units import format_count
from app.ui import accessibility
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.messages import failure_words
from app.ui.model_card import ModelCard
from app.ui.model_list import likes_in_words
from app.ui.moments import moment_in_words
from app.ui.notice import Notice
from app.ui.quant_table import QuantTable

_GO_ONLINE, _TRY_AGAIN, _ENTER_TOKEN = "go_online", "try_again", "enter_token"
_GGUF_VERSIONS = "find_gguf_versions"
_ABOUT_A_TOKEN = (errors.TokenNeeded, errors.TokenRefused, errors.AccessNotGranted, errors.TokenLacksPermission)


class ModelPage(QScrollArea):
    """Shows one model at a time, from `show_loading` on; emits what is to be done with it."""

    back_requested = Signal()
    download_requested = Signal(str)  # the quant's name
    use_requested = Signal(str)
    gguf_versions_requested = Signal()
    page_requested = Signal()  # in the browser
    token_requested = Signal()
    go_online_requested = Signal()
    retry_requested = Signal()
    link_activated = Signal(str)  # an http or https address
    sight_changed = Signal(object)  # the names of the quants that can be seen, from the top

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_page")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self._back = _button("back", self.tr("← Back"), "Back")
        self._back.clicked.connect(self.back_requested)
        self._open = _button("open_page_in_browser", self.tr("Open page in browser"), "Open page in browser")
        self._open.clicked.connect(self.page_requested)
        self._name = _label("model_name", scale=1.6)
        self._owner = _label("model_owner", secondary=True)
        self._facts = _label("model_facts", secondary=True)
        self._panels: Sequence[Notice | FailurePanel] = ()
        self._quants = QuantTable()
        self._quants.download_requested.connect(self.download_requested)
        self._quants.use_requested.connect(self.use_requested)
        self._quants.row_reached.connect(self._on_quants_row_reached)
        self._quants.sight_changed.connect(self.sight_changed)
        self._card_heading = _label("card_heading", scale=1.3)
        self._card_heading.setText(self.tr("Model card"))
        self._card = ModelCard()
        self._card.link_activated.connect(self.link_activated)
        self._card.caret_moved.connect(self._on_card_caret_moved)
        self._page = QWidget()
        self._lay_out()
        self.show_loading("")

    def _lay_out(self) -> None:
        em = self.fontMetrics().height()
        top = QHBoxLayout()
        top.addWidget(self._back)
        top.addStretch(1)
        top.addWidget(self._open)
        header = QVBoxLayout()
        header.setSpacing(em // 3)
        header.addWidget(self._name)
        header.addWidget(self._owner)
        header.addWidget(self._facts)
        column = QWidget()
        column.setMaximumWidth(self.fontMetrics().averageCharWidth() * 165)
        self._column = QVBoxLayout(column)
        self._column.setSpacing(em)
        self._column.addLayout(top)
        self._column.addLayout(header)
        self._column.addWidget(self._quants)
        self._column.addWidget(self._card_heading)
        self._column.addWidget(self._card)
        self._column.addStretch(1)
        self._card.setMaximumWidth(self.fontMetrics().averageCharWidth() * 110)
        outer = QHBoxLayout(self._page)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(column)
        self.setWidget(self._page)

    # Values

    def show_loading(self, repo: str) -> None:
        """The model `repo` is being looked up."""
        owner, _, name = repo.rpartition("/")
        self._name.setText(name)
        self._owner.setText(owner)
        self._facts.setText(self.tr("Looking it up…"))
        self._show_panels([])
        self._quants.hide()
        self._quants.show_rows(())
        self._quants.set_downloads({})
        self._quants.set_on_disk(())
        self._card_heading.hide()
        self._card.clear()
        self.verticalScrollBar().setValue(0)

    def show_model(self, model: HubModel, rows: Sequence[QuantRow]) -> None:
        """Shows what the Hub says about the model, and its quants as they suit this computer."""
        self._name.setText(model.name)
        self._owner.setText(model.owner)
        self._facts.setText(_facts(model))
        self._show_panels(self._notices(model, has_quants=bool(rows)))
        self._quants.setVisible(bool(rows))
        self.show_rows(rows)
        if self._back.hasFocus():
            self.setFocus()  # it was there because there was nothing else

    def show_rows(self, rows: Sequence[QuantRow]) -> None:
        """The same quants, after memory or settings have changed."""
        self._quants.show_rows(rows)

    def show_card(self, markdown: str, base_url: str) -> None:
        """Shows the model's card; `base_url`, the folder of its files, is where relative links start."""
        self._card.show_card(markdown, base_url)
        self._card_heading.setVisible(bool(markdown.strip()))

    def show_failure(self, error: errors.AppError) -> None:
        """The model could not be looked up."""
        title, detail, hint = failure_words(error)
        self._facts.clear()
        self._show_panels([FailurePanel(Failure(title, detail, hint, self._ways_on(error)))])
        accessibility.announce(self, title)

    def set_downloads(self, states: Mapping[str, Progress]) -> None:
        """The downloads of this model's quants under way, by the quants' names."""
        self._quants.set_downloads(states)

    def set_on_disk(self, names: Iterable[str]) -> None:
        """The names of this model's quants that are on this computer."""
        self._quants.set_on_disk(names)

    # Panels

    def _notices(self, model: HubModel, *, has_quants: bool) -> list[Notice]:
        notices = []
        if model.tuning is ChatTuning.NO:
            notices.append(
                Notice(
                    self.tr(
                        "Not tuned for chat: it continues text instead of answering. "
                        "Look for a version with “chat” or “instruct” in its name."
                    )
                )
            )
        if not has_quants:
            formats = ", ".join(model.other_formats)
            text = self.tr("Paddock runs GGUF, and here is no model in that format.")
            if formats:
                text = self.tr("Paddock cannot run {0}; it runs GGUF.").format(formats)
            notices.append(Notice(text, [(_GGUF_VERSIONS, self.tr("Find GGUF versions"))]))
        if model.gated:
            text = self.tr("Gated: ask for access on its page in the browser, then enter a token of your account here.")
            notices.append(Notice(text, [(_ENTER_TOKEN, self.tr("Enter token"))]))
        return notices

    def _ways_on(self, error: errors.AppError) -> tuple[tuple[str, str], ...]:
        if isinstance(error, errors.Offline):
            return ((_GO_ONLINE, self.tr("Go online")),)
        again = (_TRY_AGAIN, self.tr("Try again"))
        return ((_ENTER_TOKEN, self.tr("Enter token")), again) if isinstance(error, _ABOUT_A_TOKEN) else (again,)

    def _show_panels(self, panels: Sequence[Notice | FailurePanel]) -> None:
        """Shows `panels` between the facts and the quants, in place of those that were there."""
        if any(button.hasFocus() for panel in self._panels for button in panel.buttons):
            self._back.setFocus()  # else the focus would go anywhere
        for gone in self._panels:
            gone.hide()
            gone.deleteLater()
        self._panels = panels
        last: QWidget = self._open
        for panel in panels:
            panel.action_requested.connect(self._on_panel_action_requested)
            self._column.insertWidget(self._column.indexOf(self._quants), panel)
            panel.show()
            for button in panel.buttons:
                QWidget.setTabOrder(last, button)
                last = button

    def _on_panel_action_requested(self, action: str) -> None:
        {
            _GO_ONLINE: self.go_online_requested,
            _TRY_AGAIN: self.retry_requested,
            _ENTER_TOKEN: self.token_requested,
            _GGUF_VERSIONS: self.gguf_versions_requested,
        }[action].emit()

    # Qt

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        (self._back if self._quants.isHidden() else self._quants).setFocus(event.reason())

    def _on_card_caret_moved(self, caret: QRect) -> None:
        self._bring_into_sight(self._card, caret)

    def _on_quants_row_reached(self, row: QRect) -> None:
        self._bring_into_sight(self._quants, row)

    def _bring_into_sight(self, widget: QWidget, part: QRect) -> None:
        centre = widget.mapTo(self._page, part.center())
        self.ensureVisible(self.width() // 2, centre.y(), 0, part.height())


# --- words ---------------------------------------------------------------------------------------------------------


def _facts(model: HubModel) -> str:
    """Two lines: what it is, and how it is received."""
    what = [
        tr("private") if model.private else "",
        _parameters_in_words(model.parameters),
        tr("context {0}").format(format_count(model.context_length)) if model.context_length else "",
        tr("licence {0}").format(model.licence) if model.licence else tr("no licence stated"),
        tr("based on {0}").format(_some(model.base_models)) if model.base_models else "",
    ]
    reception = [
        tr("{0} downloads in 30 days").format(format_count(model.downloads)),
        likes_in_words(model.likes),
        tr("changed {0}").format(moment_in_words(model.changed_at)) if model.changed_at else "",
    ]
    return "\n".join(" · ".join(part for part in line if part) for line in (what, reception))


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])


def _parameters_in_words(count: int) -> str:
    if count >= 1_000_000_000:
        return tr("{0} billion parameters").format(f"{count / 1_000_000_000:.1f}")
    return tr("{0} million parameters").format(round(count / 1_000_000)) if count else ""


def tr(text: str) -> str:
    return QCoreApplication.translate("ModelPage", text)


# --- widgets -------------------------------------------------------------------------------------------------------


def _label(name: str, *, scale: float = 1.0, secondary: bool = False) -> QLabel:
    label = QLabel(wordWrap=True)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setMinimumWidth(1)  # a long name must not make the page wider
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    label.setFont(font)
    if secondary:
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def _button(name: str, text: str, accessible_name: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(accessible_name)
    return button
