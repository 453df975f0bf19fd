/* SPDX-License-Identifier: MIT */
/* Parts of an HTML page. Whatever comes from a file or a user goes through html_text(). */
#ifndef MNIST_HTML_H
#define MNIST_HTML_H

#include "support/text.h"

#include <stdio.h>

/* Writes a text so that it means itself in HTML and in a quoted attribute. Bytes that are not UTF-8 become U+FFFD. */
void html_text(FILE *page, const char *text);

/* The same, cut after `most` characters, with an ellipsis. */
void html_short_text(FILE *page, const char *text, int most);

/* A number of the page's text: a real minus sign, and a dash for what is not finite. */
void html_number(FILE *page, double value, int decimals);

/* The same with a sign, for differences. */
void html_signed(FILE *page, double value, int decimals);

/* A cell of a table with a number. */
void html_number_cell(FILE *page, double value, int decimals);

void html_text_cell(FILE *page, const char *text);

/* A section with a heading that the table of contents refers to. Both texts are the program's. */
void html_begin_section(FILE *page, const char *anchor, const char *title);
void html_end_section(FILE *page);

/* A section that has nothing to show says why, in markup. */
void html_empty_section(FILE *page, const char *anchor, const char *title, const char *reason);

/* A table that scrolls sideways where it is wider than the page; `head` has its cells: "<th>a<th>b". */
void html_begin_table(FILE *page, const char *head);

/* The same, but names in the first column and in those of class t are broken rather than pushing others out of sight.
 */
void html_begin_names_table(FILE *page, const char *head);
void html_end_table(FILE *page);

#endif
