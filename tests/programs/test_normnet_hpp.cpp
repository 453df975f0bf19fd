/* SPDX-License-Identifier: MIT */
/* examples/hosts/normnet.hpp: ownership, exceptions in both directions, views. */
#include "hosts/normnet.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

static int passed, failed;

static void expect(bool holds, const char *name)
{
    std::printf("%s %s\n", holds ? "ok" : "FAIL", name);
    ++(holds ? passed : failed);
}

/* Whether `call` throws normnet::error with this status, and a message that has `text` in it. */
template <class Call> static bool fails(Call call, std::int32_t status, const char *text)
{
    try {
        call();
    } catch (const normnet::error &error) {
        return error.status() == status && std::string(error.what()).find(text) != std::string::npos;
    }
    return false;
}

enum { IMAGES = 24, SIDE = 8 };

struct data {
    std::vector<std::uint8_t> pixels;
    std::vector<std::int64_t> labels;

    data() : pixels(IMAGES * SIDE * SIDE), labels(IMAGES)
    {
        for (std::size_t i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<std::uint8_t>(i * i % 251);
        for (std::size_t i = 0; i < labels.size(); ++i)
            labels[i] = static_cast<std::int64_t>(i % 3);
    }

    normnet::input images() const
    {
        return {pixels, {IMAGES, 1, SIDE, SIDE}};
    }
};

static normnet::config small(std::int32_t norm = NORMNET_NORM_BATCH)
{
    normnet::config config(norm);

    config.height = config.width = SIDE;
    config.classes = 3;
    config.architecture = "conv3-8 norm relu gap conv1-3";
    return config;
}

static const data samples;

/* The bytes of a model, trained for three steps. */
static std::vector<std::uint8_t> trained(normnet::model &model)
{
    for (int step = 0; step < 3; ++step)
        model.train_step(samples.images(), samples.labels);
    return model.serialize();
}

static std::vector<std::uint8_t> trained(const normnet::config &config)
{
    normnet::model model(config);

    return trained(model);
}

static std::vector<std::uint8_t> plainly_trained()
{
    const std::int64_t shape[4] = {IMAGES, 1, SIDE, SIDE};
    const normnet::config config = small();
    normnet_tensor images, labels;
    normnet_model *model = nullptr;
    std::int64_t size = 0;

    normnet_tensor_init(&images, NORMNET_U8, samples.pixels.data(), 4, shape);
    normnet_tensor_init(&labels, NORMNET_I64, samples.labels.data(), 1, shape);
    normnet_model_create(&model, &config);
    for (int step = 0; step < 3; ++step)
        normnet_train_step(model, &images, &labels, nullptr);
    normnet_model_serialize(model, nullptr, 0, &size, nullptr);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    normnet_model_serialize(model, bytes.data(), size, &size, nullptr);
    normnet_model_destroy(model);
    return bytes;
}

static void ownership()
{
    static_assert(!std::is_copy_constructible<normnet::model>::value, "a model cannot be copied");
    static_assert(!std::is_copy_assignable<normnet::model>::value, "a model cannot be assigned");
    static_assert(std::is_nothrow_move_constructible<normnet::model>::value, "a model can be moved");
    static_assert(std::is_nothrow_move_assignable<normnet::model>::value, "a model can be move-assigned");
    const std::vector<std::uint8_t> expected = plainly_trained();
    std::vector<normnet::model> models;
    normnet::model first(small());

    expect(trained(first) == expected, "hpp: the same bits as in C");
    models.push_back(std::move(first));
    models.push_back(models[0].clone());
    models.push_back(normnet::model::deserialize(expected));
    expect(first.get() == nullptr, "hpp: nothing is left of a moved model");
    expect(fails([&] { trained(first); }, NORMNET_EINVAL, "NULL"), "hpp: a moved model is refused");
    expect(trained(models[0]) == trained(models[1]), "hpp: a clone stays equal to the original");
    expect(trained(models[2]) == models[1].serialize(), "hpp: so does one that was read from bytes");
    expect(models[0].steps_taken() == 6, "hpp: steps");
    expect(models[0].summary().find("conv3-8") != std::string::npos && models[0].summary().back() != '\0',
           "hpp: summary");
}

static void failures()
{
    normnet::config config = small();

    config.architecture = "conv3-8 nrom";
    expect(fails([&] { normnet::model model(config); }, NORMNET_EARCH, "nrom"), "hpp: status and message");
    expect(fails([] { normnet::model::load("/nowhere/model.ckpt"); }, NORMNET_EIO, "/nowhere/model.ckpt"),
           "hpp: a file that is missing");
    expect(fails(
               [] {
                   normnet::model(small()).train_step({samples.pixels, {IMAGES, 1, SIDE, SIDE + 1}}, samples.labels);
               },
               NORMNET_EINVAL, "24 x 1 x 8 x 9"),
           "hpp: a shape that is not the container's");
    expect(fails(
               [] {
                   normnet::model(small()).train_step({samples.pixels, {IMAGES, -1, -SIDE, SIDE}}, samples.labels);
               },
               NORMNET_EINVAL, "24 x -1 x -8 x 8"),
           "hpp: negative numbers in a shape");
    expect(fails([] { normnet::model(small()).train_step(samples.images(), std::vector<float>(IMAGES)); },
                 NORMNET_EUNSUPPORTED, "labels"),
           "hpp: labels of a type that they cannot have");
}

static void reductions()
{
    const std::vector<std::uint8_t> expected = trained(small());
    normnet::config config = small();
    int calls = 0, refused = 0;
    bool thrown = false;

    config.reduce = [&](double *, std::int64_t) {
        if (++calls == refused)
            throw std::out_of_range("no network");
    };
    expect(trained(config) == expected && calls > 0, "hpp: reduce");
    normnet::model model(config);
    model.train_step(samples.images(), samples.labels);
    refused = calls + 1;
    try {
        model.train_step(samples.images(), samples.labels);
    } catch (const std::out_of_range &exception) {
        thrown = std::strcmp(exception.what(), "no network") == 0;
    }
    expect(thrown, "hpp: what reduce throws is thrown by the call");
    expect(model.steps_taken() == 1, "hpp: and the call has changed nothing");
    model.train_step(samples.images(), samples.labels);
    model.train_step(samples.images(), samples.labels);
    expect(model.serialize() == expected, "hpp: nor the steps after it");
    config.architecture = "nothing";
    expect(fails([&] { normnet::model other(config); }, NORMNET_EARCH, "nothing"),
           "hpp: an exception is thrown only once");
}

static void lent_threads()
{
    const std::vector<std::uint8_t> expected = trained(small());
    normnet::config config = small(), other = small();
    int calls = 0, others = 0;

    config.threads = other.threads = 3;
    config.parallel_for = [&](std::int32_t count, const normnet::task &run) {
        ++calls;
        run(count - 1);
        throw 1; /* the tasks that are left run all the same */
    };
    other.parallel_for = [&](std::int32_t, const normnet::task &) { ++others; };
    expect(trained(config) == expected && calls > 0, "hpp: what parallel_for throws is dropped");
    normnet::model *original = new normnet::model(config);
    normnet::model same = original->clone(), lent = original->clone(&other);

    delete original;
    calls = 0;
    expect(trained(same) == expected && calls > 0 && others == 0, "hpp: a clone keeps the functions of its original");
    calls = 0;
    expect(trained(lent) == expected && calls == 0 && others > 0, "hpp: or has those of its host");
}

static void views()
{
    normnet::model model(small(NORMNET_NORM_GROUP));
    std::array<std::uint8_t, IMAGES> classes;
    std::vector<float> scores(3 * IMAGES), one(3);
    std::vector<std::int64_t> confusion(9);
    normnet_tensor backwards = *samples.images().get();
    bool sums = true;

    model.train_step(samples.images(), samples.labels);
    model.predict(samples.images(), {scores, {IMAGES, 3}}, classes);
    for (std::size_t i = 0; i < IMAGES; ++i) {
        const float *row = &scores[3 * i];

        sums = sums && std::fabs(row[0] + row[1] + row[2] - 1) < 1e-5F;
        sums = sums && row[classes[i]] >= row[0] && row[classes[i]] >= row[1] && row[classes[i]] >= row[2];
    }
    expect(sums, "hpp: scores and classes");
    backwards.shape[0] = 1;
    backwards.data = const_cast<std::uint8_t *>(&samples.pixels[SIDE * SIDE]);
    model.predict(backwards, {one, {1, 3}});
    expect(std::memcmp(&one[0], &scores[3], 3 * sizeof one[0]) == 0, "hpp: a tensor of the caller's");
    const normnet_metrics metrics = model.evaluate(samples.images(), samples.labels, confusion.data());
    expect(metrics.count == IMAGES && confusion[0] + confusion[4] + confusion[8] == metrics.correct, "hpp: evaluation");
}

int main()
{
    ownership();
    failures();
    reductions();
    lent_threads();
    views();
    std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed > 0;
}
