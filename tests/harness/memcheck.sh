#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: sh memcheck.sh PROGRAM [ARGUMENT]... | -h | --help
#
# Runs a program under valgrind's memcheck, which fails it after a wrong access,
# a use of uninitialized memory or a leak.
case ${1:-} in
    -h | --help) sed -n 's/^# \{0,1\}//; 3,6p' "$0"; exit 0 ;;
esac
# Reachable memory is what libc keeps; the library's model would be "definite" or "indirect".
exec valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite "$@"
