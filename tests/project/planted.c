/* SPDX-License-Identifier: MIT */
/*
 * A program with a defect for each sanitizer, chosen by its argument: it exits with 0 if nothing reports the defect,
 * with 2 if there is no such defect. check_sanitizers.py runs it. What is volatile keeps the compiler from seeing
 * through it.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int shared;

static void *add(void *unused)
{
    for (int i = 0; i < 1000; ++i)
        ++*(volatile int *)&shared;
    return unused;
}

static void race(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, add, NULL) != 0)
        return;
    add(NULL);
    pthread_join(thread, NULL);
}

static void uninitialized(void)
{
    int *volatile memory = malloc(sizeof *memory);

    if (memory != NULL && *memory == 7)
        puts("seven");
    free(memory);
}

static void leak(void)
{
    void *volatile memory = malloc(1000);

    memory = NULL;
    (void)memory;
}

static void overflow(void)
{
    volatile size_t index = 10;
    volatile char *volatile memory = malloc(index);

    if (memory != NULL)
        memory[index] = 1;
    free((void *)memory);
}

static void signed_overflow(void)
{
    volatile int number = INT32_MAX;

    number = number + 1;
}

static void truncation(void)
{
    volatile int64_t number = (int64_t)1 << 40;
    volatile int32_t narrow;

    narrow = number;
    (void)narrow;
}

static void float_cast(void)
{
    volatile double number = 1e30;
    volatile int32_t integer = (int32_t)number;

    (void)integer;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*plant)(void);
    } defects[] = {
        {"race", race},
        {"uninitialized", uninitialized},
        {"leak", leak},
        {"overflow", overflow},
        {"signed-overflow", signed_overflow},
        {"truncation", truncation},
        {"float-cast", float_cast},
    };

    for (size_t i = 0; i < sizeof defects / sizeof *defects && argc == 2; ++i) {
        if (strcmp(argv[1], defects[i].name) == 0) {
            defects[i].plant();
            return 0;
        }
    }
    return 2;
}
