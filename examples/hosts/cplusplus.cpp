/* SPDX-License-Identifier: MIT */
/*
 * The library in C++, with normnet.hpp: containers, exceptions, a model that owns itself, and a lambda that lends the
 * program's threads.
 */
#include "normnet.hpp"

#include "bars.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

/* A batch of images and labels in containers. */
struct batch {
    std::vector<std::uint8_t> images;
    std::array<std::uint8_t, BARS_BATCH> labels;
};

static batch draw(bars &source)
{
    batch drawn;
    const std::uint8_t *pixels = &source.images[0][0][0];

    bars_draw(&source);
    drawn.images.assign(pixels, pixels + sizeof source.images);
    std::copy(std::begin(source.labels), std::end(source.labels), drawn.labels.begin());
    return drawn;
}

static normnet::input images_of(const batch &drawn)
{
    return normnet::input(drawn.images, {BARS_BATCH, 1, BARS_SIDE, BARS_SIDE});
}

/* Each task in a thread of its own; a host would have a pool, as lent_threads.c. */
static void run_at_once(std::int32_t count, const normnet::task &run)
{
    struct joining_threads : std::vector<std::thread> {
        ~joining_threads() /* also if the system has no more threads, and the next one throws */
        {
            for (std::thread &thread : *this)
                thread.join();
        }
    } threads;

    for (std::int32_t i = 1; i < count; ++i)
        threads.emplace_back(run, i);
    run(0);
}

static normnet::model train(bars &source)
{
    normnet::config config(NORMNET_NORM_GROUP);

    config.classes = BARS_CLASSES;
    config.architecture = "conv3-8 norm relu maxpool2 conv3-8 norm relu gap conv1-2";
    config.threads = 2;
    config.parallel_for = run_at_once;
    normnet::model model(config);
    for (int step = 0; step < BARS_STEPS; ++step) {
        const batch drawn = draw(source);

        model.train_step(images_of(drawn), drawn.labels);
    }
    return model;
}

static void show(const normnet::model &model, bars &source)
{
    const batch drawn = draw(source);
    std::array<std::int32_t, BARS_BATCH> classes;
    int correct = 0;

    model.predict(images_of(drawn), normnet::output(), classes);
    for (std::size_t i = 0; i < classes.size(); ++i)
        correct += classes[i] == drawn.labels[i];
    std::cout << correct << " of " << BARS_BATCH << " new images recognized\n";
}

static void run()
{
    static bars source;
    normnet::model trained = train(source);
    const normnet::model copy = trained.clone(); /* from here on, both can be used, each in its own thread */

    show(copy, source);
    try {
        trained.train_step(images_of(draw(source)), std::vector<std::int32_t>(BARS_BATCH, BARS_CLASSES));
    } catch (const normnet::error &error) { /* and the model is as it was */
        std::cout << normnet_status_string(error.status()) << ": " << error.what() << '\n';
    }
    std::printf("weights %08x\n", static_cast<unsigned>(bars_hash(trained.get())));
}

int main(int argc, char **argv)
{
    const int usage = bars_usage(argc, argv, "cplusplus");

    if (usage >= 0)
        return usage;
    try {
        run();
        return EXIT_SUCCESS;
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
