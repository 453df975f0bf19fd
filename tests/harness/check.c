/* SPDX-License-Identifier: MIT */
#include "harness/check.h"

struct check_program *check_state(void)
{
    static struct check_program state;

    return &state;
}
