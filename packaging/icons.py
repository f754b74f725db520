"""Makes the icons of the programs and installers from resources/icons/paddock.svg: `python packaging/icons.py FOLDER`.

paddock.ico for Windows, paddock.icns for macOS, and paddock-SIZE.png. Both containers are little more than a table of
pictures, so that no tool is needed to write them but Qt, which draws.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

_SVG = Path(__file__).parents[1] / "resources" / "icons" / "paddock.svg"
PNG_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
_ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
_ICNS_SIZES = (
    *((b"ic11", 32), (b"ic12", 64), (b"ic07", 128), (b"ic13", 256)),
    *((b"ic08", 256), (b"ic14", 512), (b"ic09", 512), (b"ic10", 1024)),
)


def main(folder: Path) -> None:
    """Writes all of them into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "paddock.ico").write_bytes(ico())
    (folder / "paddock.icns").write_bytes(icns())
    for size in PNG_SIZES:
        (folder / f"paddock-{size}.png").write_bytes(png(size))


def ico() -> bytes:
    """All sizes that Windows shows."""
    images = [(size, png(size) if size == 256 else _bitmap(size)) for size in _ICO_SIZES]
    head = struct.pack("<HHH", 0, 1, len(images))
    offset = len(head) + 16 * len(images)
    for size, image in images:
        head += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(image), offset)
        offset += len(image)
    return head + b"".join(image for _, image in images)


def icns() -> bytes:
    """All sizes that macOS shows, for plain and for fine screens."""
    entries = b"".join(_chunk(kind, png(size)) for kind, size in _ICNS_SIZES)
    return _chunk(b"icns", entries)


def png(size: int) -> bytes:
    """The icon, `size` pixels wide and high."""
    return _saved(_drawn(size), "PNG")


def banner() -> bytes:
    """The picture at the side of the installer's last page, for Windows: a .bmp of twice the size it is shown in."""
    image = QImage(328, 628, QImage.Format.Format_RGB32)
    image.fill(QColor("#e8f1ea"))
    painter = QPainter(image)
    painter.drawImage(100, 100, _drawn(128))
    painter.end()
    return _saved(image, "BMP")


def _saved(image: QImage, kind: str) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, kind)
    return bytes(data.data())


def _drawn(size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(_SVG)).render(painter)
    painter.end()
    return image


def _bitmap(size: int) -> bytes:
    """For a .ico: rows from below, and a mask that says nothing as the colours are transparent themselves."""
    header = struct.pack("<IiiHHIIiiII", 40, size, size * 2, 1, 32, 0, 0, 0, 0, 0, 0)
    mask = bytes((size + 31) // 32 * 4 * size)
    rows = _drawn(size).flipped(Qt.Orientation.Vertical)  # held by a name, or its bytes would be gone
    return header + bytes(rows.constBits()) + mask


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">4sI", kind, len(content) + 8) + content


if __name__ == "__main__":
    main(Path(sys.argv[1]))
