"""Every failure a user may be told about.

A class says what happened (`title`) and what to do now (`hint`); an instance adds the particulars (`detail`): a file
name, two numbers, a reason. Third-party exceptions are translated into these at the module that is their door, and
shown by `app.ui.messages` alone. Anything that is not an `AppError` is a bug.

Errors cross the pipe between the engine child and the window by class name: see `from_name`.
"""

from __future__ import annotations

from typing import ClassVar


class AppError(Exception):
    """A failure that is no bug. `detail` completes the title; it is one sentence or a few words, never a traceback."""

    title: ClassVar[str] = "Something went wrong"
    hint: ClassVar[str] = "Try again."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title

    @staticmethod
    def from_name(name: str, detail: str) -> AppError:
        """The error of class `name`, as it came through the pipe; an unknown name becomes an `EngineError`."""
        return _all_errors().get(name, EngineError)(detail)


def _all_errors() -> dict[str, type[AppError]]:
    found: dict[str, type[AppError]] = {}
    waiting: list[type[AppError]] = [AppError]
    while waiting:
        error = waiting.pop()
        found[error.__name__] = error
        waiting.extend(error.__subclasses__())
    return found


class ModelError(AppError):
    """A model file cannot be used."""

    title = "This model cannot be used"
    hint = "Choose another model file."


class ModelNotFound(ModelError):
    title = "The model file is not there"
    hint = "It may have been moved, or its drive is not connected. Open it again from where it is now."


class UnreadableModel(ModelError):
    title = "The model file cannot be read"
    hint = "Check that you may read the file and that its drive works, then try again."


class NotAModel(ModelError):
    title = "This file is not a GGUF model"
    hint = "Paddock runs models in the GGUF format. Look for a file whose name ends in .gguf."


class ModelCutShort(ModelError):
    title = "The model file is incomplete"
    hint = "Its download was probably interrupted. Download it again."


class DamagedModel(ModelError):
    title = "The model file is damaged"
    hint = "Download it again."


class UnknownArchitecture(ModelError):
    title = "Paddock does not know this kind of model yet"
    hint = "A newer version of Paddock may. Until then choose another model."


class NotAChatModel(ModelError):
    title = "This file holds no model one can chat with"
    hint = "Choose the model itself, or its first part."


class NotEnoughMemory(ModelError):
    title = "This model does not fit in memory"
    hint = "Choose a smaller quant, a shorter context, or fewer GPU layers."


class ModelLoadFailed(ModelError):
    title = "The model could not be loaded"
    hint = "Try fewer GPU layers or a shorter context, or choose another model."


class NoModelLoaded(ModelError):
    title = "No model is loaded"
    hint = "Choose a model in the picker above the conversation."


class ModelNotReady(ModelError):
    title = "The message was not answered"
    hint = "The model could not be loaded. Once one is loaded, try again."


class EngineError(AppError):
    """The engine child failed. The model is gone; the window and every word stay."""

    title = "The engine failed"
    hint = "Try again. If it happens again, choose fewer GPU layers or another model."


class EngineCrashed(EngineError):
    title = "The engine stopped unexpectedly"
    hint = (
        "Everything written so far is kept. Try again; if it happens again, choose fewer GPU layers or another model."
    )


class EngineOutOfMemory(EngineError):
    title = "The engine was stopped because memory ran out"
    hint = "Everything written so far is kept. Choose a smaller quant, a shorter context, or fewer GPU layers."


class EngineWasKilled(EngineError):
    title = "The engine was ended from outside"
    hint = (
        "Everything written so far is kept. The system does this when memory runs out: "
        "try again, or choose a smaller quant or a shorter context."
    )


class EngineNeedsAnotherProcessor(EngineError):
    title = "The engine uses an instruction this processor does not have"
    hint = "Install the build of Paddock that was made for this computer."


class EngineDidNotStart(EngineError):
    title = "The engine did not start"
    hint = "Restart Paddock. If that does not help, install it again: a file may be missing."


class EngineDidNotAnswer(EngineError):
    title = "The engine did not answer"
    hint = "It was ended. Everything written so far is kept. Try again."


class PromptError(AppError):
    """A conversation cannot be put to the model."""

    title = "The model cannot be asked this"
    hint = "Change the message and try again."


class MessageTooLong(PromptError):
    title = "The message is too long for this model"
    hint = "Shorten it, or set a longer context and reload the model."


class TemplateFailed(PromptError):
    title = "The model's chat template does not work"
    hint = "Choose another file of this model; its makers may have mended it since."


class StorageError(AppError):
    """What Paddock keeps on disk cannot be read or written."""

    title = "Your data cannot be saved"
    hint = "Check that the data folder can be written to."


class DataFolderUnusable(StorageError):
    title = "The data folder cannot be used"
    hint = "Check that the folder exists and can be written to, or start Paddock with --data-dir and another folder."


class DiskFull(StorageError):
    title = "The disk is full"
    hint = "Free some space. What you write stays in the window until it can be saved."


class DatabaseTooNew(StorageError):
    title = "Your conversations were saved by a newer Paddock"
    hint = "Install the newest version. Nothing was changed."


class DatabaseDamaged(StorageError):
    title = "The file with your conversations is damaged"
    hint = "It was left as it is. Restore it from a backup, or start Paddock with --data-dir and another folder."
