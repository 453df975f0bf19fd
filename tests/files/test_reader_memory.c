/* SPDX-License-Identifier: MIT */
/* The reader of files: allocations that fail, and how much memory it takes. */
#include "reader_cases.h"

/* ---- Memory ----------------------------------------------------------------------------------- */

/* Each allocation in turn fails, alone or with all after it. */
static void creation_without_memory(const void *argument)
{
    const char *const words[] = {"allocator", NULL};
    const int32_t *kind = argument;
    struct reading *self = reading_open();
    int fail;

    for (int sticky = 0; sticky < 2; ++sticky)
        for (fail = 1;; ++fail) {
            struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
            const struct file *whole = file_of_kind(self, *kind);
            const int failures = self->memory.failures;

            self->memory.fail_at = self->memory.allocations + fail;
            self->memory.sticky = sticky;
            offer_to_create(self, whole->bytes, whole->size, &result);
            self->memory.fail_at = 0;
            if (self->memory.failures == failures) {
                CHECK_STATUS(result.created, NORMNET_OK);
                break;
            }
            expect("deserialize", result.created, result.created_message, NORMNET_ENOMEM, words);
        }
    CHECK(fail > 4); /* a copy of the file, its header, and two blocks of the model */
    reading_close(self);
}

static void filling_without_memory(const void *argument)
{
    const char *const words[] = {"allocator", NULL};
    const int32_t *kind = argument;
    struct reading *self = reading_open();
    const struct file *whole = file_of_kind(self, *kind);
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
    int fail;

    for (fail = 1;; ++fail) {
        self->memory.fail_at = self->memory.allocations + fail;
        offer_to_fill(self, whole->bytes, whole->size, &result);
        self->memory.fail_at = 0;
        if (self->memory.failures < fail)
            break;
        expect("deserialize_weights", result.filled, result.filled_message, NORMNET_ENOMEM, words);
    }
    CHECK_STATUS(result.filled, NORMNET_OK);
    CHECK_EQUAL(fail, 4); /* a copy of the file, its header, and its network */
    reading_close(self);
}

/*
 * No more than four times the file and 64 KiB, in addition to a model of `model` bytes if one is made. The copy of the
 * file is among them, as are the bytes that normnet_model_load reads.
 */
static void expect_frugal(const char *what, struct reading *self, const struct file *offered, int64_t model)
{
    const int64_t most = 4 * offered->size + 65536, before = self->memory.live;
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
    int64_t taken;

    self->memory.peak = before;
    offer_to_create(self, offered->bytes, offered->size, &result);
    taken = self->memory.peak - before - (result.created == NORMNET_OK ? model : 0);
    if (taken > most)
        CHECK_FAIL("%s: deserialize takes %" PRId64 " bytes for %" PRId64, what, taken, offered->size);
    self->memory.peak = before;
    offer_to_fill(self, offered->bytes, offered->size, &result);
    taken = self->memory.peak - before;
    if (taken > most)
        CHECK_FAIL("%s: deserialize_weights takes %" PRId64 " bytes for %" PRId64, what, taken, offered->size);
}

/* A small file that names a network of eight million weights. */
static void expect_no_large_network(struct reading *self)
{
    struct file small = file_copy(&self->weights);
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

    file_replace(&small, "\"conv3-2 relu norm gap conv1-2\"", "\"flatten fc-370 fc-2\"");
    file_replace(&small, "height\":\"6\"", "height\":\"150\"");
    file_replace(&small, "width\":\"6\"", "width\":\"150\"");
    CHECK(crafted_enter_checksum(small.bytes, small.size));
    expect_frugal("a large network", self, &small, 0);
    offer_to_create(self, small.bytes, small.size, &result);
    CHECK_STATUS(result.created, NORMNET_EMISMATCH);
    file_free(&small);
}

