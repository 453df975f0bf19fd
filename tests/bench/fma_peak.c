/* SPDX-License-Identifier: MIT */
/*
 * Prints the peak of multiply-adds on several threads at once in GFLOP/s: in registers, then with one factor of each
 * from the L1 cache (fma_chains.h).
 *
 *     cc -O3 -ffp-contract=fast -mavx2 -mfma -DNORMNET_ISA=avx2 -pthread fma_peak.c fma_chains.c -o fma_peak
 *     ./fma_peak 2 0.5
 *
 * measures two threads over half a second each.
 */
#include "fma_chains.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 1024 };

struct worker {
    pthread_t thread;
    bool loads;
    double seconds;
    double flops; /* per second */
};

static void *work(void *argument)
{
    struct worker *worker = argument;

    worker->flops = FMA_FLOPS(NORMNET_ISA)(worker->seconds, worker->loads);
    return NULL;
}

/* GFLOP/s of all threads, or 0 if one could not be started. */
static double measure(int threads, double seconds, bool loads)
{
    static struct worker workers[MAX_THREADS];
    double sum = 0;
    int started = 0;

    for (; started < threads; ++started) {
        workers[started] = (struct worker){.loads = loads, .seconds = seconds};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break;
    }
    for (int i = 0; i < started; ++i) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].flops;
    }
    return started == threads ? 1e-9 * sum : 0;
}

int main(int count, char **arguments)
{
    const int threads = count == 3 ? atoi(arguments[1]) : 0;
    const double seconds = count == 3 ? atof(arguments[2]) : 0;

    if (threads < 1 || threads > MAX_THREADS || !(seconds > 0))
        return fputs("usage: fma_peak THREADS SECONDS\n", stderr), 2;
    for (int loads = 0; loads < 2; ++loads) {
        const double peak = measure(threads, seconds, loads);

        if (!(peak > 0))
            return perror("fma_peak"), 1;
        printf("%.3f\n", peak);
    }
    return 0;
}
