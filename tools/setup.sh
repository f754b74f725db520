#!/usr/bin/env bash
# Prepares this checkout for `make run` or `make test`. Safe to run again at any time; quick when nothing is missing.
#
#   tools/setup.sh run     the environment in .venv; on Debian and Ubuntu also the system libraries Qt needs
#   tools/setup.sh test    on Debian and Ubuntu the X server, screen reader bus and font that the tests use
#   tools/setup.sh package what making the packages in dist/ needs, and makes them
#
# uv makes the environment, exactly as uv.lock says. A uv on PATH is used; without one, a private one goes to .uv.
# System packages are installed only as root or where sudo asks no password: a script that asks for passwords is one
# people rightly distrust. Everyone else is shown the one command that does it.
set -euo pipefail
cd "$(dirname "$0")/.."

export UV_PROJECT_ENVIRONMENT=.venv

say() { echo "paddock: $*"; }

fail() {
    say "$*"
    exit 1
}

# System packages, on Debian and Ubuntu

is_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# The names of the installed packages and of what they stand for: libglib2.0-0t64 is libglib2.0-0 under a new name.
installed_packages() {
    dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' |
        tr ',' '\n' | sed 's/^ *//; s/ .*//'
}

# Installs those of the packages named that are not there. Where it may not or cannot, it says how, and fails.
install_packages() {
    is_debian || return 0
    local missing sudo=""
    missing=$(printf '%s\n' "$@" | grep -vxF -f <(installed_packages) | xargs || true)
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || sudo="sudo "
    if [ -z "$sudo" ] || sudo -n true 2>/dev/null; then
        say "installing system packages: $missing"
        ${sudo}apt-get update -qq || true # somebody else's broken source need not concern us
        ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            -o DPkg::Lock::Timeout=120 $missing >/dev/null && return 0
    fi
    say "system packages are missing; this installs them: ${sudo}apt-get install --no-install-recommends $missing"
    return 1
}

can_make_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
can_compile() { command -v c++ >/dev/null && command -v cc >/dev/null; }
has_llama() { compgen -G '.venv/*/python*/site-packages/llama_cpp_python-*.dist-info' >/dev/null; }

packages_to_run() {
    echo libglib2.0-0 libgl1 libegl1 libxkbcommon0 libfontconfig1 libdbus-1-3 libgssapi-krb5-2 # Qt itself
    echo libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0         # its window on X11
    echo libwayland-cursor0                                                                    # and on Wayland
    find_uv >/dev/null || can_make_venv || echo python3-venv
    has_llama || can_compile || echo build-essential
}

packages_to_test() {
    echo xvfb xdotool fonts-dejavu-core
    echo at-spi2-core dbus gir1.2-atspi-2.0 python3-gi
}

packages_to_package() {
    packages_to_run
    echo build-essential binutils ca-certificates debian-archive-keyring glslc spirv-headers libvulkan-dev
    # All that a plugin of Qt needs is there, or the bundle lacks the plugin and nobody says so.
    echo libxcb-image0 libxcb-render-util0 libxcb-xkb1 libxcb-randr0 libxcb-sync1 libxcb-xfixes0 libxcb-glx0
    echo libx11-xcb1 libwayland-client0 libwayland-egl1 libfreetype6 libexpat1 zlib1g
}

# The environment

# Prints the uv to use: one on PATH that is new enough, else the private one. Fails if there is neither.
find_uv() {
    case "$(uv --version 2>/dev/null)" in
    "" | "uv 0."[0-8].*) [ -x .uv/bin/uv ] && echo .uv/bin/uv ;;
    *) echo uv ;;
    esac
}

make_private_uv() {
    can_make_venv || fail "Python 3 with its venv module is needed to go on."
    say "fetching uv, which makes the environment"
    python3 -m venv .uv
    .uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1' || fail "uv could not be fetched."
}

# uv caches what it compiled by version and settings but knows nothing of CMAKE_ARGS; so a setting that changes nothing
# carries their checksum.
build_settings() {
    [ -z "$CMAKE_ARGS" ] ||
        echo "--config-settings-package=llama-cpp-python:cmake.define.PADDOCK=$(cksum <<<"$CMAKE_ARGS" | tr ' ' -)"
}

# Shows what uv says, and before it compiles llama.cpp how long that takes.
announce_compilation() {
    while IFS= read -r line; do
        case "$line" in
        *"Building llama-cpp-python"*)
            say "compiling llama.cpp for this computer: once, up to 8 minutes on two cores${CMAKE_ARGS:+, longer for a GPU}"
            ;;
        esac
        printf '%s\n' "$line"
    done
}

# CMAKE_ARGS, once given, hold for this environment until they are given differently.
make_environment() {
    local uv kept=.venv/cmake-args
    find_uv >/dev/null || make_private_uv
    uv=$(find_uv)
    has_llama || can_compile || fail "A C++ compiler is needed to build llama.cpp."
    [ -n "${CMAKE_ARGS:-}" ] || CMAKE_ARGS=$(cat $kept 2>/dev/null || true)
    export CMAKE_ARGS
    "$uv" sync --locked --python-preference system $(build_settings) 2>&1 | announce_compilation ||
        fail "The environment could not be made; the lines above say why."
    [ -z "$CMAKE_ARGS" ] || echo "$CMAKE_ARGS" >$kept
    .venv/bin/python -c 'import PySide6.QtWidgets' ||
        fail "Qt does not start: a system library is missing. README.md names them all."
}

case "${1:-}" in
run)
    complete=yes
    install_packages $(packages_to_run) || complete=no
    make_environment
    [ $complete = no ] || touch .venv/ready-to-run
    ;;
test)
    install_packages $(packages_to_test) && touch .venv/ready-to-test || say "the tests that need a window will fail"
    ;;
package)
    install_packages $(packages_to_package) || fail "Without them the packages would be incomplete."
    find_uv >/dev/null || make_private_uv
    [ -n "${VULKAN_SDK:-}" ] || ! is_debian || VULKAN_SDK=$(tools/vulkan_headers.sh build/vulkan-headers)
    export VULKAN_SDK
    "$(find_uv)" run --no-project --python 3.11 python packaging/package.py
    ;;
*)
    fail "usage: tools/setup.sh run|test|package"
    ;;
esac
