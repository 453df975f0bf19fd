/* SPDX-License-Identifier: MIT */
/* What all pages have: head, style, contents, sections and script. */
#ifndef MNIST_FRAME_H
#define MNIST_FRAME_H

#include "report/material.h"

#include <stdio.h>

struct part {
    const char *anchor, *title; /* of the section, and of its link in the contents */
    int (*write)(FILE *page, const struct material *material);
};

/* `marks` are elements that tell whose page it is. All texts are markup of the program. */
void frame_begin(FILE *page, const char *marks, const char *title);

/* The links to the sections. */
void frame_contents(FILE *page, const struct part *parts, int count);

/* Writes the sections; returns 0, or the code of the first that fails. */
int frame_sections(FILE *page, const struct part *parts, int count, const struct material *material);
void frame_end(FILE *page);

#endif
