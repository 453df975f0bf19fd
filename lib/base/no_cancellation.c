/* SPDX-License-Identifier: MIT */
/* Of systems without pthread_cancel(), such as Windows and Android. */
#include "base/cancellation.h"

int normnet__disable_cancel(void)
{
    return 0;
}

void normnet__restore_cancel(int state)
{
    (void)state;
}
