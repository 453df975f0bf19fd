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
    CHECK(type->resolve != NULL && type->forward != NULL && type->backward != NULL);
    CHECK(type->same != NULL);
    CHECK(type->to_onnx != NULL);
    CHECK(!type->defers_backward || (type->in_place && type->applies_relu_mask));
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

/* In the table above `architecture`: after two spaces, and followed by no further letter. */
static void is_documented(const void *argument)
{
    const struct layer_type *type = *(const type_pointer *)argument;
    const size_t length = strlen(type->name);
    char *text = read_header(), *begin, *end;
    int found = 0;

    if (text == NULL || (begin = strstr(text, "The network: words separated by white space")) == NULL ||
        (end = strstr(begin, "const char *architecture;")) == NULL) {
        CHECK_FAIL("there is no comment on the architecture in %s", HEADER);
        free(text);
        return;
    }
    for (const char *at = begin; !found && (at = strstr(at, type->name)) != NULL && at < end; ++at)
        found = at[-1] == ' ' && at[-2] == ' ' && !isalpha((unsigned char)at[length]);
    if (!found)
        CHECK_FAIL("normnet.h does not document the layer '%s'", type->name);
    free(text);
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

/* For tests in other languages: "name architecture", a line per type. */
static int print_networks(void)
{
    static struct type_network network;

    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type)
        if (type_network_read(&network, (*type)->example))
            printf("%s %s\n", (*type)->name, network.architecture);
    return 0;
}

static void check_types(const char *what, void (*function)(const void *argument))
{

    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type) {
        check_case_named(function, type, "%s %s", (*type)->name, what);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--networks") == 0)
        return print_networks();
    if (!check_begin(argc, argv))
        return check_end();
    check_types("is complete", is_complete);
    check_types("resolves its example", resolves);
    check_types("is documented in normnet.h", is_documented);
    check_types("compares every number of its token", compares_every_number);
    check_types("differs from other types", differs_from_other_types);
    return check_end();
}
