/* SPDX-License-Identifier: MIT */
/* Of Windows, and of builds without threads, which use nothing of a threads library. */
#include "base/forks.h"

int normnet__count_forks(void)
{
    return 0;
}
