"""Info.plist of Paddock.app, for PyInstaller's BUNDLE: what Finder knows of it."""

from __future__ import annotations

from typing import Any

BUNDLE_IDENTIFIER = "app.paddock.Paddock"
_GGUF = "org.ggml.gguf"


def info_plist(version: str) -> dict[str, Any]:
    """All of it but the name of the program and of the icon, which PyInstaller adds."""
    return {
        "CFBundleName": "Paddock",
        "CFBundleDisplayName": "Paddock",
        "CFBundleIdentifier": BUNDLE_IDENTIFIER,
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "NSHumanReadableCopyright": "Apache License 2.0",
        "LSApplicationCategoryType": "public.app-category.productivity",
        "LSMinimumSystemVersion": "13.0",  # Qt's
        "NSHighResolutionCapable": True,
        "NSRequiresAquaSystemAppearance": False,  # dark, too
        "NSSupportsAutomaticGraphicsSwitching": True,
        # Offered for .gguf files, and not seized.
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "GGUF model",
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [_GGUF],
            }
        ],
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": _GGUF,
                "UTTypeDescription": "GGUF model",
                "UTTypeConformsTo": ["public.data"],
                "UTTypeTagSpecification": {"public.filename-extension": ["gguf"]},
            }
        ],
    }
