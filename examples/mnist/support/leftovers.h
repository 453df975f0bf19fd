/* SPDX-License-Identifier: MIT */
/*
 * Files that exist only while the process works on others: locks and temporary files. A signal that ends the process
 * removes them. Nothing can after SIGKILL, and Windows, where a program has no such signals, keeps temporary files.
 */
#ifndef MNIST_LEFTOVERS_H
#define MNIST_LEFTOVERS_H

/*
 * `path` must exist until leftover_forget(). If `descriptor` is not -1, only the file that it has open is removed, and
 * not another one that has taken its name.
 */
void leftover_note(const char *path, int descriptor);

/* The same pointer; when the file is removed or has another name. Also if it was never noted. */
void leftover_forget(const char *path);

#endif
