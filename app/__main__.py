"""The command line. Decides which of the app's faces is wanted before anything heavy is imported."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

from app.core.host_environment import restore_library_path

_ENGINE_CHILD = "--engine-child"


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    _mend_outputs()
    if arguments[:1] == [_ENGINE_CHILD]:
        from app.engine import child  # noqa: PLC0415 (the child never imports Qt)

        return child.main(Path(arguments[1]) if arguments[1:] else None)
    restore_library_path()
    options = _parser().parse_args(arguments)
    if options.version:
        from app.core.versions import versions_text  # noqa: PLC0415

        print(versions_text())  # noqa: T201
        return 0
    if options.self_test:
        from app.self_test import self_test  # noqa: PLC0415

        return self_test(options.file, options.data_dir)
    # Little that a start makes is garbage, and looking for it takes a tenth of the start. See `app.ui.garbage`, too.
    gc.disable()
    from app.ui.application import run  # noqa: PLC0415

    return run(options.file, options.data_dir, offline=options.offline)


def _mend_outputs() -> None:
    """On Windows a program with a window has no outputs if nobody reads them. What writes to them must not fail."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (for the whole run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="paddock", description="Private chat with local models.")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.gguf", help="open the window with this model")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="keep chats, settings, models and logs under DIR and nowhere else"
    )
    parser.add_argument("--offline", action="store_true", help="start with the network switched off")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="load the model, or the guide, without a window, generate a few tokens, print one JSON object and exit",
    )
    parser.add_argument("--version", action="store_true", help="print the versions of Paddock and its parts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
