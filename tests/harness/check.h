/* SPDX-License-Identifier: MIT */
/*
 * The test harness: a program runs named cases and reports one line for each.
 *
 *     static void addition(const void *argument) { CHECK_EQUAL(1 + 1, 2); }
 *
 *     int main(int argc, char **argv)
 *     {
 *         if (!check_begin(argc, argv))
 *             return check_end();
 *         check_case("addition", addition, NULL);
 *         return check_end();
 *     }
 *
 * It prints `ok NAME`, `FAIL NAME: file:line: ...` or `skip NAME: why`, and at the end `N passed, N failed, N skipped`;
 * it exits with 1 if a case failed. The arguments are parts of names: only cases with one of them in their name run, or
 * after --without, only cases with none of them. --list prints the names. The CHECK macros add only the file and the
 * line; after a failed check, which returns 0, the case continues.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds after which a child process hangs; a slow or busy machine never needs as many. */
enum { CHECK_HANG = 900 };

struct check_program {
    int filters;
    char **filter;
    int exclude; /* the filters select the cases that do not run */
    int list;
    int wrong_arguments;
    int passed, failed, skipped;
    int failures; /* of the running case */
    char first_failure[1024];
    char skip_reason[256];
};

/* The state of this test program, whose sources share it (check.c). */
struct check_program *check_state(void);

#if defined(__MINGW32__)
/* The format specifiers of C11, not of msvcrt. */
#define CHECK_FORMAT(text, values) __attribute__((format(gnu_printf, text, values)))
#elif defined(__GNUC__)
#define CHECK_FORMAT(text, values) __attribute__((format(printf, text, values)))
#else
#define CHECK_FORMAT(text, values)
#endif

static inline const char *check_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Reads the arguments of main(). 0 if there is nothing to run; return check_end() then. */
static inline int check_begin(int argc, char **argv)
{
    struct check_program *program = check_state();

    setvbuf(stdout, NULL, _IOLBF, 4096); /* so that a crash loses no line */
    program->filter = argv + 1;
    for (int i = 1; i < argc; ++i) {
        if (strcmp(argv[i], "--list") == 0) {
            program->list = 1;
        } else if (strcmp(argv[i], "--without") == 0) {
            program->exclude = 1;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("usage: %s [--list] [--without]\n"
                   "           [PART OF A CASE'S NAME]...\n\n"
                   "Runs the cases with one of these parts in their name; all cases if there is\n"
                   "none.\n\n"
                   "  --without   runs the cases with none of the parts instead\n"
                   "  --list      prints the names of the cases and runs none\n"
                   "  -h, --help  prints this help\n",
                   check_file_name(argv[0]));
            program->list = 1;
            return 0;
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "%s: unknown option %s; try --help\n", argv[0], argv[i]);
            program->wrong_arguments = 1;
            return 0;
        } else {
            program->filter[program->filters++] = argv[i];
        }
    }
    return 1;
}

static inline int check_selected(const char *name)
{
    const struct check_program *program = check_state();

    for (int i = 0; i < program->filters; ++i) {
        if (strstr(name, program->filter[i]) != NULL)
            return !program->exclude;
    }
    return program->filters == 0 || program->exclude;
}

/* Runs one case with `argument` and prints its line. */
static inline void check_case(const char *name, void (*function)(const void *argument), const void *argument)
{
    struct check_program *program = check_state();

    if (!check_selected(name))
        return;
    if (program->list) {
        puts(name);
        return;
    }
    program->failures = 0;
    program->skip_reason[0] = '\0';
    function(argument);
    if (program->failures > 0) {
        ++program->failed;
        printf("FAIL %s: %s", name, program->first_failure);
        if (program->failures > 1)
            printf(" (first of %d failures)", program->failures);
        putchar('\n');
    } else if (program->skip_reason[0] != '\0') {
        ++program->skipped;
        printf("skip %s: %s\n", name, program->skip_reason);
    } else {
        ++program->passed;
        printf("ok %s\n", name);
    }
}

/* The same for a case whose name is formatted. */
CHECK_FORMAT(3, 4)
static inline void check_case_named(void (*function)(const void *argument), const void *argument, const char *format,
                                    ...)
{
    char name[256];
    va_list values;

    va_start(values, format);
    vsnprintf(name, sizeof name, format, values);
    va_end(values);
    check_case(name, function, argument);
}

/* Prints the summary; what main() returns. */
static inline int check_end(void)
{
    const struct check_program *program = check_state();

    if (program->wrong_arguments)
        return 2;
    if (program->list)
        return 0;
    printf("%d passed, %d failed, %d skipped\n", program->passed, program->failed, program->skipped);
    if (program->filters > 0 && program->passed + program->failed + program->skipped == 0) {
        fprintf(stderr, "no case is selected; --list prints the names of all\n");
        return 2;
    }
    return program->failed > 0;
}

/*
 * Records a failure of the running case: the first is printed in the case's line, the next nine immediately, above that
 * line.
 */
CHECK_FORMAT(3, 4)
static inline int check_fail(const char *file, int line, const char *format, ...)
{
    struct check_program *program = check_state();
    char text[800];
    va_list values;

    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    ++program->failures;
    if (program->failures == 1)
        snprintf(program->first_failure, sizeof program->first_failure, "%s:%d: %s", file, line, text);
    else if (program->failures <= 10)
        printf("    %s:%d: %s\n", file, line, text);
    return 0;
}

/* The running case cannot run on this machine; return from it afterwards. */
static inline void check_skip(const char *reason)
{
    struct check_program *program = check_state();

    snprintf(program->skip_reason, sizeof program->skip_reason, "%s", reason);
}

static inline int check_true(const char *file, int line, const char *expression, int holds)
{
    return holds ? 1 : check_fail(file, line, "not true: %s", expression);
}

static inline int check_equal(const char *file, int line, const char *expression, int64_t actual, int64_t expected)
{
    if (actual == expected)
        return 1;
    return check_fail(file, line, "%s is %" PRId64 ", expected %" PRId64, expression, actual, expected);
}

static inline int check_text(const char *file, int line, const char *expression, const char *actual,
                             const char *expected)
{
    if (actual != NULL && strcmp(actual, expected) == 0)
        return 1;
    return check_fail(file, line, "%s is \"%s\", expected \"%s\"", expression, actual == NULL ? "(null)" : actual,
                      expected);
}

/* |actual - expected| <= tolerance; a NaN on either side fails. */
static inline int check_close(const char *file, int line, const char *expression, double actual, double expected,
                              double tolerance)
{
    if (fabs(actual - expected) <= tolerance)
        return 1;
    return check_fail(file, line, "%s is %.17g, expected %.17g within %.3g", expression, actual, expected, tolerance);
}

#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, (condition))
#define CHECK_EQUAL(actual, expected) check_equal(__FILE__, __LINE__, #actual, (actual), (expected))
#define CHECK_TEXT(actual, expected) check_text(__FILE__, __LINE__, #actual, (actual), (expected))
#define CHECK_CLOSE(actual, expected, tolerance)                                                                       \
    check_close(__FILE__, __LINE__, #actual, (actual), (expected), (tolerance))
#define CHECK_FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)

/* The number of entries of an array. */
#define CHECK_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* Allocates zeroed memory, or exits. */
static inline void *check_allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

#endif
