/* SPDX-License-Identifier: MIT */
/* What a report is made of: the runs of a directory, what they say, and the test images. */
#ifndef MNIST_MATERIAL_H
#define MNIST_MATERIAL_H

#include "data/class_names.h"
#include "report/look.h"
#include "report/run.h"
#include "study/summary.h"

struct training_facts; /* training_facts.h */

/* An experiment with its runs, in the order of the seeds. */
struct report_row {
    const struct experiment *experiment;
    const struct summary_row *summary;
    const struct run **runs;
    size_t count;
    struct look look;
};

struct material {
    const struct training_facts *training; /* of one training; NULL = of a study */
    const char *directory;
    const struct class_names *classes; /* NULL, or without names: classes are shown by their numbers */
    struct experiments experiments;    /* of the file, and those that only the lines have */
    char *experiments_file;            /* that the study has kept, or NULL */
    struct runs_file file;             /* the records of the runs; no file is open */
    struct run *runs;                  /* in the order of the records */
    struct json_value **kept;          /* lines that experiments point into */
    size_t kept_count;
    size_t in_file;  /* experiments of the file, which come first */
    size_t outside;  /* rows whose experiment only the lines have */
    char **problems; /* why lines are left out: sentences */
    size_t problem_count;
    size_t lines_left_out;
    char data_key[130];
    struct summary summary;
    struct report_row *rows;     /* in the order of the summary's */
    size_t row_count, run_count; /* that are shown */
    struct dataset data;         /* the test images, if has_images */
    bool has_images;
};

struct report_request {
    const char *directory;             /* with runs.jsonl */
    const char *out;                   /* the file to write; NULL = report.html in the directory */
    const char *experiments;           /* the file; NULL = those of the last study in the directory */
    const char *data;                  /* as in settings.h */
    const char *data_key;              /* the checksums of the images to report; NULL = those of most runs */
    const struct class_names *classes; /* NULL = none */
};

/*
 * Reads everything. Lines that cannot be shown become problems, and so do images that are missing. Returns 0, or
 * reports what is wrong. Close the material after a failure too.
 */
int material_open(struct material *material, const struct report_request *request);
void material_close(struct material *material);

/* Makes the rows of the summary. Returns 0, or reports that there is no memory. */
int material_make_rows(struct material *material);

/* The row of an experiment of the summary. */
const struct report_row *material_row(const struct material *material, const struct summary_row *row);

/* The name for tables and legends. */
const char *row_name(const struct report_row *row);

/* The most epochs of its runs. */
size_t row_epochs(const struct report_row *row);

/* Whether the network has learned too little to be of use: its mean is below 95 %, or no training came to its end. */
bool row_fails(const struct report_row *row);

/* Whether the mean is at most 0.15 points below the published best, or final, test accuracy. */
bool row_reaches(const struct report_row *row);

#endif
