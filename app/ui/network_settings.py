"""The settings of what leaves this computer, and of what comes to it: offline, the Hub token, the models folder."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.ui import accessibility
from app.ui.network_session import TokenPlace
from app.ui.plain_text import tool_tip


class NetworkSettings(QWidget):
    """Takes a token but never shows one: what is typed is cleared once it is handed on."""

    offline_changed = Signal(bool)  # by the user
    token_saved = Signal(str)
    token_removed = Signal()
    token_check_requested = Signal()
    models_folder_requested = Signal()  # another one
    look_for_releases_changed = Signal(bool)  # by the user
    release_page_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("network_settings")
        self._offline = QCheckBox(self.tr("Offline"))
        self._offline.setObjectName("offline")
        self._offline.setAccessibleName("Offline")
        self._offline.toggled.connect(self.offline_changed)
        self._token = QLineEdit()
        self._token.setObjectName("hub_token")
        self._token.setAccessibleName("Hub token")
        self._token.setEchoMode(QLineEdit.EchoMode.Password)
        self._token.setPlaceholderText(self.tr("hf_…"))
        self._token.textChanged.connect(self._update_save)
        self._token.returnPressed.connect(self._on_save_clicked)
        self._save = _button("Save token", self.tr("Save token"))
        self._save.clicked.connect(self._on_save_clicked)
        self._check = _button("Check token", self.tr("Check token"))
        self._check.clicked.connect(self.token_check_requested)
        self._remove = _button("Remove token", self.tr("Remove token"))
        self._remove.clicked.connect(self.token_removed)
        self._kept = _note("token_place")
        self._message = _note("token_message")
        self._folder = QLineEdit(readOnly=True)
        self._folder.setObjectName("models_folder")
        self._folder.setAccessibleName("Models folder")
        self._change = _button("Change models folder", self.tr("Change…"))
        self._change.clicked.connect(self.models_folder_requested)
        self._releases = QCheckBox(self.tr("Look for new versions"))
        self._releases.setObjectName("look_for_new_versions")
        self._releases.setAccessibleName("Look for new versions")
        self._releases.toggled.connect(self.look_for_releases_changed)
        self._release = _note("release")
        self._release_page = _button("Open the release page", self.tr("Open the release page"))
        self._release_page.clicked.connect(self.release_page_requested)
        self._lay_out()
        self.setFocusProxy(self._offline)
        self.set_token_place(TokenPlace.NOWHERE)
        self.set_release("", has_page=False)
        self._update_save()

    def _lay_out(self) -> None:
        help_text = self.tr("No connection leaves this computer.")
        self._offline.setAccessibleDescription(help_text)
        em = self.fontMetrics().height()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(max(2, em // 3))
        layout.addWidget(self._offline)
        layout.addWidget(_note("offline_help", help_text))
        layout.addSpacing(em)
        layout.addWidget(_label(self.tr("Hub token"), self._token))
        layout.addLayout(_row(self._token, self._save))
        layout.addWidget(self._kept)
        layout.addLayout(_row(None, self._check, self._remove))
        layout.addWidget(self._message)
        layout.addSpacing(em)
        layout.addWidget(_label(self.tr("Models folder"), self._folder))
        layout.addLayout(_row(self._folder, self._change))
        layout.addWidget(_note("models_folder_help", self.tr("Downloads go here. What was downloaded before stays.")))
        layout.addSpacing(em)
        releases_help = self.tr("Asks GitHub once a day for the number of the newest, and tells nothing about you.")
        self._releases.setAccessibleDescription(releases_help)
        layout.addWidget(self._releases)
        layout.addWidget(_note("look_for_new_versions_help", releases_help))
        layout.addWidget(self._release)
        layout.addLayout(_row(None, self._release_page))

    def set_offline(self, offline: bool) -> None:
        """Shows whether the network is switched off."""
        with QSignalBlocker(self._offline):
            self._offline.setChecked(offline)

    def set_token_place(self, place: TokenPlace) -> None:
        """Says where the token is kept, if there is one."""
        words = {
            TokenPlace.NOWHERE: self.tr("There is no token. Only gated and private models need one."),
            TokenPlace.KEYRING: self.tr("A token is kept in the system keyring."),
            TokenPlace.THIS_RUN: self.tr("This system has no keyring: the token is kept until Paddock is closed."),
        }
        has_token = place is not TokenPlace.NOWHERE
        if not has_token and (self._check.hasFocus() or self._remove.hasFocus()):
            self._token.setFocus()
        self._kept.setText(words[place])
        self._token.setAccessibleDescription(words[place])
        self._check.setVisible(has_token)
        self._remove.setVisible(has_token)
        self.show_token_message("")

    def show_token_message(self, text: str) -> None:
        """Says what the Hub thinks of the token."""
        self._message.setText(text)
        self._message.setVisible(bool(text))
        if text:
            accessibility.announce(self, text)

    def set_models_folder(self, path: str) -> None:
        """Shows where downloads go."""
        self._folder.setText(path)
        self._folder.setToolTip(tool_tip(path))
        self._folder.setCursorPosition(0)

    def set_look_for_releases(self, look: bool, *, possible: bool) -> None:
        """Shows whether new versions are looked for, and whether they can be."""
        with QSignalBlocker(self._releases):
            self._releases.setChecked(look and possible)
        self._releases.setEnabled(possible)

    def set_release(self, text: str, *, has_page: bool) -> None:
        """Says what is known of new versions; with a page, it can be asked for."""
        if self._release_page.hasFocus() and not has_page:
            self._releases.setFocus()
        self._release.setText(text)
        self._release.setVisible(bool(text))
        self._release_page.setVisible(has_page)

    def focus_token(self) -> None:
        """Puts the cursor where a token is entered."""
        self._token.setFocus()

    def _update_save(self) -> None:
        if self._save.hasFocus() and not self._token.text().strip():
            self._token.setFocus()
        self._save.setEnabled(bool(self._token.text().strip()))

    def _on_save_clicked(self) -> None:
        if token := self._token.text().strip():
            self._token.clear()
            self.show_token_message("")
            self.token_saved.emit(token)


def _label(text: str, buddy: QWidget) -> QLabel:
    label = QLabel(text)
    label.setBuddy(buddy)
    return label


def _note(name: str, text: str = "") -> QLabel:
    note = QLabel(wordWrap=True)
    note.setObjectName(name)
    note.setTextFormat(Qt.TextFormat.PlainText)
    note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    note.setText(text)
    return note


def _button(name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name.lower().replace(" ", "_"))
    button.setAccessibleName(name)
    return button


def _row(wide: QWidget | None, *others: QWidget) -> QHBoxLayout:
    """One widget that takes the room there is, and others beside it."""
    row = QHBoxLayout()
    if wide is not None:
        row.addWidget(wide, 1)
    for other in others:
        row.addWidget(other)
    if wide is None:
        row.addStretch(1)
    return row
