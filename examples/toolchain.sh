# SPDX-License-Identifier: MIT
# Sourced by examples/run and tests/run. Finds a C compiler, meson and ninja, and installs those that are missing.

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# did_you_mean TYPED WORD...: prints "; did you mean WORD?" for the nearest word. Near is what a mistake in a short word
# or one in three letters of a longer one makes, or a beginning; dashes in front and capitals do not count.
did_you_mean() {
    for word in "$@"; do
        printf '%s\n' "$word"
    done | awk '
        function least(a, b) { return a < b ? a : b }
        # Letters that are left out, added, replaced or exchanged.
        function distance(a, b,    i, j, cost) {
            for (i = 0; i <= length(a); i++)
                for (j = 0; j <= length(b); j++) {
                    cost = substr(a, i, 1) != substr(b, j, 1)
                    d[i, j] = i * j == 0 ? i + j : least(least(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + cost)
                    if (i > 1 && j > 1 && substr(a, i - 1, 2) == substr(b, j, 1) substr(b, j - 1, 1))
                        d[i, j] = least(d[i, j], d[i - 2, j - 2] + 1)
                }
            return d[length(a), length(b)]
        }
        { word = tolower($0); sub(/^-+/, "", word) }
        NR == 1 { typed = word; best = length(word) + 1; next }
        {
            shorter = least(length(typed), length(word))
            near = distance(typed, word)
            if (shorter >= 3 && substr(typed, 1, shorter) == substr(word, 1, shorter))
                near = least(near, 1)
            else if (near >= shorter || (near > 1 && 3 * near > length(typed)))
                next
            if (near < best) { best = near; found = $0 }
        }
        END { if (found != "") printf "; did you mean %s?", found }
    ' 2>/dev/null || true
}

# with_signs_of_life SECONDS WHAT COMMAND...: runs a command, and says every SECONDS that it is still running.
with_signs_of_life() {
    (
        elapsed=0
        # Not longer than this script runs: Ctrl-C does not reach a background process. And a sleep that is left over
        # must not keep a pipe open that somebody reads to its end.
        while sleep "$1" >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
            elapsed=$((elapsed + $1))
            say "   still $2: $((elapsed / 60)) min $((elapsed % 60)) s"
        done
    ) &
    alive=$!
    shift 2
    result=0
    "$@" || result=$?
    kill "$alive" 2>/dev/null
    wait "$alive" 2>/dev/null || true
    return "$result"
}

# as_root COMMAND...: runs a command as root, with sudo if necessary. sudo may ask for a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        return 1
    fi
}

# Waits up to five minutes for another installation, such as the updates of a machine that has just started.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}

# Whether this user can install packages.
may_install() {
    have brew || have sudo || [ "$(id -u)" -eq 0 ]
}

# install_packages NAME...: installs packages, given by their names in Debian.
install_packages() {
    may_install || return 1
    say "installing (a minute or more, as the network is): $*"
    with_signs_of_life 15 installing run_package_manager "$@"
}

run_package_manager() {
    if have apt-get; then
        # The package lists may be missing or old. If the installation fails, update them and try again.
        apt_get install -y -qq "$@" >/dev/null 2>&1 || {
            apt_get update -qq >/dev/null 2>&1
            apt_get install -y -qq "$@" >/dev/null
        }
    elif have dnf; then
        as_root dnf install -y -q $(translate "$@")
    elif have apk; then
        as_root apk add -q $(translate "$@" | sed 's/\bgcc\b/build-base/')
    elif have pacman; then
        as_root pacman -S --needed --noconfirm $(translate "$@")
    elif have zypper; then
        as_root zypper -n -q install $(translate "$@")
    elif have brew; then
        brew install $(translate "$@")
    else
        return 1
    fi
}

# install_command NAME...: prints the command with which root installs packages, or nothing.
install_command() {
    if have apt-get; then
        echo "apt-get install $*"
    elif have dnf; then
        echo dnf install $(translate "$@")
    elif have apk; then
        echo apk add $(translate "$@" | sed 's/\bgcc\b/build-base/')
    elif have pacman; then
        echo pacman -S $(translate "$@")
    elif have zypper; then
        echo zypper install $(translate "$@")
    fi
}

# translate NAME...: prints the names that this system's package manager has for packages of Debian.
translate() {
    for name in "$@"; do
        case $name in
            libc6-dev) have dnf && echo glibc-devel ;;
            ninja-build) have dnf && echo ninja-build || echo ninja ;;
            python3-venv) ;;
            *) echo "$name" ;;
        esac
    done
}

compiler_works() {
    have "${CC:-cc}" && printf '#include <math.h>\nint main(void) { return 0; }\n' |
        "${CC:-cc}" -x c - -o /dev/null >/dev/null 2>&1
}

# Whether meson is installed and at least 1.0.1.
meson_works() {
    have meson || return 1
    oldest=$(printf '%s\n1.0.1\n' "$(meson --version 2>/dev/null)" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)
    [ "$oldest" = 1.0.1 ]
}

# install_by_pip DIRECTORY: installs meson and ninja from Python's package index into a virtual environment.
install_by_pip() {
    tools=$1
    have python3 || install_packages python3 || return 1
    say "installing from Python's package index into $tools (half a minute): meson, ninja"
    python3 -m venv "$tools" >/dev/null 2>&1 ||
        { install_packages python3-venv && python3 -m venv "$tools"; } || return 1
    with_signs_of_life 15 installing "$tools/bin/pip" install -q meson ninja || return 1
    PATH=$tools/bin:$PATH
}

meson_and_ninja_work() {
    meson_works && { have ninja || have ninja-build; }
}

# Prints the packages of everything that is missing. If this system has an older meson, pip installs a newer one.
missing_packages() {
    compiler_works || echo gcc libc6-dev
    if have meson && ! meson_works; then
        echo python3-venv
    elif ! meson_and_ninja_work; then
        echo meson ninja-build
    fi
}

# fail_without WHAT: ends with the command that installs all that is missing.
fail_without() {
    # shellcheck disable=SC2046 -- one word per package
    command=$(install_command $(missing_packages))
    if may_install; then
        reason="$1 could not be installed"
    else
        reason="only root can install $1 here, and there is no sudo"
    fi
    fail "$reason${command:+; as root: $command}"
}

# ensure_toolchain DIRECTORY: makes the tools available. DIRECTORY is for a virtual environment, if one is needed.
ensure_toolchain() {
    [ -x "$1/bin/meson" ] && PATH=$1/bin:$PATH
    if ! compiler_works; then
        say 'there is no working C compiler'
        install_packages gcc libc6-dev || fail_without 'a C compiler'
        compiler_works || fail 'the C compiler cannot compile a one-line program'
    fi
    if ! meson_and_ninja_work; then
        say 'meson (1.0.1 or newer) or ninja is missing'
        install_packages meson ninja-build || true
    fi
    meson_and_ninja_work || install_by_pip "$1" || fail_without 'meson 1.0.1 or newer with ninja'
}
