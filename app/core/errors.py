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


class ContextFull(PromptError):
    title = "The conversation has filled the model's context"
    hint = "Choose in the context meter what the model may forget, set a longer context, or begin a new conversation."


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


class NotEnoughSpace(StorageError):
    title = "There is not enough free space on this disk"
    hint = "Free some space, or choose another folder for models. What was downloaded so far is kept."


class ModelFolderUnusable(StorageError):
    title = "The folder for models cannot be written to"
    hint = "Check that its drive is connected and that you may write there, or choose another folder."


class NetworkError(AppError):
    """Something that needs the network did not work. `is_transient`: trying again later may help by itself."""

    title = "The network request failed"
    hint = "Try again."
    is_transient: ClassVar[bool] = False


class Offline(NetworkError):
    title = "Paddock is offline"
    hint = "Switch Offline off to use the network."


class NoConnection(NetworkError):
    title = "The Hub cannot be reached"
    hint = "Check the connection to the internet. If a proxy is needed, the system's settings name it."
    is_transient = True


class NoAnswer(NetworkError):
    title = "The Hub does not answer"
    hint = "It may be busy, or the connection slow. Try again."
    is_transient = True


class CertificateRefused(NetworkError):
    title = "The connection to the Hub is not safe"
    hint = (
        "Its certificate was not accepted. Check the date of this computer; "
        "in a company network ask for its certificate to be installed in the system."
    )


class HubFailed(NetworkError):
    title = "The Hub has a problem"
    hint = "This is not your fault. Try again in a while."
    is_transient = True


class RateLimited(NetworkError):
    """`retry_after` seconds have to pass, as the Hub said; 0 if it did not say."""

    title = "The Hub asks for a pause"
    hint = "There were many requests from your address. Try again in a few minutes; a token raises the limit."
    is_transient = True

    def __init__(self, detail: str = "", retry_after: float = 0.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotTheHub(NetworkError):
    title = "Something other than the Hub answered"
    hint = "This network may want you to sign in first: open any page in your browser. Then try again."
    is_transient = True


class HubRefused(NetworkError):
    title = "The Hub refused"
    hint = "Try again later, or choose another model."


class NotOnTheHub(NetworkError):
    title = "There is no such model on the Hub"
    hint = "Check the name. If the model is private, a token of someone who may see it is needed."


class FileNotOnTheHub(NetworkError):
    title = "The Hub no longer has this file"
    hint = "Open the model's page again and choose another file."


class ModelDisabled(NetworkError):
    title = "The Hub does not give this model out"
    hint = "Choose another model."


class TokenNeeded(NetworkError):
    title = "This model wants to know who you are"
    hint = "Make a token on the Hub, enter it in Settings, and accept the model's terms on its page."


class TokenRefused(NetworkError):
    title = "The Hub does not accept your token"
    hint = "It may have expired. Enter a new one in Settings, or remove it: public models need none."


class AccessNotGranted(NetworkError):
    title = "You have no access to this model yet"
    hint = "Open the model's page on the Hub and ask for access; some are granted at once, some by a person."


class TokenLacksPermission(NetworkError):
    title = "Your token may not read this model"
    hint = (
        "On the Hub, give the token the permission to read gated repositories you can access, or make one that has it."
    )


class DownloadDamaged(NetworkError):
    title = "The download does not match what the Hub promised"
    hint = "It was fetched twice and thrown away. Try again later, or choose another file."


class ReleasesUnreadable(NetworkError):
    title = "New versions could not be looked for"
    hint = "Paddock tries again tomorrow."


class UnsafeFileName(NetworkError):
    title = "The file has a name that is not safe"
    hint = "Choose another file."
