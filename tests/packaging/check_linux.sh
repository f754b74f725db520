#!/usr/bin/env bash
# Tries the packages in dist/ as their users would: the .deb on a bare Debian 12, and the archive in awkward places.
#
#   make package-check                  everything; needs root, as it makes that Debian with debootstrap
#   tests/packaging/check_linux.sh archive
#
# What is seen is told line by line, pictures are in build/check. The first thing that is wrong ends it.
# shellcheck disable=SC2016 # ${Package} and its like are for dpkg
set -euo pipefail
cd "$(dirname "$0")/../.."

WORK=$PWD/build/check
ROOT=$WORK/debian12
SCREEN=:97
DEB=$(echo dist/paddock_*.deb)
ARCHIVE=$(echo dist/Paddock-*-linux-*.tar.gz)

say() { echo "== $*"; }
fail() {
    echo "FAILED: $*"
    exit 1
}

# For `sh -c`, with the program and a file: in a network of its own a window can only be seen from inside.
# shellcheck disable=SC2016
PICTURE_OF_WINDOW='
"$0" & program=$!
for i in $(seq 120); do xdotool search --onlyvisible --name Paddock >/dev/null 2>&1 && break; sleep 0.5; done
sleep 4
import -window root "$1"
kill $program'

has_started() { grep -q '"ok": true' "$1" || fail "the self-test: $(cat "$1")"; }

until_true() { # SECONDS COMMAND...: a condition, waited for
    local seconds=$1 since=$SECONDS
    shift
    until "$@"; do
        [ $((SECONDS - since)) -lt "$seconds" ] || return 1
        sleep 0.3
    done
}

# A bare Debian, and in it a user

