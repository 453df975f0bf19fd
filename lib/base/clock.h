/* SPDX-License-Identifier: MIT */
/* The monotonic clock of the system. It decides nothing but who computes what. */
#ifndef NORMNET_BASE_CLOCK_H
#define NORMNET_BASE_CLOCK_H

/* Seconds since some moment. */
double normnet__seconds(void);

#endif
