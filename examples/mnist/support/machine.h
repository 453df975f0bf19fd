/* SPDX-License-Identifier: MIT */
/* What differs between operating systems: processes, cores, the clock and the user's cache directory. */
#ifndef MNIST_MACHINE_H
#define MNIST_MACHINE_H

#include <stdint.h>

int64_t process_id(void);
int32_t core_count(void); /* 1 to 1024 */
double seconds_now(void); /* of a clock that never goes back */

/* The directory in which normnet keeps MNIST for this user; free() it. NULL if the system has no such directory. */
char *cache_directory(void);

#endif
