/* SPDX-License-Identifier: MIT */
#include "base/cancellation.h"

#include <pthread.h>

int normnet__disable_cancel(void)
{
    int state = PTHREAD_CANCEL_ENABLE;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

void normnet__restore_cancel(int state)
{
    (void)pthread_setcancelstate(state, &state);
}
