# shellcheck shell=bash
# Makes the trees that hold the Kea generations this machine's own packages are not: lab/install.sh reads this file.
#
# A tree is a small Debian of its own in a folder, and a daemon of it is run by chroot (lab/generation.py). It is made
# once, under the cache folder, and found again by every checkout: KEA_LAB_CACHE, by default
# ${XDG_CACHE_HOME:-$HOME/.cache}/kea-reconciler. A tree has its name only when it is complete, so that an interrupted
# one is begun again. The newest release of each generation in Debian is taken; the file kea-version says which.

CACHE=${KEA_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kea-reconciler}
BASE_SUITE=trixie
TREE_SUITES=("2.6 trixie" "3.0 trixie-backports")
TREE_PACKAGES=(kea-dhcp4-server kea-dhcp6-server kea-ctrl-agent faketime)

tree_of() { printf '%s\n' "$CACHE/kea-$1"; }

# What a tree depends on, so that one that an older checkout made otherwise is made again.
recipe() { printf '%s\n' "$1" "$(dpkg --print-architecture)" "${TREE_PACKAGES[*]}"; }

is_complete() { recipe "$2" | cmp -s - "$(tree_of "$1")/made-from"; }

# Prints "SERIES SUITE" of the trees that are not there.
missing_trees() {
    local series suite entry
    for entry in "${TREE_SUITES[@]}"; do
        read -r series suite <<<"$entry"
        is_complete "$series" "$suite" || printf '%s\n' "$entry"
    done
}

# The mirror that this machine has its own Debian from, whatever the format of its sources.
mirror() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get --print-uris update 2>/dev/null | sed -n "s|^'\\(.*\\)/dists/$codename/InRelease'.*|\\1/|p" | head -n 1
}

# Why no tree can be made here; nothing where one can.
obstacle() {
    if [ "$(id -u)" != 0 ]; then
        echo "a tree is made and run with chroot, which takes root"
    elif ! has apt-get || ! has dpkg || [ -z "$(mirror)" ]; then
        echo "this machine's package sources name no mirror of Debian"
    elif ! has debootstrap || ! has unshare || [ ! -e "$KEYRING" ]; then
        echo "it takes the packages debootstrap, debian-archive-keyring and util-linux"
    fi
}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# A machine that reaches its mirror through a proxy, or by a certificate of its own, does so from inside too.
use_proxies_of_apt() {
    eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
    export http_proxy https_proxy
}

quietly() {
    local output
    output=$("$@" </dev/null 2>&1) || {
        printf '%s\n' "$output" | tail -n 20 >&2
        return 1
    }
}

in_tree() { chroot "$1" env DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"; }

# Debian BASE_SUITE without anything, in which nothing is ever started as a service.
make_base() {
    quietly debootstrap --variant=minbase --force-check-gpg --keyring="$KEYRING" "$BASE_SUITE" "$1" "$(mirror)" || return
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 0755 "$1/usr/sbin/policy-rc.d"
    if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
        install -D -m 0644 -t "$1/etc/ssl/certs" /etc/ssl/certs/ca-certificates.crt
    fi
    if [ -e /etc/hosts ]; then cp /etc/hosts "$1/etc/hosts"; fi
}

# fill_tree DIR SERIES SUITE: put Kea into the base that was copied to DIR.
fill_tree() {
    local release=() version
    if [ "$3" != "$BASE_SUITE" ]; then
        printf 'deb %s %s main\n' "$(mirror)" "$3" >>"$1/etc/apt/sources.list"
        release=(--target-release "$3")
    fi
    quietly in_tree "$1" apt-get -qq -o Acquire::Retries=3 update &&
        quietly in_tree "$1" apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --yes \
            --no-install-recommends "${release[@]}" "${TREE_PACKAGES[@]}" || return
    version=$(in_tree "$1" kea-dhcp4 -v) || return
    case "$version" in
    "$2".*) ;;
    *) say "$3 has Kea $version, and $2.x was looked for" && return 1 ;;
    esac
    rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
    printf '%s\n' "$version" >"$1/kea-version"
    recipe "$3" >"$1/made-from"
}

# Everything between the first file and the last rename; what it mounts is gone with its process.
make_missing_trees() {
    local series suite work
    rm -rf --one-file-system "$CACHE"/making-*
    work=$(mktemp -d "$CACHE/making-XXXXXX") && chmod 0755 "$work" || return
    use_proxies_of_apt
    say "making Debian $BASE_SUITE in $CACHE, once (about a minute)"
    make_base "$work/base" || return
    while read -r series suite; do
        say "putting Kea $series into it"
        cp -a "$work/base" "$work/$series" && fill_tree "$work/$series" "$series" "$suite" || return
        rm -rf --one-file-system "$(tree_of "$series")"
        mv "$work/$series" "$(tree_of "$series")" || return
    done < <(missing_trees)
    rm -rf --one-file-system "$work"
}

# What stands in the way is said, and is an error in CI only.
ensure_trees() {
    local why
    [ -n "$(missing_trees)" ] || return 0
    why=$(obstacle)
    if [ -z "$why" ]; then
        mkdir -p "$CACHE"
        exec {lock}>"$CACHE/lock"
        flock -n "$lock" || { say "waiting for another installation" && flock "$lock"; }
        if [ -n "$(missing_trees)" ]; then
            unshare --mount bash -c "source lab/install.sh; source lab/trees.sh; make_missing_trees" ||
                why="making them failed, see above"
        fi
        exec {lock}>&-
    fi
    [ -n "$why" ] || return 0
    [ "${CI:-}" != true ] || die "no Kea $(missing_series) here, and CI=true demands it: $why"
    say "without Kea $(missing_series): $why; their tests are skipped"
}

missing_series() { missing_trees | cut -d ' ' -f 1 | paste -s -d , - | sed 's/,/ and /'; }
