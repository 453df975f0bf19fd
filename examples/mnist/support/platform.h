/* SPDX-License-Identifier: MIT */
/* What differs between operating systems: files mapped into memory, cores, the clock, the terminal, the cache. */
#ifndef MNIST_PLATFORM_H
#define MNIST_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A function whose arguments are those of printf. */
#if defined(__MINGW32__)
#define PRINTF_FORMAT __attribute__((format(gnu_printf, 1, 2))) /* C11's, not the system's */
#elif defined(__GNUC__)
#define PRINTF_FORMAT __attribute__((format(printf, 1, 2)))
#else
#define PRINTF_FORMAT
#endif

/* The bytes of a file or pipe, mapped where the system can and read into memory where it cannot. */
struct mapped_file {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
    bool mapped;
};

/* Returns 0, or reports why the file cannot be read. */
int mapped_file_open(struct mapped_file *file, const char *path);
void mapped_file_close(struct mapped_file *file);

bool file_exists(const char *path);

/* Where `path` leads through symbolic links, also if nothing is there yet; free() it. NULL without memory. */
char *file_resolve(const char *path);

/* Whether both lead to the same place, however they are written. */
bool file_same(const char *a, const char *b);

/* True unless something other than a regular file (a directory, a device) is there. */
bool file_replaceable(const char *path);

/* Whether standard output or standard error goes into the file. */
bool file_is_output(const char *path);

/* Gives the new file the permissions of the one at `path`, if there is one; false on failure. */
bool file_take_permissions(FILE *file, const char *path);

/* Flushes to the disk; false on failure. */
bool file_sync(FILE *file);

/* Puts `from` in the place of `to` in one step; false on failure. */
bool file_rename(const char *from, const char *to);

int64_t process_id(void);
int32_t core_count(void);
double seconds_now(void); /* of a clock that never steps back */

/*
 * Opens what the program was started without of standard input, output and error, on nothing: a file that took their
 * number would get what is printed.
 */
void open_standard_streams(void);

bool is_terminal(FILE *stream);
int terminal_width(FILE *stream); /* in columns; 80 if unknown */

/* Prints a word so that the shell reads it as it is. */
void print_word(FILE *stream, const char *word);

/* Where normnet keeps MNIST for this user; free() it. NULL if the system names no such place. */
char *cache_directory(void);

/* A printf into new memory; free() it. NULL without memory. */
char *text_of(const char *format, ...) PRINTF_FORMAT;

#endif
