#!/usr/bin/env bash
# Makes an AppImage of the folder that PyInstaller made: one file that runs where it lies, and needs no FUSE 2.
#
#   packaging/linux/make_appimage.sh RUNTIME [FILE]
#
# RUNTIME is `runtime-x86_64` of https://github.com/AppImage/type2-runtime/releases, checked by whoever fetched it: the
# program that mounts the rest of the file, linked statically. Also needs mksquashfs, of squashfs-tools.
set -euo pipefail
cd "$(dirname "$0")/../.."

runtime=$1
file=${2:-dist/Paddock-$(uname -m).AppImage}
bundle=build/bundle/paddock

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir -p "$folder/app/opt"
cp -a "$bundle" "$folder/app/opt/paddock"
PYTHONPATH=packaging/linux build/env/bin/python -c '
import pathlib, sys, make_packages
make_packages.add_desktop_files(pathlib.Path(sys.argv[1]))' "$folder/app/usr/share"
ln -s opt/paddock/paddock "$folder/app/AppRun"
cp packaging/linux/paddock.desktop resources/icons/paddock.svg "$folder/app/"
ln -s paddock.svg "$folder/app/.DirIcon"

mkdir -p "$(dirname "$file")"
mksquashfs "$folder/app" "$folder/image" -quiet -no-progress -root-owned -noappend -comp zstd -Xcompression-level 19
cat "$runtime" "$folder/image" >"$file"
chmod +x "$file"
