/* SPDX-License-Identifier: MIT */
/* The random calls of fuzz_calls.c, for libFuzzer and for soak.c. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* How many calls there were in all; those by which the program looks at their results do not count. */
extern int64_t fuzz_calls_made;

/* Makes the calls that the bytes stand for, on models that do not outlive it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
