#!/usr/bin/env bash
# Makes this checkout ready to use: the Debian packages that are missing, and the virtual environment .venv.
#
#   lab/install.sh                        everything, the real Kea daemons included
#   lab/install.sh --without-kea          only what runs without real daemons
#   lab/install.sh --for-demo             only what the demo takes: the Kea of this machine's own Debian, and Python
#   lab/install.sh --for-simulated-demo   of that only Python
#
# Packages are installed only where that is possible without asking anybody (apt-get, and root or a sudo that wants no
# password). Where it is not, Python alone is necessary: without Kea the demo uses simulated servers and the tests of
# the real thing are skipped, except with CI=true, where a missing Kea is an error. The generations of Kea that Debian 12
# does not have are made by lab/trees.sh, where that is possible.
# PYTHON names the interpreter for .venv; by default the first python3 of 3.11 or later on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:/usr/sbin:/sbin" # where Debian has the daemons, and where an ordinary user does not look

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK="# made by lab/install.sh of kea-reconciler for one installation"
KEA_UNITS=(kea-dhcp4-server kea-dhcp6-server kea-ctrl-agent)

say() { printf '%s\n' "install: $*" >&2; }
die() {
    say "$*"
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# ------------------------------------------------------------------------------------------------ Python

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

can_make_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# What the environment depends on. Its content, not the age of files, so that a fresh checkout of the same is the same.
fingerprint() {
    printf '%s\n' "$PWD" "$("$1" -c 'import sys; print(sys.executable, sys.version)')"
    cat pyproject.toml
}

make_environment() {
    local python
    python=$(find_python) || die "needs Python 3.11 or later (set PYTHON to one)"
    if [ -e .venv/made-from ] && fingerprint "$python" | cmp -s - .venv/made-from; then
        return
    fi
    can_make_environments "$python" ||
        die "$python can't make virtual environments: install its venv module (Debian: apt-get install python3-venv)"
    say "making .venv with $python"
    "$python" -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
    fingerprint "$python" >.venv/made-from # last: an interrupted installation is begun again
}

# ---------------------------------------------------------------------------------------------- packages

# missing_packages everything|without-kea|for-demo|for-simulated-demo
# Prints the Debian packages whose programs are not there.
missing_packages() {
    local python
    if ! python=$(find_python) || ! can_make_environments "$python"; then
        echo python3 python3-venv
    fi
    has git || echo git
    case "$1" in everything | for-demo)
        has kea-dhcp4 || echo kea-dhcp4-server
        has kea-dhcp6 || echo kea-dhcp6-server
        has kea-ctrl-agent || echo kea-ctrl-agent
        ;;
    esac
    case "$1" in everything | without-kea)
        has ssh-keygen || echo openssh-client # signs the commits of the tests
        has systemd-analyze || echo systemd # judges contrib/kea-reconciler.service, and runs it on a machine of its own
        ;;
    esac
    [ "$1" = everything ] || return 0
    has perfdhcp || echo kea-admin
    has ip || echo iproute2
    has faketime || echo faketime
    has debootstrap || echo debootstrap debian-archive-keyring
    has curl || echo curl
    has zsh || echo zsh # a test completes words in each shell
    has fish || echo fish
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql # a test has a Configuration Backend
    has chromium || echo chromium fonts-dejavu-core # tests look at the status page: 120 MB, a minute
}

may_install() { has apt-get && { [ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; }; }; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# A mirror may be busy, and another installation may hold the lock: try for a while. What apt-get prints is shown only
# when it fails.
apt_get() {
    local pause output
    for pause in 5 15 45 none; do
        if output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
            -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" 2>&1); then
            return
        fi
        printf '%s\n' "$output" | tail -n 20 >&2
        [ "$pause" != none ] || return 1
        say "apt-get $1 failed, again in $pause s"
        sleep "$pause"
    done
}

# Debian starts a service as soon as it is installed, unless policy-rc.d says no. One that is there already is kept: it
# may say what it likes.
forbid_starting_services() {
    [ ! -e "$POLICY" ] || return 0
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | as_root tee "$POLICY" >/dev/null && as_root chmod 0755 "$POLICY"
}

allow_starting_services() {
    if grep -qsF "$POLICY_MARK" "$POLICY"; then
        as_root rm -f "$POLICY"
    fi
}

# Nor shall what came in for the lab only be a service from the next start of the machine on.
disable_services() {
    has systemctl || return 0
    local unit
    for unit in "${KEA_UNITS[@]}"; do
        case " $* " in *" $unit "*) as_root systemctl --quiet disable "$unit" >&2 || true ;; esac
    done
}

install_packages() {
    say "installing Debian packages: $*"
    trap allow_starting_services EXIT # also when interrupted, which bash tells reliably only where it is trapped itself
    trap 'exit 143' INT TERM HUP
    local has_worked=no
    if forbid_starting_services && apt_get update && apt_get install --no-install-recommends --yes "$@"; then
        has_worked=yes
        disable_services "$@"
    fi
    allow_starting_services
    trap - EXIT INT TERM HUP
    [ "$has_worked" = yes ]
}

ensure_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$1" | tr ' ' '\n')
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! may_install; then
        say "missing here: ${missing[*]}"
        say "not installed: that takes apt-get, and root or a sudo that asks for no password"
    elif ! install_packages "${missing[@]}"; then
        say "apt-get could not install: ${missing[*]}"
    fi
}

check_kea() {
    if has kea-dhcp4 && has kea-dhcp6 && has kea-ctrl-agent; then
        return
    fi
    [ "${CI:-}" != true ] || die "there is no Kea on this machine, and CI=true demands it"
    say "without Kea: the demo uses simulated servers, and the tests with real daemons are skipped"
}

main() {
    local what=everything
    case "$*" in
    "") ;;
    --without-kea | --for-demo | --for-simulated-demo) what=${1#--} ;;
    *) die "usage: lab/install.sh [--without-kea | --for-demo | --for-simulated-demo]" ;;
    esac
    ensure_packages "$what"
    case "$what" in everything | for-demo) check_kea ;; esac
    if [ "$what" = everything ]; then
        # shellcheck source=lab/trees.sh
        source lab/trees.sh
        ensure_trees
    fi
    make_environment
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then # not when a test reads the functions
    main "$@"
fi
