/* SPDX-License-Identifier: MIT */
/* A process that has been forked has none of its parent's threads. */
#ifndef NORMNET_BASE_FORKS_H
#define NORMNET_BASE_FORKS_H

/* The number of forks between this process and its ancestor that called this first, so that it changes in a child. */
int normnet__count_forks(void);

#endif