in_debian() { chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
as_user() {
    chroot --userspec=someone "$ROOT" /usr/bin/env -i HOME=/home/someone LANG=C.UTF-8 PATH=/usr/bin:/bin \
        DISPLAY=$SCREEN XDG_RUNTIME_DIR=/tmp/someone "$@"
}

make_debian() {
    [ -e "$WORK/base/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$WORK/base" >"$WORK/debootstrap.log"
    leave_debian
    rm -rf "$ROOT"
    cp -a "$WORK/base" "$ROOT"
    cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
    mount -t proc proc "$ROOT/proc"
    mount --bind /dev "$ROOT/dev"
    mkdir -p "$WORK/apt-cache/partial"
    mount --bind "$WORK/apt-cache" "$ROOT/var/cache/apt/archives" # what was fetched is not fetched again
    echo 'APT::Keep-Downloaded-Packages "true";' >"$ROOT/etc/apt/apt.conf.d/keep"
    in_debian apt-get update -qq
    in_debian useradd --create-home someone
    install -d -o 1000 -g 1000 -m 700 "$ROOT/tmp/someone"
    say "a Debian $(cat "$ROOT/etc/debian_version") with $(in_debian dpkg-query -f '.\n' -W | wc -l) packages; compiler: $(in_debian sh -c 'command -v cc || echo none'), Python: $(in_debian sh -c 'command -v python3 || echo none')"
}

leave_debian() {
    umount "$ROOT/dev" "$ROOT/proc" "$ROOT/var/cache/apt/archives" 2>/dev/null || true
}

files_of_debian() {
    (cd "$ROOT" && find . -xdev -path ./proc -prune -o -path ./dev -prune -o -path ./tmp -prune -o -path ./home -prune \
        -o -path ./var/cache -prune -o -path ./var/log -prune -o -path ./var/lib/apt -prune -o -print) | LC_ALL=C sort
}

make_older_deb() { # FILE: the same, under an older number
    PYTHONPATH=packaging/linux DPKG_DEB_COMPRESSOR_TYPE=zstd build/env/bin/python -c '
import pathlib, sys, make_packages
make_packages.make_deb(pathlib.Path("build/bundle/paddock"), "0.0.1", pathlib.Path(sys.argv[1]))' "$1" >/dev/null
}

install_deb() {
    cp "$1" "$ROOT/tmp/"
    in_debian apt-get install -qq -y --no-install-recommends "/tmp/$(basename "$1")" >>"$WORK/apt.log" 2>&1 ||
        fail "apt: $(tail -5 "$WORK/apt.log")"
}

# A window, in an X server outside

start_screen() {
    Xvfb $SCREEN -screen 0 1280x860x24 -nolisten tcp >/dev/null 2>&1 &
    XVFB=$!
    until_true 10 xdotool_quietly getdisplaygeometry || fail "no X server"
}

xdotool_quietly() { DISPLAY=$SCREEN xdotool "$@" >/dev/null 2>&1; }
window() { DISPLAY=$SCREEN xdotool search --onlyvisible --name '^.*Paddock.*$' 2>/dev/null | tail -1; }
has_window() { [ -n "$(window)" ]; }
has_no_window() { ! has_window; }
has_no_engine() { ! engine_of_debian; }
picture() { DISPLAY=$SCREEN import -window root "$WORK/$1.png"; }
engine_of_debian() { pgrep -f '^/opt/paddock/paddock --engine-child' >/dev/null; }

close_window() {
    DISPLAY=$SCREEN xdotool windowfocus "$(window)" key ctrl+q
    until_true 30 has_no_window || fail "the window does not close"
    until_true 30 has_no_engine || fail "the engine does not end"
}

start_paddock() { # in Debian
    as_user paddock >"$WORK/paddock.log" 2>&1 &
    until_true 60 has_window || fail "no window: $(cat "$WORK/paddock.log")"
    until_true 60 engine_of_debian || fail "no engine"
}

messages() { # the number of messages in the conversations of the user, and the replies that were ended
    .venv/bin/python - "$ROOT/home/someone/.local/share/Paddock/conversations.db" <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(*(row[0] for row in database.execute("SELECT count(*) FROM messages")))
PYTHON
}
has_a_reply() { [ "$(messages)" -ge 2 ]; }

type_of() { as_user gio info -a standard::content-type "/home/someone/$1" | sed -n 's/.*content-type: //p'; }

# The engine libraries that a program has loaded, once its child has said what it sees.
chosen_backends() {
    rm -f "$WORK/hello"
    (sleep 20 | "$1" --engine-child >"$WORK/hello") >/dev/null 2>&1 & # it ends when its stdin does
    until_true 20 grep -qs Hello "$WORK/hello" || fail "the engine says nothing"
    sed -n 's|.*/\(libggml-[^/]*\)\.so$|\1|p' "/proc/$(pgrep -nf "$1 --engine-child")/maps" | sort -u | xargs
}

# What is to be seen

check_deb() {
    make_debian
    start_screen
    files_of_debian >"$WORK/before"
    in_debian apt-get install -qq -y --no-install-recommends xdg-utils desktop-file-utils shared-mime-info \
        libglib2.0-bin procps >>"$WORK/apt.log" 2>&1
    local older="$WORK/paddock_0.0.1.deb"
    make_older_deb "$older"
    files_of_debian >"$WORK/before-paddock"
    install_deb "$older"
    say "installed: $(in_debian dpkg-query -W -f '${Package} ${Version}, ${Installed-Size} KB' paddock)"
    in_debian dpkg-query -f '${Package}\n' -W >"$WORK/packages"
    say "$(wc -l <"$WORK/packages") packages now; dpkg --verify says: $(in_debian dpkg --verify paddock | wc -l) changed files"

    as_user paddock --self-test >"$WORK/self-test.json" 2>/dev/null || true
    has_started "$WORK/self-test.json"
    say "self-test: $(cat "$WORK/self-test.json")"

    start_paddock
    sleep 3 # for the eye alone: the guide is loaded by then
    picture deb-first-start
    DISPLAY=$SCREEN xdotool windowfocus "$(window)" type --delay 20 'Which quant should I take?'
    DISPLAY=$SCREEN xdotool key Return
    until_true 60 has_a_reply || fail "no reply was saved"
    sleep 3
    picture deb-chat
    local said
    said=$(messages)
    close_window
    say "a chat of $said messages; window: $WORK/deb-chat.png"

    install_deb "$DEB"
    say "upgraded to $(in_debian dpkg-query -W -f '${Version}' paddock); messages before and after: $said, $(messages)"
    [ "$(messages)" = "$said" ] || fail "messages were lost"
    start_paddock
    sleep 3
    picture deb-upgraded
    close_window

    cp resources/guide.gguf "$ROOT/home/someone/Ein Modell ü.gguf"
    cp resources/guide.gguf "$ROOT/home/someone/without-a-suffix"
    say "types: $(type_of 'Ein Modell ü.gguf'), $(type_of without-a-suffix); opens with $(as_user xdg-mime query default application/x-gguf)"
    [ "$(as_user xdg-mime query default application/x-gguf)" = paddock.desktop ] || fail "not opened with Paddock"
    as_user gio open '/home/someone/Ein Modell ü.gguf' >"$WORK/paddock.log" 2>&1 || fail "gio open: $(cat "$WORK/paddock.log")"
    until_true 60 has_window || fail "no window by the file type: $(cat "$WORK/paddock.log")"
    until_true 60 engine_of_debian || fail "no engine"
    say "started by its file type: $(pgrep -af '^paddock|^/usr/bin/paddock|^/opt/paddock/paddock' | grep -v engine-child | head -1)"
    sleep 3
    picture deb-opened-by-type
    close_window

    in_debian apt-get remove -qq -y paddock 2>&1 | grep -v '^(Reading' | tail -3
    in_debian apt-get purge -qq -y paddock >/dev/null 2>&1 || true
    files_of_debian >"$WORK/after"
    say "left of Paddock in the system after its removal (but for libraries that came with it):"
    LC_ALL=C comm -13 "$WORK/before-paddock" "$WORK/after" | grep -i paddock || echo "   nothing"
    say "left of its user's own data:"
    (cd "$ROOT/home/someone" && find . -mindepth 1 \( -iname '*paddock*' -o -path '*addock/*' \) -type f | sed 's/^/   /')
    kill "$XVFB"
    leave_debian
}

check_archive() {
    local place="$WORK/Ein Ordner ünï 模型" program
    umount "$place" 2>/dev/null || true
    rm -rf "$place"
    mkdir -p "$place"
    tar -xzf "$ARCHIVE" -C "$place" --no-same-owner
    program="$place/Paddock/paddock"

    env -i "$program" --self-test >"$WORK/self-test.json" 2>/dev/null || true
    has_started "$WORK/self-test.json"
    say "archive in '$place', no environment at all: works"
    say "backends: $(cd "$place/Paddock/_internal/llama_cpp/lib" && echo libggml-*.so)"
    say "loaded on this processor: $(chosen_backends "$program")"

    mkdir "$place/Paddock/Paddock data"
    chown nobody "$place/Paddock/Paddock data"
    try_as_nobody "$program" --self-test
    say "as another user, without HOME: works"
    unshare -n -- setpriv --reuid=nobody --regid=nogroup --clear-groups env -i XDG_RUNTIME_DIR=/nonexistent \
        xvfb-run -a sh -c "$PICTURE_OF_WINDOW" "$program" /tmp/paddock-portable.png >"$WORK/portable.log" 2>&1 || true
    mv /tmp/paddock-portable.png "$WORK/portable.png"
    [ -e "$place/Paddock/Paddock data/conversations.db" ] || fail "portable mode: $(cat "$WORK/portable.log")"
    say "portable, no network, no HOME, another user; the window in $WORK/portable.png; in 'Paddock data':"
    (cd "$place/Paddock/Paddock data" && find . -type f | sed 's/^/   /')

    mount --bind "$place" "$place"
    mount -o remount,bind,ro "$place"
    ! touch "$place/Paddock/x" 2>/dev/null || fail "not read-only"
    try_as_nobody "$program" --self-test
    HOME=$WORK/home unshare -n "$program" --self-test >"$WORK/self-test.json" 2>/dev/null || true
    has_started "$WORK/self-test.json"
    say "read-only, no network: works"
    umount "$place"
}

try_as_nobody() {
    unshare -n -- setpriv --reuid=nobody --regid=nogroup --clear-groups env -i "$@" >"$WORK/self-test.json" 2>/dev/null || true
    has_started "$WORK/self-test.json"
}

[ "$(id -u)" = 0 ] || fail "this needs root"
mkdir -p "$WORK"
trap 'leave_debian; kill ${XVFB:-} 2>/dev/null || true' EXIT
case "${1:-all}" in
deb) check_deb ;;
archive) check_archive ;;
all)
    check_archive
    check_deb
    ;;
esac
say "all is well"
