/* SPDX-License-Identifier: MIT */
/* Networks of published MNIST experiments with batch, layer and group norm, by their numbers in this project. */
#ifndef PUBLISHED_NETWORKS_H
#define PUBLISHED_NETWORKS_H

#define SEED_000                                                                                                       \
    "conv3-8 relu norm dropout conv3-16 relu norm dropout conv1-8 maxpool2 conv3-16 relu norm dropout "                \
    "conv3-8 relu norm dropout conv3-16 relu norm dropout conv3-16 relu norm dropout avgpool4 conv1-10"
/* Batch norm comes before relu; layer and group norm come after it, except for one. */
#define SEED_001_BATCH                                                                                                 \
    "conv3-4 norm relu conv3-8 norm relu conv1-16 maxpool2 conv3-16 norm relu dropout conv1-16 "                       \
    "conv3-16 norm relu dropout conv3-16 norm relu conv3-10 norm relu avgpool4 conv1-10"
#define SEED_001                                                                                                       \
    "conv3-4 relu norm conv3-8 relu norm conv1-16 maxpool2 conv3-16 relu norm dropout conv1-16 "                       \
    "conv3-16 norm relu dropout conv3-16 relu norm conv3-10 relu norm avgpool4 conv1-10"
#define SEED_003                                                                                                       \
    "conv3-8 relu norm dropout conv3-16 relu norm dropout maxpool2 conv1-8 conv3-16 relu norm dropout "                \
    "conv3-16 relu norm dropout conv3-16 relu norm dropout avgpool6 conv1-16 relu norm dropout conv1-10"
#define SEED_004                                                                                                       \
    "conv3-8 relu norm conv3-24 relu norm conv1-18 relu maxpool2 conv3-16 relu norm conv3-16 relu norm "               \
    "conv3-16 relu norm avgpool6 conv1-10"
#define SIBLING                                                                                                        \
    "conv3-8 norm relu dropout conv3-16 norm relu dropout maxpool2 conv1-8 norm relu dropout "                         \
    "conv3-8 norm relu dropout conv3-16 norm relu dropout conv3-16 norm relu dropout conv1-10 avgpool6"

#endif