static void frugal(const void *argument)
{
    static const int counts[] = {0, 1, 2, 8, 32, 64, 128, 256};
    struct reading *self = reading_open();
    const int64_t before = self->memory.live;
    normnet_model *other = CHECK_CREATE(&self->config);
    const int64_t model = self->memory.live - before;

    (void)argument;
    normnet_model_destroy(other);
    expect_frugal("a checkpoint", self, &self->checkpoint, model);
    expect_frugal("weights", self, &self->weights, model);
    expect_no_large_network(self);
    for (int i = 0; i < CHECK_COUNT(counts); ++i) {
        struct file strings = many_strings(counts[i]), tensors = many_tensors(16 * counts[i]), blanks = file_begin();

        expect_frugal("strings", self, &strings, 0);
        expect_frugal("tensors", self, &tensors, 0);
        file_fill(&blanks, ' ', 40 * (int64_t)counts[i]);
        file_print(&blanks, "{}");
        file_end_header(&blanks);
        expect_frugal("blanks", self, &blanks, 0);
        file_free(&blanks);
        file_free(&strings);
        file_free(&tensors);
    }
    reading_close(self);
}

/* Bytes of the pages to which something was written since they were allocated. */
static int64_t written(const struct allocator *allocator)
{
    enum { PAGE = 4096 };
    int64_t bytes = 0;

    for (int i = 0; i < ALLOCATOR_BLOCKS; ++i) {
        const struct allocator_block *block = &allocator->blocks[i];

        if (block->raw == NULL)
            continue;
        for (int64_t at = 0, used = 0; at < block->size; ++at) {
            used |= block->block[at] != (unsigned char)allocator->fill;
            if ((at + 1) % PAGE == 0 || at + 1 == block->size) {
                bytes += used ? PAGE : 0;
                used = 0;
            }
        }
    }
    return bytes;
}

/* A small file that describes large images: their memory is asked for, but nothing is written to it before one comes.
 */
static void large_images(const void *argument)
{
    enum { SIDE = 256 };
    struct reading *self = reading_open();
    struct allocator allocator = {.fill = 0xA5};
    struct file small = file_copy(&self->weights);
    unsigned char *pixels = check_allocate(SIDE * SIDE, (size_t)self->config.channels);
    int64_t class;
    normnet_tensor images, classes = tensor_1d(NORMNET_I64, &class, 1);
    normnet_model *model = NULL;
    normnet_config host;

    (void)argument;
    file_replace(&small, "height\":\"6\"", "height\":\"256\"");
    file_replace(&small, "width\":\"6\"", "width\":\"256\"");
    CHECK(crafted_enter_checksum(small.bytes, small.size));
    CHECK_OK(normnet_config_init(&host, NORMNET_NORM_NONE));
    host.max_batch = 1;
    allocator_use(&allocator, &host);
    if (CHECK_OK(normnet_model_deserialize(&model, small.bytes, small.size, &host))) {
        CHECK(allocator.live > 4 * SIDE * SIDE);
        if (written(&allocator) > 4 * small.size + 65536)
            CHECK_FAIL("a file of %" PRId64 " bytes writes to %" PRId64, small.size, written(&allocator));
        host = model_config(model);
        images = tensor_images(NORMNET_U8, pixels, 1, &host);
        CHECK_OK(normnet_predict(model, &images, NULL, &classes, NULL));
        CHECK(written(&allocator) > 4 * SIDE * SIDE);
    }
    normnet_model_destroy(model);
    CHECK_ALL_FREED(&allocator);
    free(pixels);
    file_free(&small);
    reading_close(self);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < FILE_KINDS; ++i) {
        check_case_named(creation_without_memory, &file_kinds[i], "creation without memory: %s", file_kind_names[i]);
        check_case_named(filling_without_memory, &file_kinds[i], "filling without memory: %s", file_kind_names[i]);
    }
    check_case("memory besides the model", frugal, NULL);
    check_case("memory of large images", large_images, NULL);
    return check_end();
}
