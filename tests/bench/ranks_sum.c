/* SPDX-License-Identifier: MIT */
/* What a sum over ranks costs: along the tree of examples/mpi, and by MPI_Allreduce. */
#include "bench/clock.h"
#include "ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 21, MAX_VALUES = 1 << 21 };
static const double TURN_SECONDS = 0.02;

/* From the sums of a batch norm to the gradients of networks of 7,704 to 2 million parameters. */
static const int counts[] = {16, 64, 256, 1024, 7704, 65536, 262144, MAX_VALUES};
enum { COUNTS = sizeof counts / sizeof *counts };

static void sum_along_tree(const struct ranks *ranks, double *values, int count)
{
    ranks_sum(ranks, values, count);
}

static void sum_by_mpi(const struct ranks *ranks, double *values, int count)
{
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, ranks->all);
}

typedef void sum_function(const struct ranks *ranks, double *values, int count);

/* Seconds of one sum, the mean of a turn, whose length rank 0 decides. */
static double measure(const struct ranks *ranks, sum_function *sum, double *values, int count)
{
    int64_t done = 0;
    double taken = 0;

    MPI_Barrier(ranks->all);
    for (int64_t rounds = 1; taken < TURN_SECONDS; rounds *= 2) {
        const double start = now();

        for (int64_t i = 0; i < rounds; ++i)
            sum(ranks, values, count);
        taken += now() - start;
        done += rounds;
        MPI_Bcast(&taken, 1, MPI_DOUBLE, 0, ranks->all);
    }
    return taken / (double)done;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The medians of both, in turn. */
static void measure_count(const struct ranks *ranks, double *values, int count)
{
    double tree[TURNS], mpi[TURNS];

    for (int turn = 0; turn < TURNS; ++turn) {
        tree[turn] = measure(ranks, sum_along_tree, values, count);
        mpi[turn] = measure(ranks, sum_by_mpi, values, count);
    }
    qsort(tree, TURNS, sizeof *tree, compare);
    qsort(mpi, TURNS, sizeof *mpi, compare);
    if (ranks->rank == 0)
        printf("%9d  %9.1f  %9.1f  %6.1f\n", count, 1e6 * tree[TURNS / 2], 1e6 * mpi[TURNS / 2],
               16e-9 * count / tree[TURNS / 2]);
}

int main(int argc, char **argv)
{
    struct ranks ranks;
    double *values;

    MPI_Init(&argc, &argv);
    if (ranks_open(&ranks) != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    if (argc > 1) {
        if (ranks.rank == 0)
            printf(
                "usage: mpirun -np RANKS ranks_sum\n\n"
                "Measures sums of doubles over all ranks: medians of %d turns, in microseconds, and the bytes that a "
                "rank sends and receives.\n",
                (int)TURNS);
        MPI_Finalize();
        return strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0 ? 2 : 0;
    }
    values = calloc(MAX_VALUES, sizeof *values);
    if (!values)
        MPI_Abort(MPI_COMM_WORLD, 1);
    if (ranks.rank == 0)
        printf("%d ranks\n   values   tree, us   Allreduce    GB/s\n", (int)ranks.count);
    for (int i = 0; i < COUNTS; ++i)
        measure_count(&ranks, values, counts[i]);
    free(values);
    ranks_close(&ranks);
    MPI_Finalize();
    return 0;
}
