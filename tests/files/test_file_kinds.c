/* SPDX-License-Identifier: MIT */
/* Files of other kinds that are handed to the reader by mistake: the message says what they are. */
#include "harness/check_normnet.h"
#include "harness/file_samples.h"

#include <stdlib.h>

/* Loading fails both ways with this status; the message has the words. */
static void check_rejected(const void *bytes, size_t size, normnet_status status, const char *words)
{
    normnet_config config;
    normnet_model *model = NULL, *other;

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    other = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_model_deserialize(&model, bytes, (int64_t)size, NULL), status);
    if (strstr(normnet_error_message(), words) == NULL)
        CHECK_FAIL("expected '%s' in '%s'", words, normnet_error_message());
    CHECK(model == NULL);
    CHECK_STATUS(normnet_deserialize_weights(other, bytes, (int64_t)size), status);
    CHECK(strstr(normnet_error_message(), words) != NULL);
    normnet_model_destroy(other);
}

static void known_kinds(const void *argument)
{
    (void)argument;
    for (int i = 0; i < CHECK_COUNT(file_samples); ++i) {
        const struct file_sample *sample = &file_samples[i];

        check_rejected(sample->bytes, sample->size, NORMNET_EFORMAT, sample->words);
        CHECK(strstr(normnet_error_message(), "; expected safetensors") != NULL);
    }
    check_rejected(sample_idx, sizeof sample_idx - 1, NORMNET_EFORMAT, "an IDX file");
    check_rejected(sample_pgm, sizeof sample_pgm - 1, NORMNET_EFORMAT, "an image (PNM");
}

static void what_helps(const void *argument)
{
    static const char html[] = "<!doctype html>";

    (void)argument;
    check_rejected(file_samples[0].bytes, file_samples[0].size, NORMNET_EFORMAT, "safetensors.torch.save_file");
    check_rejected(html, sizeof html - 1, NORMNET_EFORMAT, "a download has failed");
}

static void later_marks(const void *argument)
{
    unsigned char bytes[512] = {0};

    (void)argument;
    check_rejected(bytes, sizeof bytes, NORMNET_EFORMAT, "zero bytes");
    memcpy(bytes, "mnist/train", 11);
    memcpy(bytes + 257, "ustar", 5);
    check_rejected(bytes, sizeof bytes, NORMNET_EFORMAT, "a tar archive");
}

/* No byte after the end is read, wherever a file is cut. */
static void cut_anywhere(const void *argument)
{
    (void)argument;
    for (int i = 0; i < CHECK_COUNT(file_samples); ++i)
        for (size_t size = 1; size <= file_samples[i].size; ++size) {
            unsigned char *copy = malloc(size);
            normnet_model *model = NULL;

            if (!CHECK(copy != NULL))
                return;
            memcpy(copy, file_samples[i].bytes, size);
            CHECK(normnet_model_deserialize(&model, copy, (int64_t)size, NULL) != NORMNET_OK);
            free(copy);
        }
}

static void unknown_kinds(const void *argument)
{
    static const char text[] = "This is no checkpoint, but a text", binary[] = "\1\2\3\x1b[31m\xff\xfe\xfd";

    (void)argument;
    check_rejected(text, sizeof text - 1, NORMNET_ELIMIT, "begins with 'This is no check'");
    check_rejected(binary, sizeof binary - 1, NORMNET_ELIMIT, "[31m?");
}

/* A damaged file of safetensors is not taken for another kind because of the length of its header. */
static void damaged_safetensors(const void *argument)
{
    static const char starts[] = "{[#PBM\x80\x08";

    (void)argument;
    for (int first = 1; first < 256; ++first)
        for (size_t second = 0; second < sizeof starts; ++second) {
            unsigned char bytes[400] = {(unsigned char)first, (unsigned char)starts[second], 0, 0, 0, 0, 0, 0, 'x'};
            normnet_model *model = NULL;

            CHECK(normnet_model_deserialize(&model, bytes, sizeof bytes, NULL) != NORMNET_OK);
            if (strstr(normnet_error_message(), "expected safetensors") != NULL)
                CHECK_FAIL("a length of %d and %d: %s", first, starts[second], normnet_error_message());
        }
}

/* What is not zero in one place is no file of zeros. */
static void nearly_zeros(const void *argument)
{
    (void)argument;
    for (int at = 0; at <= 16; ++at) {
        unsigned char bytes[400] = {0};
        normnet_model *model = NULL;

        bytes[at] = 1;
        CHECK(normnet_model_deserialize(&model, bytes, sizeof bytes, NULL) != NORMNET_OK);
        if ((strstr(normnet_error_message(), "nothing but zero bytes") != NULL) != (at == 16))
            CHECK_FAIL("a 1 at %d: %s", at, normnet_error_message());
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("file kinds: known ones are named", known_kinds, NULL);
    check_case("file kinds: what helps", what_helps, NULL);
    check_case("file kinds: marks that come later", later_marks, NULL);
    check_case("file kinds: cut anywhere", cut_anywhere, NULL);
    check_case("file kinds: unknown ones show their first bytes", unknown_kinds, NULL);
    check_case("file kinds: damaged safetensors", damaged_safetensors, NULL);
    check_case("file kinds: zeros but for one byte", nearly_zeros, NULL);
    return check_end();
}
