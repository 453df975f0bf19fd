/* SPDX-License-Identifier: MIT */
/*
 * Every type of layer is complete: a walk over the list of types. What this program cannot see from inside is walked by
 * test_gradients (forward and backward against the reference) and test_exchange (PyTorch's module, the ONNX nodes),
 * which take the networks that `--networks` prints.
 */
#include "harness/check.h"
#include "harness/type_networks.h"

#include <ctype.h>
#include <stdlib.h>

typedef const struct layer_type *type_pointer;

/* ---- The struct --------------------------------------------------------------------------------- */

static void is_complete(const void *argument)
{
    const struct layer_type *type = *(const type_pointer *)argument;
    const size_t length = strspn(type->name, "abcdefghijklmnopqrstuvwxyz");

    CHECK(length > 0 && type->name[length] == '\0');
    CHECK(strncmp(type->example, type->name, length) == 0);
    CHECK(normnet__find_layer_type(type->name, (int32_t)length) == type);
    CHECK(type->resolve != NULL);
    CHECK(type->same != NULL);
    CHECK(type->to_onnx != NULL);
    CHECK(!type->defers_backward || (type->can_be_in_place && type->applies_relu_mask));
}

/* The example has a number if the type reads one. */
static void example_is_complete(const void *argument)
{
    static const char *const numbers[] = {"0.3", "2", "2-4"};
    const struct layer_type *type = *(const type_pointer *)argument;
    static struct type_network network;
    char token[TYPE_TEXT];

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        snprintf(token, sizeof token, "%s%s", type->name, numbers[i]);
        if (type_network_read(&network, token) && strcspn(type->example, "0123456789") == strlen(type->example))
            CHECK_FAIL("the type reads '%s', but its example is '%s'", token, type->example);
    }
}

static void resolves(const void *argument)
{
    const struct layer_type *type = *(const type_pointer *)argument;
    static struct type_network network;
    const struct layer *layer;

    if (!type_network_read(&network, type->example)) {
        CHECK_FAIL("no context takes %s: %s", type->example, normnet_error_message());
        return;
    }
    layer = &network.layers[network.layer];
    CHECK(layer->module != NULL && layer->module[0] != '\0');
    CHECK(layer->identity || (layer->type->forward != NULL && layer->type->backward != NULL));
    CHECK((layer->type->prepare != NULL) == (layer->prepared_count > 0));
}

/* ---- The header's documentation ------------------------------------------------------------------- */

