#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Downloads MNIST into the user's cache directory, where normnet-mnist looks for it. Needs curl, wget or python3 to
# download, gzip or python3 to unpack, and sha256sum, shasum, openssl or python3 to check the files.
set -eu

default_mirrors='https://ossci-datasets.s3.amazonaws.com/mnist https://storage.googleapis.com/cvdf-datasets/mnist'

usage() {
    cat <<END
Usage: sh fetch_mnist.sh

Downloads the four files of MNIST (11 MB), checks the SHA-256 of their unpacked
contents, and puts them into \${XDG_CACHE_HOME:-\$HOME/.cache}/normnet/mnist.
Files that are there and correct are kept.

Environment:
  NORMNET_MIRROR  One or more addresses to download from, separated by spaces.
                  The default is
                  $(echo "$default_mirrors" | sed 's/ /\n                  /')

Examples:
  sh fetch_mnist.sh
  NORMNET_MIRROR=http://localhost:8000 sh fetch_mnist.sh
END
}

fail() {
    echo "fetch_mnist.sh: $*" >&2
    exit 1
}

case ${1-} in
'') ;;
-h | --help)
    usage
    exit 0
    ;;
*)
    echo "fetch_mnist.sh: there is no option $1; see sh fetch_mnist.sh --help" >&2
    exit 2
    ;;
esac

have() {
    command -v "$1" >/dev/null 2>&1
}

# The training images are moved into place last, so that they exist only if the other three do.
files='t10k-images-idx3-ubyte t10k-labels-idx1-ubyte train-labels-idx1-ubyte train-images-idx3-ubyte'

expected_sha256() {
    case $1 in
    t10k-images-idx3-ubyte) echo 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
    t10k-labels-idx1-ubyte) echo ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    train-images-idx3-ubyte) echo ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
    train-labels-idx1-ubyte) echo 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
    esac
}

if have sha256sum; then
    sha256_of() { sha256sum <"$1" | cut -d ' ' -f 1; }
elif have shasum; then
    sha256_of() { shasum -a 256 <"$1" | cut -d ' ' -f 1; }
elif have openssl; then
    sha256_of() { openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1; }
elif have python3; then
    sha256_of() { python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' <"$1"; }
else
    fail "one of sha256sum, shasum, openssl and python3 is needed to check the files"
fi

is_correct() {
    [ -f "$1" ] && [ "$(sha256_of "$1")" = "$(expected_sha256 "$(basename "$1")")" ]
}

# download ADDRESS FILE: fails after 5 seconds without a connection or 20 seconds without data.
download() {
    if have curl; then
        curl --fail --location --silent --show-error --connect-timeout 5 --speed-limit 1 --speed-time 20 \
            --output "$2" "$1"
    elif have wget; then
        # GNU wget tries 20 times by default. The wget of busybox tries once and has no option --tries.
        if wget --version 2>/dev/null | grep -q GNU; then
            wget --no-verbose --tries=1 --connect-timeout=5 --read-timeout=20 --output-document="$2" "$1"
        else
            wget -q -T 20 -O "$2" "$1"
        fi
    elif have python3; then
        python3 - "$1" "$2" <<'END'
import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=20) as source, open(sys.argv[2], "wb") as target:
        shutil.copyfileobj(source, target)
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
END
    else
        fail "one of curl, wget and python3 is needed to fetch files"
    fi
}

# unpack FILE.gz FILE: writes at most one byte more than the largest file of MNIST has, whatever the archive contains.
unpack() {
    if have gzip; then
        gzip -dc "$1" 2>/dev/null | head -c 47040017 >"$2"
    elif have python3; then
        python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read(47040017))' "$1" >"$2" \
            2>/dev/null || :
    else
        fail "gzip or python3 is needed to unpack the files"
    fi
}

# fetch NAME: downloads a file into the work directory and checks it. On failure, prints the reason.
fetch() {
    for mirror in ${NORMNET_MIRROR:-$default_mirrors}; do
        address=${mirror%/}/$1.gz
        echo "fetching $address" >&2
        download "$address" "$work/$1.gz" || continue
        unpack "$work/$1.gz" "$work/$1"
        rm -f "$work/$1.gz"
        is_correct "$work/$1" && return 0
        echo "fetch_mnist.sh: $address is not the MNIST file: its contents have the SHA-256 $(sha256_of "$work/$1")" >&2
    done
    return 1
}

# The XDG specification says to ignore a path that is not absolute.
case ${XDG_CACHE_HOME-} in
/*) cache=$XDG_CACHE_HOME/normnet/mnist ;;
*)
    [ -n "${HOME-}" ] || fail "neither HOME nor XDG_CACHE_HOME is set, so there is no cache directory"
    cache=$HOME/.cache/normnet/mnist
    ;;
esac

missing=
for name in $files; do
    is_correct "$cache/$name" || missing="$missing $name"
done
if [ -z "$missing" ]; then
    echo "MNIST is already in $cache"
    exit 0
fi

# The work directory is inside the cache directory, so that mv is a rename.
mkdir -p "$cache" || fail "cannot create $cache"
work=$cache/fetch.$$
mkdir "$work" || fail "cannot create $work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

for name in $missing; do
    fetch "$name" || fail "could not fetch $name.gz; set NORMNET_MIRROR to another mirror"
done
for name in $missing; do
    mv -f "$work/$name" "$cache/$name" || fail "cannot write $cache/$name"
done
echo "MNIST is in $cache"
