/* SPDX-License-Identifier: MIT */
#include "ranks.h"

#include "support/minmax.h"
#include "support/report.h"

#include <stdlib.h>
#include <string.h>

/* Values of a message, 512 KiB, and bytes: MPI counts in int. */
enum { MAX_VALUES = 65536, MAX_BYTES = 1 << 30 };

/* MPI ends the job with a message when a call fails: that is its default, so that no result needs a check. */
int ranks_open(struct ranks *ranks)
{
    MPI_Comm machine;
    int rank, count, beside;

    ranks->all = MPI_COMM_WORLD;
    MPI_Comm_rank(ranks->all, &rank);
    MPI_Comm_size(ranks->all, &count);
    MPI_Comm_split_type(ranks->all, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &beside);
    MPI_Comm_free(&machine);
    ranks->rank = rank;
    ranks->count = count;
    ranks->beside = beside;
    ranks->received = malloc(MAX_VALUES * sizeof *ranks->received);
    return ranks->received ? 0 : report_error("not enough memory");
}

void ranks_close(struct ranks *ranks)
{
    free(ranks->received);
    ranks->received = NULL;
}

/* Up to MAX_VALUES: rank 0 gets the sums. In round d, rank r gets those of ranks r + d to r + 2 d - 1. */
static void add_along_tree(const struct ranks *ranks, double *values, int count)
{
    for (int32_t distance = 1; distance < ranks->count; distance *= 2) {
        if (ranks->rank & distance) {
            MPI_Send(values, count, MPI_DOUBLE, ranks->rank - distance, 0, ranks->all);
            return;
        }
        if (ranks->rank + distance >= ranks->count)
            continue;
        MPI_Recv(ranks->received, count, MPI_DOUBLE, ranks->rank + distance, 0, ranks->all, MPI_STATUS_IGNORE);
        for (int i = 0; i < count; ++i)
            values[i] += ranks->received[i];
    }
}

void ranks_sum(const struct ranks *ranks, double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i += MAX_VALUES) {
        const int part = (int)int64_min(count - i, MAX_VALUES);

        add_along_tree(ranks, values + i, part);
        MPI_Bcast(values + i, part, MPI_DOUBLE, 0, ranks->all);
    }
}

void ranks_copy(const struct ranks *ranks, void *bytes, int64_t size)
{
    for (int64_t i = 0; i < size; i += MAX_BYTES)
        MPI_Bcast((char *)bytes + i, (int)int64_min(size - i, MAX_BYTES), MPI_BYTE, 0, ranks->all);
}

int ranks_agree(const struct ranks *ranks, int code)
{
    MPI_Allreduce(MPI_IN_PLACE, &code, 1, MPI_INT, MPI_MAX, ranks->all);
    return code;
}

int32_t ranks_find_worst(const struct ranks *ranks, int code)
{
    struct {
        int code, rank;
    } worst = {code, ranks->rank};

    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_2INT, MPI_MAXLOC, ranks->all);
    return worst.rank;
}

bool ranks_have_same(const struct ranks *ranks, const char *text)
{
    char of_first[128] = "";

    if (ranks->rank == 0)
        strncpy(of_first, text, sizeof of_first - 1);
    ranks_copy(ranks, of_first, sizeof of_first);
    return ranks_agree(ranks, strncmp(text, of_first, sizeof of_first - 1) != 0) == 0;
}
