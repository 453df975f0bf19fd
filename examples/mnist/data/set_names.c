/* SPDX-License-Identifier: MIT */
#include "data/set_names.h"

#include <string.h>

enum { MAX_WORDS = 24 };

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 128;
}

/* Cuts off the ending of the name if it has it. */
static bool cut_ending(char *name, const char *ending)
{
    const size_t length = strlen(name), cut = strlen(ending);

    if (length <= cut || strcmp(name + length - cut, ending) != 0)
        return false;
    name[length - cut] = '\0';
    return true;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; ++words) {
        if (strcmp(word, *words) == 0)
            return true;
    }
    return false;
}

/* Whether the words are those that may follow the part in a name: idx3, ubyte, ... */
static bool are_endings(char *const *words, int count)
{
    static const char *const endings[] = {"idx",  "idx1",  "idx2",  "idx3",  "idx4",  "ubyte",   "byte", "int",
                                          "int8", "int32", "int64", "uint8", "float", "float32", NULL};

    for (int i = 0; i < count; ++i) {
        if (!is_one_of(words[i], endings))
            return false;
    }
    return true;
}

/* Joins words with - into `text`, which has room for them. */
static void join_words(char *text, char *const *words, int count)
{
    *text = '\0';
    for (int i = 0; i < count; ++i) {
        if (i > 0)
            strcat(text, "-");
        strcat(text, words[i]);
    }
}

/* Understands the words of a name without its ending. */
static void read_words(struct set_name *name, char *const *words, int count)
{
    static const char *const train[] = {"train", "training", NULL};
    static const char *const test[] = {"test", "testing", "t10k", "t10", NULL};
    static const char *const images[] = {"images", "image", "imgs", "img", "x", NULL};
    static const char *const labels[] = {"labels", "label", "y", NULL};
    int set = count - 1;

    while (set >= 0 && !is_one_of(words[set], train) && !is_one_of(words[set], test))
        --set;
    if (set < 0)
        return;
    const bool is_test = is_one_of(words[set], test);
    if (name->kind == SET_TABLES) {
        name->known = set == count - 1 || (set == count - 2 && strcmp(words[set + 1], "small") == 0);
        name->part = is_test ? TEST_IMAGES : TRAIN_IMAGES;
        join_words(name->prefix, words, set);
        return;
    }
    const bool after = set + 1 < count && (is_one_of(words[set + 1], images) || is_one_of(words[set + 1], labels));
    const int content = after ? set + 1 : set - 1;
    const int first = after ? set : set - 1, end = after ? set + 2 : set + 1;
    if (content < 0 || !are_endings(words + end, count - end))
        return;
    const bool is_labels = is_one_of(words[content], labels);
    if (!is_labels && !is_one_of(words[content], images))
        return;
    name->known = true;
    name->kind = SET_ARRAYS;
    name->part = is_test ? (is_labels ? TEST_LABELS : TEST_IMAGES) : (is_labels ? TRAIN_LABELS : TRAIN_IMAGES);
    join_words(name->prefix, words, first);
}

struct set_name set_name_read(const char *file_name)
{
    struct set_name name = {.part = NO_PART};
    char text[SET_NAME_ROOM] = "", *words[MAX_WORDS] = {NULL};
    const size_t length = strlen(file_name);
    int count = 0;

    if (length >= SET_NAME_ROOM)
        return name;
    for (size_t i = 0; i <= length; ++i)
        text[i] = (char)(file_name[i] >= 'A' && file_name[i] <= 'Z' ? file_name[i] + ('a' - 'A') : file_name[i]);
    name.packed = cut_ending(text, ".gz") || cut_ending(text, ".zip");
    const bool table = cut_ending(text, ".csv") || cut_ending(text, ".tsv");
    const bool archive = !table && cut_ending(text, ".npz");
    if (!table && !archive)
        cut_ending(text, ".npy");
    name.kind = table ? SET_TABLES : archive ? SET_ARCHIVE : SET_ARRAYS;
    for (char *c = text; *c && count < MAX_WORDS;) {
        while (*c && !is_word_byte(*c))
            *c++ = '\0';
        if (*c)
            words[count++] = c;
        while (is_word_byte(*c))
            ++c;
    }
    join_words(name.plain, words, count);
    read_words(&name, words, count);
    if (archive && !name.known) {
        name.known = true; /* its contents will tell */
        name.part = TRAIN_IMAGES;
        memcpy(name.prefix, name.plain, sizeof name.prefix);
    }
    return name;
}

enum set_part set_name_part(const char *name)
{
    const struct set_name read = set_name_read(name);

    return read.known && read.kind == SET_ARRAYS ? read.part : NO_PART;
}
