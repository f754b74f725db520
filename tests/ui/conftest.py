"""What tests of the whole window share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6

from app.core.database import open_database
from app.core.paths import DataPaths
from app.ui.application import Application
from tests.conftest import scripted_child
from tests.ui.person import Person


@pytest.fixture
def start(paths: DataPaths, qtbot) -> Iterator[Callable[..., Person]]:
    opened = []

    def begin(behaviour: str, file: str = "") -> Person:
        database = open_database(paths.database)
        application = Application(paths, database, scripted_child(behaviour) if behaviour else None)
        qtbot.addWidget(application.window)
        application.window.show()
        application.begin(Path(file) if file else None)
        opened.append((application, database))
        return Person(application, qtbot)

    yield begin
    for application, database in opened:
        application.window.close()
        application.close()
        shiboken6.delete(application)  # and with it what it would still hear, as at the end of the process
        database.close()
