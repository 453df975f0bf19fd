/* SPDX-License-Identifier: MIT */
/* Where the system has pthread_cancel(), it has no effect on the calling thread between these two. */
#ifndef NORMNET_BASE_CANCELLATION_H
#define NORMNET_BASE_CANCELLATION_H

int normnet__disable_cancel(void);
void normnet__restore_cancel(int state);

#endif
