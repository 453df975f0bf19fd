/* SPDX-License-Identifier: MIT */
/*
 * The floating-point mode: rounding, traps, and whether denormal numbers are flushed to zero. The bits of results
 * depend on it. So every call that computes does so in C's default mode, whatever the mode of its caller, and then
 * restores the caller's mode and exception flags.
 */
#ifndef NORMNET_BASE_FLOAT_MODE_H
#define NORMNET_BASE_FLOAT_MODE_H

#include "base/exact.h"

#if defined(__SSE__)

#include <xmmintrin.h>

/* All arithmetic is SSE's: its register alone takes 10 ns, fegetenv and fesetenv, with the x87's, 250 (Zen 5). */
struct float_mode {
    unsigned control; /* MXCSR */
};

enum { NORMNET__DEFAULT_MXCSR = 0x1f80 }; /* round to nearest, all exceptions masked, no flag set, no flushing */

static inline struct float_mode normnet__enter_float_mode(void)
{
    const struct float_mode caller = {_mm_getcsr()};

    _mm_setcsr(NORMNET__DEFAULT_MXCSR);
    return caller;
}

static inline void normnet__restore_float_mode(const struct float_mode *caller)
{
    _mm_setcsr(caller->control);
}

#else

#include <fenv.h>

struct float_mode {
    fenv_t environment;
};

/* These cannot fail: the environments are what fegetenv has stored, and the default one. */
static inline struct float_mode normnet__enter_float_mode(void)
{
    struct float_mode caller;

    (void)fegetenv(&caller.environment);
    (void)fesetenv(FE_DFL_ENV);
    return caller;
}

static inline void normnet__restore_float_mode(const struct float_mode *caller)
{
    (void)fesetenv(&caller->environment);
}

#endif

/* After a function of the host, which may have changed the mode. */
static inline void normnet__reset_float_mode(void)
{
    (void)normnet__enter_float_mode();
}

#endif
