/* SPDX-License-Identifier: MIT */
/* The process around the library: nothing is printed, streams may be closed, a child computes on. POSIX only. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "harness/child.h"
#include "model_use.h"

#include <sys/stat.h>
#include <unistd.h>

static void use_all_ways(struct twins_inputs *in, struct twins_outputs *out)
{
    for (int i = 0; i < NORM_COUNT; ++i) {
        const struct settings want = {i, 1, NORMNET_CPU_BEST};

        CHECK_EQUAL(use_well(&want, in, out), 0);
        use_badly(&want, in);
    }
}

static void no_output(const void *argument)
{
    char name[] = "/tmp/normnet_output_XXXXXX";
    struct twins_inputs *in = draw_inputs();
    struct twins_outputs *out = check_allocate(1, sizeof *out);
    const int file = mkstemp(name), standard = dup(1), errors = dup(2);
    struct stat status;

    (void)argument;
    fflush(NULL);
    dup2(file, 1);
    dup2(file, 2);
    use_all_ways(in, out);
    fflush(NULL);
    dup2(standard, 1);
    dup2(errors, 2);
    close(standard);
    close(errors);
    CHECK(fstat(file, &status) == 0);
    CHECK_EQUAL(status.st_size, 0);
    close(file);
    unlink(name);
    free(in);
    free(out);
}

struct use {
    struct twins_inputs *in;
    struct twins_outputs *out;
};

static int use_without_streams(void *context)
{
    const struct use *self = context;

    close(0);
    close(1);
    close(2);
    use_all_ways(self->in, self->out);
    return check_state()->failures > 0;
}

static void closed_output(const void *argument)
{
    struct use self = {draw_inputs(), check_allocate(1, sizeof *self.out)};

    (void)argument;
    in_child(use_without_streams, &self);
    free(self.in);
    free(self.out);
}

/* ---- fork -------------------------------------------------------------------------------------- */

static int use_two_threads(void *context)
{
    const struct use *self = context;
    const struct settings want = {NORMNET_NORM_BATCH, 2, NORMNET_CPU_BEST};

    return use_well(&want, self->in, self->out) > 0;
}

/* A child of a process that has computed with several threads computes as well; it does not wait for them forever. */
static void forked(const void *argument)
{
    struct use self = {draw_inputs(), check_allocate(1, sizeof *self.out)};

    (void)argument;
    CHECK_EQUAL(use_two_threads(&self), 0);
    in_child(use_two_threads, &self);
    free(self.in);
    free(self.out);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("process: nothing is printed", no_output, NULL);
    check_case("process: works with standard input, output and error closed", closed_output, NULL);
    check_case("process: a child forked after a parallel step computes on", forked, NULL);
    return check_end();
}
