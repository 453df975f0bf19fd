# SPDX-License-Identifier: MIT
# Sourced by tests/run. Shows which tests have finished.

# Prints meson's line for each test that finishes, without suite and project. Their order depends on meson's version:
# "1/9 c+quick - normnet:test_bits OK", "1/9 normnet:c+quick / test_bits OK", "1/9 normnet / test_bits OK".
show_progress() {
    while IFS= read -r line; do
        case $line in
            *[0-9]/[0-9]*' - normnet:'*) test=${line#* - normnet:} ;;
            *[0-9]/[0-9]*' normnet'*' / '*) test=${line#* / } ;;
            *) continue ;;
        esac
        printf '   %s  %s\n' "${line%% [a-z]*}" "$test"
    done
}
