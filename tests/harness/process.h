/* SPDX-License-Identifier: MIT */
/* What the system shows of this process: memory, threads, descriptors. POSIX only; zeros where it shows nothing. */
#ifndef PROCESS_H
#define PROCESS_H

#include "check.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

struct process {
    long mapped_kib, resident_kib;
    int threads, descriptors;
};

/* Entries of a folder without those that begin with a dot. */
static inline int process_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static inline int count_threads(void)
{
    return process_entries("/proc/self/task");
}

/* Threads that end may be shown a little longer: joining one returns a moment before it disappears. */
static inline int count_threads_after(int expected)
{
    const struct timespec moment = {0, 1000000};
    int count = count_threads();

    for (int i = 0; i < 5000 && count > expected; ++i) {
        nanosleep(&moment, NULL);
        count = count_threads();
    }
    return count;
}

static inline struct process process_now(void)
{
    struct process now = {0, 0, count_threads(), process_entries("/proc/self/fd")};
    const long page_kib = sysconf(_SC_PAGESIZE) / 1024;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL)
        return now;
    if (fscanf(file, "%ld %ld", &now.mapped_kib, &now.resident_kib) == 2) {
        now.mapped_kib *= page_kib;
        now.resident_kib *= page_kib;
    }
    fclose(file);
    return now;
}

/* Threads and descriptors are as many as before, and memory has grown by no more than `slack_kib`. */
static inline void check_process(const struct process *before, long slack_kib)
{
    const int threads = count_threads_after(before->threads);
    const struct process now = process_now();

    CHECK_EQUAL(threads, before->threads);
    CHECK_EQUAL(now.descriptors, before->descriptors);
    if (now.resident_kib > before->resident_kib + slack_kib || now.mapped_kib > before->mapped_kib + slack_kib)
        CHECK_FAIL("%ld KiB are resident and %ld mapped; at first %ld and %ld", now.resident_kib, now.mapped_kib,
                   before->resident_kib, before->mapped_kib);
}

#endif
