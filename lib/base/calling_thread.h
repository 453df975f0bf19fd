/* SPDX-License-Identifier: MIT */
/*
 * What a call changes in the thread that makes it until it returns: the floating-point mode, errno, and whether the
 * thread can be cancelled. A call that ended in the middle, where it waits for a file, for other threads or in a
 * function of the host, would leave a model in use for ever, memory allocated and files open.
 */
#ifndef NORMNET_BASE_CALLING_THREAD_H
#define NORMNET_BASE_CALLING_THREAD_H

#include "base/cancellation.h"
#include "base/float_mode.h"

#include <errno.h>

struct calling_thread {
    int error; /* errno: malloc, for one, may change it and succeed */
    int cancel_state;
    struct float_mode mode;
};

static inline struct calling_thread normnet__begin_call(void)
{
    const int error = errno, cancel_state = normnet__disable_cancel();

    return (struct calling_thread){error, cancel_state, normnet__enter_float_mode()};
}

static inline void normnet__end_call(const struct calling_thread *thread)
{
    normnet__restore_float_mode(&thread->mode);
    normnet__restore_cancel(thread->cancel_state);
    errno = thread->error;
}

#endif
