"""Builds every object and wires them.

Start: the window is shown first, then the engine and the model start. End: what is being typed is kept, the engine
ends, the last words are written, the database closes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from app.core import errors
from app.core.bill_history import BillHistory
from app.core.conversations import ConversationStore
from app.core.database import Connection, open_database
from app.core.files import replace_file
from app.core.paths import DataPaths
from app.core.presets import PresetStore
from app.core.recent_models import RecentModels
from app.core.resources import resource
from app.core.settings import Settings
from app.engine.child_command import child_command
from app.engine.engine import Engine
from app.engine.estimator import Estimator
from app.ui import theme
from app.ui.attachment_presenter import AttachmentPresenter
from app.ui.bill_presenter import BillPresenter
from app.ui.bug_catcher import BugCatcher
from app.ui.chat_place import ChatPlace
from app.ui.chat_presenter import ChatPresenter
from app.ui.chat_session import ChatSession
from app.ui.composer import Composer
from app.ui.context_meter import ContextMeter
from app.ui.context_presenter import ContextPresenter
from app.ui.conversation_files import Added, ConversationFiles
from app.ui.conversation_list import ConversationList
from app.ui.conversation_view import ConversationView
from app.ui.file_open import FileOpenApplication
from app.ui.garbage import GarbageCollector
from app.ui.library_place import LibraryPlace
from app.ui.main_window import MainWindow
from app.ui.memory_bill import MemoryBillView
from app.ui.message_presenter import MessagePresenter
from app.ui.messages import show_error
from app.ui.model_library import ModelLibrary
from app.ui.model_picker import ModelPicker
from app.ui.model_presenter import ModelPresenter
from app.ui.model_session import ModelSession
from app.ui.presets_box import PresetsBox
from app.ui.presets_presenter import PresetsPresenter
from app.ui.settings_panel import SettingsPanel
from app.ui.settings_place import SettingsPlace
from app.ui.settings_session import SettingsSession
from app.ui.sidebar_presenter import SidebarPresenter
from app.ui.single_instance import SingleInstance
from app.ui.status import StatusReporter
from app.ui.status_line import StatusLine
from app.ui.system_prompt import SystemPrompt

if TYPE_CHECKING:
    from app.ui.devices_presenter import DevicesPresenter
    from app.ui.network_presenter import NetworkPresenter
    from app.ui.release_session import ReleaseSession

log = logging.getLogger(__name__)

_BACKGROUND_DELAY = 500  # milliseconds; until then the computer is the window's and the engine's alone
_LOG_SIZE = 1_000_000  # bytes; a larger one is put aside at the next start, in place of the one before


def run(
    file: Path | None,
    data_dir: Path | None,
    engine_command: Sequence[str] | None = None,
    *,
    offline: bool = False,
) -> int:
    """Opens the window and returns once it is closed.

    `file` is a model to load, `data_dir` the folder that holds everything. `engine_command` starts another engine
    child than our own. `offline` starts with the network switched off.
    """
    qt = FileOpenApplication(sys.argv[:1])
    qt.setApplicationName("Paddock")
    qt.setDesktopFileName("paddock")
    qt.setWindowIcon(QIcon(str(resource("icons/paddock.svg"))))
    theme.apply_appearance(qt, "system")
    paths = DataPaths.at(data_dir) if data_dir else DataPaths.default()
    catcher = BugCatcher()
    catcher.install()
    try:
        paths.create()
        instance = SingleInstance(paths.root)
        if not instance.is_first():
            return _hand_over(instance, file)
        _log_to(paths.logs)
        database = open_database(paths.database)
        ConversationStore(database).mark_interrupted()
    except errors.AppError as error:
        return _give_up(error)
    application = Application(paths, database, engine_command or child_command(paths.packs), offline=offline)
    instance.asked_to_show.connect(application.show_and_open)
    qt.file_opened.connect(application.show_and_open)
    application.window.show()
    QTimer.singleShot(0, application, lambda: application.begin(file))
    QTimer.singleShot(0, instance, instance.listen)
    exit_code = qt.exec()
    ended = application.close()
    database.close()
    if not ended:
        log.warning("a thread did not end in time")
        logging.shutdown()
        os._exit(exit_code)  # the interpreter would wait for it
    return exit_code


def _hand_over(instance: SingleInstance, file: Path | None) -> int:
    if instance.tell_first(str(file.absolute()) if file else ""):
        return 0
    QMessageBox.information(None, "Paddock", QApplication.translate("run", "Paddock is running already."))
    return 1


def _give_up(error: errors.AppError) -> int:
    show_error(None, error)
    QApplication.exec()  # ends with its last window, which is the dialog
    return 1


def _log_to(folder: Path) -> None:
    # Not a RotatingFileHandler: its module imports sockets and pickle, and the start would wait for them.
    file = folder / "paddock.log"
    with contextlib.suppress(OSError):
        if file.stat().st_size > _LOG_SIZE:
            file.replace(file.with_suffix(".old.log"))
    handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("app").addHandler(handler)
    logging.getLogger("app").setLevel(logging.INFO)


class Application(QObject):
    """The window and all behind it, wired."""

    def __init__(
        self, paths: DataPaths, database: Connection, engine_command: Sequence[str] | None, *, offline: bool = False
    ) -> None:
        super().__init__()
        self._engine_command = engine_command
        self._paths = paths
        self.settings = SettingsSession(paths, self)
        self._panel_path = ""  # the model whose settings the panel shows
        self._deleted = ""  # the conversation or the message that was deleted last
        self._undo_delete: Callable[[], None] | None = None  # brings it back
        store, recent = ConversationStore(database), RecentModels(database)
        self.engine = Engine(engine_command)
        self.estimator = Estimator(engine_command, self)
        self._bill_history = BillHistory(paths.bill_history)
        self.models = ModelSession(
            self.engine, recent, self.settings.of, self, bill_correction=self._bill_history.excess
        )
        self.chat = ChatSession(store, self.engine, self.models, self.settings.shared, self)
        self._build_widgets()
        self.library = ModelLibrary(
            paths,
            database,
            recent,
            self.models,
            self.settings,
            self.estimator,
            self._bill_history.excess,
            self._library_place,
            self.window.show_toast,
            offline=offline or self.settings.shared().offline,
            parent=self,
        )
        self._chat_presenter = ChatPresenter(
            self.chat,
            store,
            self.settings.shared,
            lambda: bool(recent.all()),
            self._conversations,
            self._view,
            self._composer,
            self._system_prompt,
            self,
        )
        self._message_presenter = MessagePresenter(self.chat, self._view, self)
        self._sidebar_presenter = SidebarPresenter(store, paths.database, self.library.jobs, self._conversations, self)
        self._context_presenter = ContextPresenter(
            self.chat, self.models, self.settings, self._composer, self._meter, self
        )
        self._attachment_presenter = AttachmentPresenter(
            self.chat, self.models, self.engine, self.library.jobs, self._composer, self
        )
        self._presets_presenter = PresetsPresenter(
            PresetStore(paths.presets), self.settings, self._presets, self._system_prompt, self
        )
        self._files = ConversationFiles(paths.database, self.library.jobs, self.window, self)
        self._model_presenter = ModelPresenter(
            self.models, self.library.on_disk, self._picker, self._panel, self._view, self
        )
        self._bill_presenter = BillPresenter(
            self.estimator,
            self._bill_history,
            self.engine,
            self.models,
            self.settings,
            self._panel,
            self._bill,
            self,
        )
        self._network_presenter: NetworkPresenter | None = None
        self._devices_presenter: DevicesPresenter | None = None
        self._garbage = GarbageCollector(self)
        self._background = QTimer(self, singleShot=True, interval=_BACKGROUND_DELAY)
        self._background.timeout.connect(self._on_background_timeout)
        self._status = StatusReporter(self.engine, self.models, self)
        self._wire()
        self._settings_place.set_data_folder(str(paths.root))
        self._show_settings()
        self._restore_layout()

    def _build_widgets(self) -> None:
        self._conversations = ConversationList()
        self._picker = ModelPicker()
        self._view = ConversationView()
        self._composer = Composer()
        self._status_line = StatusLine()
        self._meter, self._presets = ContextMeter(), PresetsBox()
        self._system_prompt = SystemPrompt()
        self._panel, self._bill = SettingsPanel(), MemoryBillView()
        self._panel.set_bill(self._bill)
        self._library_place = LibraryPlace()
        self._settings_place = SettingsPlace()
        place = ChatPlace(
            self._conversations,
            self._picker,
            self._view,
            self._composer,
            self._status_line,
            self._meter,
            self._presets,
            self._system_prompt,
            self._panel,
        )
        self.window = MainWindow(place, self._library_place, self._settings_place)

    def _wire(self) -> None:
        window, chat, models = self.window, self._chat_presenter, self._model_presenter
        window.open_file_requested.connect(self.open_file)
        window.new_conversation_requested.connect(self._on_window_new_conversation_requested)
        window.undo_delete_requested.connect(self._on_window_undo_delete_requested)
        window.closing.connect(self._on_window_closing)
        self._wire_conversations()
        chat.open_file_requested.connect(window.choose_model_file)
        chat.library_requested.connect(self._on_chat_library_requested)
        chat.load_anyway_requested.connect(self._on_chat_load_anyway_requested)
        chat.load_with_layers_requested.connect(self._on_chat_load_with_layers_requested)
        chat.conversation_deleted.connect(self._on_chat_conversation_deleted)
        chat.storage_failed.connect(self._on_chat_storage_failed)
        models.open_file_requested.connect(window.choose_model_file)
        self.models.models_changed.connect(chat.show_models_changed)
        models.used.connect(self._on_models_used)
        models.library_requested.connect(self._on_chat_library_requested)
        models.model_page_requested.connect(self._on_models_model_page_requested)
        self.library.use_requested.connect(models.use)
        self.library.open_file_requested.connect(window.choose_model_file)
        self.library.link_activated.connect(self._on_view_link_activated)
        self.library.token_requested.connect(self._on_library_token_requested)
        self.library.go_online_requested.connect(self._on_library_go_online_requested)
        self.library.failed.connect(self._on_library_failed)
        self.models.loaded.connect(self.library.update_memory)
        self.models.unloaded.connect(self.library.update_memory)
        self._status.status_changed.connect(self._status_line.set_status)
        self.settings.changed.connect(self._show_settings)
        self.settings.failed.connect(self._on_chat_storage_failed)
        self.models.loading_began.connect(self._on_models_loading_began)
        self._panel.changed.connect(self._on_panel_changed)
        self._settings_place.changed.connect(self.settings.change)
        self._settings_place.open_folder_requested.connect(self._on_settings_place_open_folder_requested)
        self._settings_place.needed.connect(self._on_settings_place_needed)
        self._view.link_activated.connect(self._on_view_link_activated)

    def _wire_conversations(self) -> None:
        window, chat, files = self.window, self._chat_presenter, self._files
        messages, sidebar = self._message_presenter, self._sidebar_presenter
        window.search_requested.connect(self._conversations.focus_search)
        window.text_files_dropped.connect(self._attachment_presenter.read)
        self._attachment_presenter.read_for_another.connect(chat.keep_attachments)
        window.export_requested.connect(self._on_window_export_requested)
        window.export_all_requested.connect(files.export_all)
        window.import_requested.connect(files.ask_import)
        window.print_requested.connect(self._on_window_print_requested)
        window.closing.connect(files.stop)
        messages.message_deleted.connect(self._on_messages_message_deleted)
        messages.storage_failed.connect(self._on_chat_storage_failed)
        sidebar.changed.connect(chat.show_conversations)
        sidebar.restored.connect(chat.open_conversation)
        sidebar.purged.connect(self._on_sidebar_purged)
        sidebar.hit_chosen.connect(chat.open_hit)
        sidebar.storage_failed.connect(self._on_chat_storage_failed)
        files.exported.connect(self._on_files_exported)
        files.imported.connect(self._on_files_imported)
        files.printed.connect(self._on_files_printed)
        files.failed.connect(self._on_library_failed)
        self._view.zoom_changed.connect(self._on_view_zoom_changed)
        self._presets_presenter.failed.connect(self._on_library_failed)

    @functools.cached_property
    def releases(self) -> ReleaseSession:
        """Made when it is first needed: a start of the app does not wait for it."""
        from app.core.releases import Releases  # noqa: PLC0415
        from app.ui.release_session import ReleaseSession  # noqa: PLC0415

        releases = Releases(self._paths.releases)
        session = ReleaseSession(releases, self.library.network, self.settings.shared, self)
        session.newer_found.connect(self._on_releases_newer_found)
        return session

    def status_text(self) -> str:
        """What the status line says."""
        return self._status_line.text()

    def begin(self, file: Path | None) -> None:
        """After the window was shown: the last conversation, and `file` or the last model."""
        self._chat_presenter.begin()
        self._status_line.set_status(self._status.no_model())
        if file is None:
            self._model_presenter.begin()
        else:
            self._model_presenter.show_models()
            self.open_file(str(file.absolute()))
        self._background.start()
        self._garbage.start()

    def close(self) -> bool:
        """Ends everything. The window is gone already. Returns whether all threads ended."""
        self._background.stop()
        ended = self.library.close()
        self.chat.close()
        self.models.close()
        if self._devices_presenter is not None:
            self._devices_presenter.close()
        self.estimator.close()
        self.engine.close()
        return ended

    @Slot(str)
    def open_file(self, path: str) -> None:
        """Loads a model file and shows the Chat place."""
        self.window.show_place("chat")
        self.models.open(path)

    @Slot(str)
    def show_and_open(self, path: str) -> None:
        """Another start of Paddock asks for this window."""
        self.window.showNormal()
        self.window.raise_()
        self.window.activateWindow()
        if path:
            self.open_file(path)

    @Slot()
    def _show_settings(self) -> None:
        shared = self.settings.shared()
        self._panel.set_settings(self.settings.of(self._panel_path))
        self._settings_place.set_settings(shared)
        self._system_prompt.set_default(shared.default_system_prompt)
        self._view.set_zoom(shared.text_size)
        if self._network_presenter is not None:
            self._network_presenter.show_settings()
        qt = QApplication.instance()
        assert isinstance(qt, QApplication)
        theme.apply_appearance(qt, shared.appearance)

    def _restore_layout(self) -> None:
        with contextlib.suppress(OSError):
            self.window.restore_layout(self._layout_file.read_bytes())

    @property
    def _layout_file(self) -> Path:
        return self._paths.root / "window.layout"

    @Slot(object)
    def _on_panel_changed(self, changed: Settings) -> None:
        self.settings.change_of(self._panel_path, changed)

    @Slot(str)
    def _on_models_loading_began(self, _name: str) -> None:
        self._panel.flush()  # what was changed a moment ago is meant for the model before
        self._panel_path = self.models.path
        self._panel.set_settings(self.settings.of(self._panel_path))

    @Slot()
    def _on_window_new_conversation_requested(self) -> None:
        self.window.show_place("chat")
        self._chat_presenter.new_conversation()

    @Slot(str, str)
    def _on_chat_conversation_deleted(self, conversation_id: str, title: str) -> None:
        text = self.tr("Deleted “{0}”").format(title or self.tr("New conversation"))
        self._offer_undo(text, conversation_id, partial(self._chat_presenter.undo_delete, conversation_id))

    def _offer_undo(self, text: str, deleted: str, undo: Callable[[], None]) -> None:
        self._deleted, self._undo_delete = deleted, undo
        self.window.show_toast(text, self.tr("Undo"), self._on_window_undo_delete_requested)

    @Slot()
    def _on_window_undo_delete_requested(self) -> None:
        if self._undo_delete is not None:
            undo, self._undo_delete = self._undo_delete, None
            undo()

    @Slot(str)
    def _on_sidebar_purged(self, conversation_id: str) -> None:
        if self._deleted == conversation_id:
            self._undo_delete = None

    @Slot(str)
    def _on_messages_message_deleted(self, message_id: str) -> None:
        conversation = self.chat.conversation
        assert conversation is not None
        undo = partial(self._restore_message, conversation.id, message_id)
        self._offer_undo(self.tr("Message deleted"), message_id, undo)

    def _restore_message(self, conversation_id: str, message_id: str) -> None:
        self._chat_presenter.open_conversation(conversation_id)
        if self.chat.is_writing:
            self.window.show_toast(self.tr("The message comes back once the reply is written."))
        self._message_presenter.undo_delete(message_id)

    @Slot()
    def _on_window_export_requested(self) -> None:
        self._chat_presenter.save()
        if (conversation := self.chat.conversation) is not None:
            self._files.export(conversation.id, conversation.title)

    @Slot()
    def _on_window_print_requested(self) -> None:
        self._chat_presenter.save()
        if (conversation := self.chat.conversation) is not None:
            self._files.ask_print(conversation.id, conversation.title)

    @Slot()
    def _on_files_printed(self) -> None:
        self.window.show_toast(self.tr("The conversation was printed"))

    @Slot(str)
    def _on_files_exported(self, path: str) -> None:
        self.window.show_toast(self.tr("Exported to {0}").format(path))

    @Slot(object)
    def _on_files_imported(self, added: Added) -> None:
        parts = [self.tr("Conversations imported: {0}").format(len(added.ids))]
        if added.left_out:
            parts.append(self.tr("Left out, as nothing in them could be read: {0}").format(added.left_out))
        if added.cut_short:
            parts.append(self.tr("Without their end, as the file is damaged: {0}").format(added.cut_short))
        self.window.show_toast(" ".join(parts))
        if added.ids:
            self._chat_presenter.open_conversation(added.ids[0])

    @Slot()
    def _on_chat_library_requested(self) -> None:
        self.window.show_place("library")

    @Slot(str)
    def _on_models_model_page_requested(self, repo: str) -> None:
        self.window.show_place("library")
        self.library.open_model(repo)

    @Slot()
    def _on_library_token_requested(self) -> None:
        self.window.show_place("settings")
        self._network_settings.focus_token()

    @Slot()
    def _on_library_go_online_requested(self) -> None:
        self.library.network.set_offline(False)
        self.settings.change(dataclasses.replace(self.settings.shared(), offline=False))

    @Slot(object)
    def _on_library_failed(self, error: errors.AppError) -> None:
        self.window.show_toast(f"{str(error).removesuffix('.')}. {error.hint}")

    @Slot()
    def _on_chat_load_anyway_requested(self) -> None:
        self.models.open(self.models.path, force=True)

    @Slot(int)
    def _on_chat_load_with_layers_requested(self, layers: int) -> None:
        path = self.models.path
        self.settings.change_of(path, dataclasses.replace(self.settings.of(path), gpu_layers=layers))
        self.models.open(path)

    @Slot(object)
    def _on_chat_storage_failed(self, error: errors.StorageError) -> None:
        log.warning("not saved: %s", error)
        self.window.show_toast(f"{error.title}. {error.hint}")

    @Slot()
    def _on_models_used(self) -> None:
        self.window.show_place("chat")

    @Slot()
    def _on_settings_place_needed(self) -> None:
        # Imported here: a start of the app does not wait for them.
        from app.ui.devices_presenter import DevicesPresenter  # noqa: PLC0415
        from app.ui.devices_view import DevicesView  # noqa: PLC0415
        from app.ui.ledger_view import LedgerView  # noqa: PLC0415
        from app.ui.network_presenter import NetworkPresenter  # noqa: PLC0415
        from app.ui.network_settings import NetworkSettings  # noqa: PLC0415

        self._network_settings, ledger = NetworkSettings(), LedgerView()
        self._network_presenter = NetworkPresenter(
            self.library.network,
            self.settings.shared,
            self.library.download_folder,
            self.releases,
            self._network_settings,
            ledger,
            self,
        )
        self._network_presenter.changed.connect(self.settings.change)
        devices = DevicesView()
        self._devices_presenter = DevicesPresenter(
            self.engine, self._bill_history, self.settings, devices, self._engine_command, self
        )
        self._settings_place.add_section(self.tr("Devices"), devices)
        self._settings_place.add_section(self.tr("Network"), self._network_settings)
        self._settings_place.add_section(self.tr("Requests that left this computer"), ledger)

    @Slot()
    def _on_background_timeout(self) -> None:
        self.library.begin()
        self._sidebar_presenter.begin()
        self._presets_presenter.begin()
        if self.settings.shared().look_for_releases:
            self.releases.look_if_due()

    @Slot(str)
    def _on_releases_newer_found(self, version: str) -> None:
        self.window.show_toast(
            self.tr("Paddock {0} is there").format(version), self.tr("Open the release page"), self.releases.open_page
        )

    @Slot()
    def _on_settings_place_open_folder_requested(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._paths.root)))

    @Slot(float)
    def _on_view_zoom_changed(self, zoom: float) -> None:
        if zoom != self.settings.shared().text_size:
            self.settings.change(dataclasses.replace(self.settings.shared(), text_size=zoom))

    @Slot(str)
    def _on_view_link_activated(self, url: str) -> None:
        question = QMessageBox(self.window)
        question.setWindowTitle(self.tr("Open this address in your browser?"))
        question.setTextFormat(Qt.TextFormat.PlainText)
        question.setText(url)
        question.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
        if question.exec() == QMessageBox.StandardButton.Open:
            QDesktopServices.openUrl(QUrl(url))

    @Slot()
    def _on_window_closing(self) -> None:
        self._panel.flush()
        self._settings_place.flush()
        self._chat_presenter.save()
        try:
            replace_file(self._layout_file, bytes(self.window.save_layout()))
        except OSError as error:
            log.warning("the window's layout was not saved: %s", error)
