"""What a package is made of, and under which terms: the licence texts, and a bill of materials in CycloneDX's JSON.

    uv run --no-project --with 'cyclonedx-python-lib[json-validation]>=11,<12' --with packaging \
        packaging/licences.py --environment build/env --bundle dist/paddock/_internal --out dist/licences

The parts are the Python packages that Paddock needs, as they are installed in the environment that the bundle was made
from; what they contain that is no Python package (Qt, llama.cpp); Python; and, on Debian and Ubuntu, the libraries of
the system that PyInstaller took along. A part without a licence text is an error: nothing is given away without one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_OWN_TEXTS = Path(__file__).with_name("licences")
_QT_TEXTS = ("LGPL-3.0.txt", "GPL-3.0.txt")  # the former adds to the latter
_TEXTS_OF_WHEELS_WITHOUT = {
    "latex2mathml": ("latex2mathml.txt",),
    "pyside6-essentials": _QT_TEXTS,
    "shiboken6": _QT_TEXTS,
}
_IS_TEXT = re.compile(r"(?i)(.*/licenses/[^/]+(?<!\.py)|.*(licen[cs]e|copying|notice)[^/]*(?<!\.py))")
_BOOTLOADER = "pyinstaller"  # its program is what starts; the rest of it is not in the bundle


@dataclass(frozen=True, slots=True)
class Part:
    """One thing with a version and terms of its own. `texts` by file name."""

    name: str
    version: str
    licence: str
    texts: dict[str, str]
    kind: str = ""  # where it is known by that name: "pypi" or "deb"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environment", type=Path, required=True, help="where Paddock and all it needs is installed")
    parser.add_argument("--bundle", type=Path, help="PyInstaller's _internal, on Linux")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the texts and sbom.cdx.json")
    options = parser.parse_args(arguments)
    installed = _installed(options.environment)
    parts = [*_python_parts(installed), *_other_parts(installed), _python(options.environment)]
    if options.bundle:
        parts += _system_parts(options.bundle, installed)
    if without := [part.name for part in parts if not part.texts]:
        sys.stderr.write(f"paddock: no licence text for {', '.join(without)}\n")
        return 1
    _write(parts, options.out)
    (options.out / "sbom.cdx.json").write_text(bill_of_materials(parts), "utf-8")
    return 0


def _installed(environment: Path) -> dict[str, Distribution]:
    sites = [str(path) for path in environment.rglob("site-packages")]
    return {canonicalize_name(found.name): found for found in distributions(path=sites)}


# The parts


def _python_parts(installed: dict[str, Distribution]) -> Iterator[Part]:
    for name in sorted({*_needed("paddock", frozenset(), installed), _BOOTLOADER} & installed.keys()):
        found = installed[name]
        texts = {path: (_OWN_TEXTS / path).read_text("utf-8") for path in _TEXTS_OF_WHEELS_WITHOUT.get(name, ())}
        for path in found.files or ():
            if ".dist-info/" in str(path) and _IS_TEXT.fullmatch(str(path)):
                texts[_flat(str(path))] = path.read_text("utf-8")
        yield Part(name, found.version, _licence_of(found), texts, "pypi")


def _needed(name: str, extras: frozenset[str], installed: dict[str, Distribution]) -> set[str]:
    """The names of what is installed because of `name`, with itself."""
    found, waiting = set(), [(name, extras)]
    while waiting:
        at = waiting.pop()
        if at in found or at[0] not in installed:
            continue
        found.add(at)
        for requirement in map(Requirement, installed[at[0]].requires or ()):
            if _applies(requirement, at[1]):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {found_name for found_name, _ in found}


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _other_parts(installed: dict[str, Distribution]) -> Iterator[Part]:
    for name, version_of, licence, texts in (
        ("llama.cpp", "llama-cpp-python", "MIT", ("llama.cpp.txt",)),
        ("Qt", "pyside6-essentials", "LGPL-3.0-only", _QT_TEXTS),
    ):
        yield Part(name, installed[version_of].version, licence, _own_texts(texts))


def _python(environment: Path) -> Part:
    settings = (environment / "pyvenv.cfg").read_text("utf-8")
    found = re.search(r"^version(?:_info)? *= *([\d.]+)", settings, re.MULTILINE)
    return Part("Python", found[1].rstrip(".") if found else "unknown", "PSF-2.0", _own_texts(("Python.txt",)))


def _own_texts(names: tuple[str, ...]) -> dict[str, str]:
    return {name: (_OWN_TEXTS / name).read_text("utf-8") for name in names}


def _system_parts(bundle: Path, installed: dict[str, Distribution]) -> list[Part]:
    """The Debian packages that libraries in the bundle are from."""
    of_wheels = {path.name for found in installed.values() for path in found.files or ()}
    parts = {}
    for library in sorted(bundle.glob("*.so*")):
        if library.name not in of_wheels and not library.name.startswith("libpython"):
            part = _debian_package_of(library.name)
            parts[part.name] = part
    return list(parts.values())


def _debian_package_of(library: str) -> Part:
    answer = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True, check=False).stdout
    package = answer.partition(":")[0]
    if not package:
        return Part(library, "unknown", "", {})
    version = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}\n", package], capture_output=True, text=True, check=True
    ).stdout.split("\n")[0]
    terms = Path("/usr/share/doc", package, "copyright")
    texts = {"copyright": terms.read_text("utf-8")} if terms.exists() else {}
    return Part(package, version, "", texts, "deb")


def _licence_of(found: Distribution) -> str:
    """As the package says it, best an expression of SPDX."""
    metadata = found.metadata
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith("License :: OSI")]
    said = [metadata.get("License-Expression"), metadata.get("License"), *classifiers]
    return next((text.rpartition(" :: ")[2] for text in said if text and "\n" not in text), "")


# What is written


def _flat(path: str) -> str:
    """A file name that still tells `a/LICENSE` and `b/LICENSE` apart."""
    return re.sub(r"^[^/]*\.dist-info/(licenses/)?", "", path).replace("/", "-")


def _write(parts: list[Part], out: Path) -> None:
    for part in parts:
        folder = out / f"{part.name} {part.version}".replace(":", "-")
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in part.texts.items():
            (folder / name).write_text(text, "utf-8")


def bill_of_materials(parts: list[Part]) -> str:
    """The same for the same parts, but for the time in it, which SOURCE_DATE_EPOCH gives if it is set."""
    from cyclonedx.model.bom import Bom  # noqa: PLC0415 (the texts can be had without it)
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    name_of_all = json.dumps(sorted((part.name, part.version) for part in parts))
    others = [_component(part) for part in parts if part.name != "paddock"]
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, name_of_all), components=others)
    now = os.environ.get("SOURCE_DATE_EPOCH")
    bom.metadata.timestamp = datetime.fromtimestamp(int(now), UTC) if now else datetime.now(UTC)
    version = next((part.version for part in parts if part.name == "paddock"), "")
    bom.metadata.component = Component(
        name="Paddock", version=version, type=ComponentType.APPLICATION, bom_ref="paddock"
    )
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"the bill of materials is none: {error}")
    return text


def _component(part: Part) -> Component:
    from cyclonedx.contrib.license.exceptions import InvalidLicenseExpressionException  # noqa: PLC0415
    from cyclonedx.contrib.license.factories import LicenseFactory  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.model.license import DisjunctiveLicense  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    try:
        licences = [LicenseFactory().make_from_string(part.licence)] if part.licence else []
    except InvalidLicenseExpressionException:
        licences = [DisjunctiveLicense(name=part.licence)]
    return Component(
        name=part.name,
        version=part.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{part.name}@{part.version}",
        purl=PackageURL(part.kind, name=part.name, version=part.version) if part.kind else None,
        licenses=licences,
    )


if __name__ == "__main__":
    sys.exit(main())