static char *read_header(void)
{
    FILE *file = fopen(HEADER, "rb");
    char *text = calloc(1, 1 << 20);

    if (file != NULL && text != NULL && fread(text, 1, (1 << 20) - 1, file) == 0)
        text[0] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

/* The table above `architecture`, whose lines begin with words, and end with what the word means. */
static char *find_table(char *header)
{
    char *begin = header != NULL ? strstr(header, "The network: words separated by whitespace") : NULL;
    char *end = begin != NULL ? strstr(begin, "const char *architecture;") : NULL;

    if (end == NULL) {
        CHECK_FAIL("there is no comment on the architecture in %s", HEADER);
        return NULL;
    }
    *end = '\0';
    return begin;
}

/*
 * Calls `use` with each word that begins a line of the table; words are separated by two spaces. A text further to the
 * right explains.
 */
static int for_each_word(const char *table, void (*use)(const char *word, size_t length, void *context), void *context)
{
    static const char indent[] = "\n     *     ";
    int words = 0;

    for (const char *line = table; line != NULL && (line = strstr(line, indent)) != NULL;) {
        const char *word = line += strlen(indent);
        size_t length;

        while ((length = strspn(word, "abcdefghijklmnopqrstuvwxyz")) > 0) {
            use(word, length, context);
            ++words;
            word += strcspn(word, " \n");
            if (strncmp(word, "  ", 2) != 0 || word[2] == ' ')
                break;
            word += 2;
        }
    }
    return words;
}

struct search {
    const char *name;
    int found;
};

static void compare_word(const char *word, size_t length, void *context)
{
    struct search *search = context;

    search->found += strlen(search->name) == length && memcmp(search->name, word, length) == 0;
}

static void is_documented(const void *argument)
{
    const struct layer_type *type = *(const type_pointer *)argument;
    struct search search = {type->name, 0};
    char *header = read_header();

    for_each_word(find_table(header), compare_word, &search);
    if (search.found != 1)
        CHECK_FAIL("normnet.h documents the layer '%s' %d times", type->name, search.found);
    free(header);
}

static void find_type(const char *word, size_t length, void *context)
{
    (void)context;
    if (normnet__find_layer_type(word, (int32_t)length) == NULL)
        CHECK_FAIL("'%.*s' is in normnet.h, but is not a type", (int)length, word);
}

/* A type whose line in layer_type.c has been forgotten. */
static void every_documented_word_is_a_type(const void *argument)
{
    char *header = read_header();

    (void)argument;
    CHECK(for_each_word(find_table(header), find_type, NULL) >= 10);
    free(header);
}

/* ---- Which layers mean the same ------------------------------------------------------------------- */

/* The token with the number that begins at `at` changed: doubled, or of a decimal another last digit. */
static void change_number(const char *token, size_t at, char *changed)
{
    const size_t length = strspn(token + at, "0123456789.");
    const int decimal = memchr(token + at, '.', length) != NULL;

    if (decimal) {
        strcpy(changed, token);
        changed[at + length - 1] = token[at + length - 1] == '9' ? '1' : (char)(token[at + length - 1] + 1);
    } else {
        snprintf(changed, TYPE_TEXT, "%.*s%d%s", (int)at, token, 2 * atoi(token + at), token + at + length);
    }
}

/* Numbers that do not change what weights mean: normnet_load_weights() lets them differ. */
static int may_differ(const struct layer_type *type)
{
    return strcmp(type->name, "dropout") == 0;
}

static void expect_difference(const struct layer_type *type, const struct type_network *one, const char *changed)
{
    static struct type_network other;
    int32_t difference;

    if (!type_network_read(&other, changed) || strcmp(other.layers[other.layer].token, changed) != 0) {
        CHECK_FAIL("'%s' cannot be compared with '%s': %s", type->example, changed, normnet_error_message());
        return;
    }
    difference = normnet__first_difference(&one->network, &other.network);
    if (difference != (may_differ(type) ? -1 : one->layer))
        CHECK_FAIL("weights of '%s' for '%s': the first difference is %d, expected %d", changed, type->example,
                   difference, may_differ(type) ? -1 : one->layer);
}

static void compares_every_number(const void *argument)
{
    const struct layer_type *type = *(const type_pointer *)argument;
    static struct type_network one, again;
    char changed[TYPE_TEXT];

    if (!type_network_read(&one, type->example) || !type_network_read(&again, type->example))
        return; /* `resolves` fails */
    CHECK(normnet__first_difference(&one.network, &again.network) == -1);
    for (size_t at = strlen(type->name); type->example[at] != '\0';) {
        const size_t digits = strspn(type->example + at, "0123456789.");

        if (digits == 0) {
            ++at;
            continue;
        }
        change_number(type->example, at, changed);
        expect_difference(type, &one, changed);
        at += digits;
    }
}

/* Two types are never the same layer, unless one is another name for the other's layer. */
static void differs_from_other_types(const void *argument)
{
    const struct layer_type *type = *(const type_pointer *)argument;
    static struct type_network one, other;

    if (!type_network_read(&one, type->example))
        return;
    for (const struct layer_type *const *next = normnet__layer_types; *next != NULL; ++next) {
        const struct layer *layer = &one.layers[one.layer], *candidate;

        if (!type_network_read(&other, (*next)->example))
            continue;
        candidate = &other.layers[other.layer];
        if (strcmp(layer->module, candidate->module) == 0 || other.layer != one.layer ||
            strcmp(one.layers[0].token, other.layers[0].token) != 0)
            continue;
        if (normnet__first_difference(&one.network, &other.network) < 0)
            CHECK_FAIL("weights of '%s' are accepted for '%s'", candidate->token, layer->token);
    }
}

/* ---------------------------------------------------------------------------------------------------- */

/* For tests in other languages: "name-number architecture", a line per network. */
static int print_networks(void)
{
    static struct type_network network;

    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type)
        for (int i = 0; i < TYPE_NETWORKS; ++i)
            if (type_network_at(&network, *type, i))
                printf("%s-%d %s\n", (*type)->name, i, network.architecture);
    return 0;
}

static void check_types(const char *what, void (*function)(const void *argument))
{
    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type)
        check_case_named(function, type, "%s %s", (*type)->name, what);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--networks") == 0)
        return print_networks();
    if (!check_begin(argc, argv))
        return check_end();
    check_types("is complete", is_complete);
    check_types("has an example with every number", example_is_complete);
    check_types("resolves its example", resolves);
    check_types("is documented in normnet.h", is_documented);
    check_case("every word that normnet.h documents is a type", every_documented_word_is_a_type, NULL);
    check_types("compares every number of its token", compares_every_number);
    check_types("differs from other types", differs_from_other_types);
    return check_end();
}
