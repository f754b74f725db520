#!/usr/bin/env bash
# Prints a folder with `include/vulkan` that is new enough for llama.cpp. The system's if they are; else those of Debian
# 13, which are put below FOLDER without installing anything. Debian and Ubuntu.
#
#   tools/vulkan_headers.sh FOLDER
set -euo pipefail

folder=$(realpath -m "$1")
has_new_headers() { grep -qs VK_EXT_layer_settings "$1/include/vulkan/vulkan_core.h"; }

fetch_headers() {
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/sources"
    printf '%s\n' 'Types: deb' 'URIs: http://deb.debian.org/debian' 'Suites: trixie' 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$folder/sources/trixie.sources"
    local apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/sources"
        -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache")
    "${apt[@]}" update >&2
    (cd "$folder" && "${apt[@]}" download libvulkan-dev >&2 && dpkg-deb -x libvulkan-dev_*.deb .)
}

if has_new_headers /usr; then
    echo /usr
else
    has_new_headers "$folder/usr" || fetch_headers
    echo "$folder/usr"
fi
