/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C (SIGINT), SIGTERM, a closed terminal (SIGHUP) and a limit of processor time (SIGXCPU) during a training run.
 * The first signal asks the program to stop after the current step; a second one of the same kind ends it at once.
 */
#ifndef MNIST_INTERRUPT_H
#define MNIST_INTERRUPT_H

/* Installs the handlers. A signal that was ignored when the program was started stays ignored. */
void interrupt_catch(void);

#if !defined(_WIN32)
/*
 * Has a signal that ends the process call `function` before, which therefore may do only what a handler may. Signals
 * that are caught or ignored stay so; after interrupt_catch() it is the second signal that ends the process.
 */
void interrupt_clean_up(void (*function)(void));
#endif

/* No handler runs in the calling thread between these two, which must not be nested. */
void interrupt_block(void);
void interrupt_unblock(void);

/*
 * Ignores SIGPIPE. When the reader of the output ends, such as a `tee` that receives the same Ctrl-C, printing fails
 * instead of ending the program before it has written its files.
 */
void interrupt_ignore_pipe(void);

/*
 * Ignores SIGXFSZ. Writing a file that would be larger than the limit of the process (ulimit -f) fails with a message
 * instead of ending the program without one, and a temporary file is removed.
 */
void interrupt_ignore_size_limit(void);

/* The number of the first signal received; 0 = none. */
int interrupt_signal(void);

/* 128 + the number of the signal, as shells expect, e.g. 130 for Ctrl-C; 0 = no signal was received. */
int interrupt_exit_code(void);

#endif
