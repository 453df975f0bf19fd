/* SPDX-License-Identifier: MIT */
/* The page: its head, the table of contents, and all sections. */
#ifndef MNIST_PAGE_H
#define MNIST_PAGE_H

#include "report/material.h"

#include <stdio.h>

/* Near the beginning of the page: it tells a report from other files. */
extern const char page_mark[];

/* Returns 0, or reports that there is no memory. `stem` is the name of the files beside it, without its folder. */
int page_write(FILE *page, const struct material *material, const char *stem);

#endif
