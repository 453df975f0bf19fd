/* SPDX-License-Identifier: MIT */
/* The lines of style.css and script.js, ended by NULL. The build makes these arrays from the files. */
#ifndef MNIST_PAGE_PARTS_H
#define MNIST_PAGE_PARTS_H

extern const char *const page_style[];
extern const char *const page_script[];

#endif
