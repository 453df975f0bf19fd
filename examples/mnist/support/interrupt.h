/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C, SIGTERM and a terminal that is closed (SIGHUP) while a training runs: the first only asks the program to stop
 * at the next good moment, another of the same kind ends it at once.
 */
#ifndef MNIST_INTERRUPT_H
#define MNIST_INTERRUPT_H

/* From now on. A signal that the program was started to ignore stays ignored. */
void interrupt_catch(void);

/*
 * A reader of the output that goes away, like `less` or a `tee` that the same Ctrl-C ends, must not end the program in
 * front of what it has to write into files: printing fails instead.
 */
void interrupt_ignore_pipe(void);

/* The number of the first signal that came; 0 = none. */
int interrupt_signal(void);

/* What shells expect of a program that such a signal has ended, e.g. 130 for Ctrl-C; 0 = no signal came. */
int interrupt_exit_code(void);

#endif
