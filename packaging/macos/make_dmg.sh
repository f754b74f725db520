#!/usr/bin/env bash
# Makes the disk image that users get of the app that PyInstaller made. Needs nothing but macOS and its command line tools.
#
#   packaging/macos/make_dmg.sh dist/Paddock.app dist/Paddock-arm64.dmg
#
# With CODESIGN_IDENTITY, a "Developer ID Application" in the keychain, the app is signed with it; without, for this
# computer alone ("ad hoc"), as processors of Apple run nothing unsigned. With NOTARY_APPLE_ID, NOTARY_TEAM_ID and
# NOTARY_PASSWORD, too, Apple is asked to look at it, so that it opens everywhere without a question.
set -euo pipefail
cd "$(dirname "$0")/../.."

app=$1
image=$2
identity=${CODESIGN_IDENTITY:--}

sign() {
    local options=(--force --sign "$identity")
    [ "$identity" = - ] || options+=(--options runtime --timestamp)
    codesign "${options[@]}" "$@"
}

is_program() { file --brief "$1" | grep -q '^Mach-O'; }

# From the inside out: what is signed holds the signatures of what is in it.
sign_app() {
    local path
    while IFS= read -r -d '' path; do
        ! is_program "$path" || sign "$path"
    done < <(find "$app/Contents/Frameworks" "$app/Contents/Resources" -type f -print0)
    while IFS= read -r -d '' path; do
        sign "$path"
    done < <(find "$app/Contents/Frameworks" -depth -type d -name '*.framework' -print0)
    sign --entitlements packaging/macos/entitlements.plist "$app"
    codesign --verify --deep --strict "$app"
}

make_image() {
    local folder
    folder=$(mktemp -d)
    ditto "$app" "$folder/Paddock.app"
    ln -s /Applications "$folder/Applications"
    mkdir -p "$(dirname "$image")"
    rm -f "$image"
    hdiutil create -quiet -volname Paddock -srcfolder "$folder" -fs HFS+ -format UDZO "$image"
    rm -rf "$folder"
}

notarise() {
    sign "$image"
    xcrun notarytool submit "$image" --wait \
        --apple-id "$NOTARY_APPLE_ID" --team-id "$NOTARY_TEAM_ID" --password "$NOTARY_PASSWORD"
    xcrun stapler staple "$image"
    spctl --assess --type open --context context:primary-signature --verbose "$image"
}

sign_app
make_image
if [ "$identity" = - ] || [ -z "${NOTARY_APPLE_ID:-}" ]; then
    echo "paddock: $image is not notarised: macOS asks its user before it opens it"
else
    notarise
fi
