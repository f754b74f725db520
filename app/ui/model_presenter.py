"""Brings the model session and what shows it together: picker, settings, and the notice in the chat."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core import errors
from app.core.guide import guide_path
from app.engine.protocol import LoadedModel
from app.ui.chat_presenter import failure_of
from app.ui.conversation_view import ConversationView, Failure
from app.ui.model_picker import ModelPicker
from app.ui.model_session import ModelSession
from app.ui.models_on_disk import ModelsOnDisk
from app.ui.settings_panel import SettingsPanel


class ModelPresenter(QObject):
    """Owns no widget and no data; knows who has to hear of what."""

    open_file_requested = Signal()
    library_requested = Signal()
    model_page_requested = Signal(str)  # owner/name
    used = Signal()  # a model was chosen: the Chat place is where it is seen

    def __init__(
        self,
        session: ModelSession,
        on_disk: ModelsOnDisk,
        picker: ModelPicker,
        settings: SettingsPanel,
        view: ConversationView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._on_disk = on_disk
        self._picker = picker
        self._settings = settings
        self._view = view
        picker.model_requested.connect(self.use)
        picker.library_requested.connect(self.library_requested)
        picker.another_quant_requested.connect(self._on_picker_another_quant_requested)
        picker.guide_requested.connect(self._on_picker_guide_requested)
        picker.open_requested.connect(self.open_file_requested)
        picker.unload_requested.connect(session.unload)
        picker.cancel_requested.connect(session.cancel)
        settings.apply_requested.connect(session.reload)
        session.loading_began.connect(self._on_session_loading_began)
        session.progressed.connect(picker.show_loading)
        session.loaded.connect(self._on_session_loaded)
        session.unloaded.connect(self._on_session_unloaded)
        session.cancelled.connect(self._on_session_unloaded)
        session.failed.connect(self._on_session_failed)
        on_disk.changed.connect(self.show_models)

    @Slot()
    def show_models(self) -> None:
        """Offers what is on disk."""
        present = self._on_disk.find(self._session.path)
        self._picker.set_models(self._on_disk.models, present.family if present else "", self._session.loaded_path)

    def begin(self) -> None:
        """Loads the model used last, unless it ended the engine the last time; then says so."""
        self.show_models()
        self._picker.show_none()
        if held_back := self._session.open_last():
            self._view.show_notice(
                Failure(
                    self.tr("{0} was not loaded by itself").format(Path(held_back).name),
                    self.tr("The last time, Paddock's engine ended while it was in use."),
                    self.tr("Choose it in the picker above to try it again, or open another model."),
                )
            )

    @Slot(str)
    def use(self, path: str) -> None:
        """Loads a model that was chosen."""
        self.used.emit()
        self._session.open(path)

    @Slot()
    def _on_picker_guide_requested(self) -> None:
        self.use(str(guide_path()))

    @Slot()
    def _on_picker_another_quant_requested(self) -> None:
        if present := self._on_disk.find(self._session.path):
            self.model_page_requested.emit(present.family)

    @Slot(str)
    def _on_session_loading_began(self, name: str) -> None:
        self._view.show_notice(None)
        self._picker.show_loading(name, 0.0)

    @Slot(object)
    def _on_session_loaded(self, model: LoadedModel) -> None:
        self._picker.show_loaded(model.name, model.quant)
        self.show_models()
        self._settings.set_in_force(self._session.settings_in_force)
        self._settings.set_automatic_values(
            {"context_length": model.context_length, "threads": model.threads, "gpu_layers": model.gpu_layers}
        )
        if model.template_source == "plain":
            self._view.show_notice(
                Failure(
                    self.tr("This model brings no chat template"),
                    "",
                    self.tr(
                        "Paddock uses a plain one. If the answers look odd, "
                        "look for a file with “chat” or “instruct” in its name."
                    ),
                )
            )

    @Slot()
    def _on_session_unloaded(self) -> None:
        if not self._session.is_loading:
            self._picker.show_none()
            self._settings.set_in_force(None)

    @Slot(str, object)
    def _on_session_failed(self, path: str, error: errors.AppError) -> None:
        self._picker.show_failed(Path(path).name)
        self._view.show_notice(failure_of(error, layers=self._session.layers_tried))
