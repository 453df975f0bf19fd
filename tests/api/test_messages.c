/* SPDX-License-Identifier: MIT */
/* Status values and their names, the message about the last failure of each thread, and version numbers. */
#include "harness/twins.h"

#include <pthread.h>

/* Never renumbered: programs have been compiled against these. */
_Static_assert(NORMNET_OK == 0 && NORMNET_EINVAL == 1 && NORMNET_ENOMEM == 2 && NORMNET_EIO == 3 &&
                   NORMNET_ETRUNCATED == 4 && NORMNET_EFORMAT == 5 && NORMNET_ELIMIT == 6 &&
                   NORMNET_EUNSUPPORTED == 7 && NORMNET_EARCH == 8 && NORMNET_EMISMATCH == 9 && NORMNET_EVALUE == 10 &&
                   NORMNET_ECHECKSUM == 11 && NORMNET_ELABEL == 12 && NORMNET_EBUSY == 13 && NORMNET_ESTATE == 14,
               "status values");
_Static_assert(NORMNET_NORM_NONE == 0 && NORMNET_NORM_BATCH == 1 && NORMNET_NORM_GROUP == 2 &&
                   NORMNET_NORM_LAYER == 3 && NORMNET_NORM_INSTANCE == 4 && NORMNET_NORM_RMS == 5,
               "norms");
_Static_assert(NORMNET_AFFINE_DEFAULT == 0 && NORMNET_AFFINE_CHANNEL == 1 && NORMNET_AFFINE_ELEMENT == 2 &&
                   NORMNET_AFFINE_NONE == 3,
               "affine forms");
_Static_assert(NORMNET_PENALTY_ALL == 0 && NORMNET_PENALTY_WEIGHTS == 1, "penalties");
_Static_assert(NORMNET_SCHEDULE_CONSTANT == 0 && NORMNET_SCHEDULE_STEP == 1 && NORMNET_SCHEDULE_ONE_CYCLE == 2,
               "schedules");
_Static_assert(NORMNET_ANNEAL_COSINE == 0 && NORMNET_ANNEAL_LINEAR == 1, "annealing");
_Static_assert(NORMNET_CPU_BEST == 0 && NORMNET_CPU_PORTABLE == 1 && NORMNET_CPU_AVX2 == 2 && NORMNET_CPU_AVX512 == 3 &&
                   NORMNET_CPU_NEON == 4,
               "instruction sets");
_Static_assert(NORMNET_U8 == 1 && NORMNET_F32 == 2 && NORMNET_I32 == 3 && NORMNET_I64 == 4, "dtypes");
_Static_assert(NORMNET_SCORES_PROBABILITIES == 0 && NORMNET_SCORES_LOG_PROBABILITIES == 1 &&
                   NORMNET_SCORES_LOGITS == 2 && NORMNET_STATISTICS_RUNNING == 0 && NORMNET_STATISTICS_BATCH == 1,
               "options");

static void status_names(const void *argument)
{
    static const char *const names[] = {
        "NORMNET_OK",      "NORMNET_EINVAL",    "NORMNET_ENOMEM",       "NORMNET_EIO",   "NORMNET_ETRUNCATED",
        "NORMNET_EFORMAT", "NORMNET_ELIMIT",    "NORMNET_EUNSUPPORTED", "NORMNET_EARCH", "NORMNET_EMISMATCH",
        "NORMNET_EVALUE",  "NORMNET_ECHECKSUM", "NORMNET_ELABEL",       "NORMNET_EBUSY", "NORMNET_ESTATE",
    };
    const int32_t unknown[] = {CHECK_COUNT(names), 255, INT32_MAX, -1, INT32_MIN};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(names); ++i) {
        CHECK_TEXT(normnet_status_string(i), names[i]);
        CHECK(normnet_status_string(i) == normnet_status_string(i));
    }
    for (int i = 0; i < CHECK_COUNT(unknown); ++i) {
        const char *text = normnet_status_string(unknown[i]);

        CHECK(text != NULL && strlen(text) > 0);
        CHECK(strncmp(text, "NORMNET_", 8) != 0);
        /* A constant string: the same for all of them. */
        CHECK_TEXT(normnet_status_string(unknown[0]), text);
    }
}

static void versions(const void *argument)
{
    char text[32];

    (void)argument;
    snprintf(text, sizeof text, "%d.%d.%d", NORMNET_VERSION_MAJOR, NORMNET_VERSION_MINOR, NORMNET_VERSION_PATCH);
    CHECK_TEXT(normnet_version(), text);
    CHECK_EQUAL(normnet_abi_version(), NORMNET_ABI_VERSION);
    CHECK_EQUAL(normnet_bits_version(), NORMNET_BITS_VERSION);
}

static void a_failure(int32_t norm)
{
    normnet_config config;

    memset(&config, 0, sizeof config);
    CHECK_STATUS(normnet_config_init(&config, norm), NORMNET_EUNSUPPORTED);
}

static void survives_success(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_config config;
    normnet_metrics metrics = metrics_init();
    normnet_model *model = NULL;
    const char *message;
    char copy[1024], text[64];

    (void)argument;
    a_failure(41);
    message = normnet_error_message();
    CHECK(strstr(message, "41") != NULL);
    snprintf(copy, sizeof copy, "%s", message);
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_BATCH));
    CHECK_OK(normnet_model_create(&model, &config));
    normnet_model_destroy(model);
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &metrics));
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &metrics, NULL, NULL));
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, NULL));
    CHECK(normnet_model_summary(pair->model, text, sizeof text) > 0);
    CHECK(strlen(normnet_status_string(NORMNET_EBUSY)) > 0);
    CHECK(normnet_error_message() == message);
    CHECK_TEXT(message, copy);
    /* The next failure has the next word. */
    a_failure(42);
    CHECK(strstr(normnet_error_message(), "42") != NULL);
    CHECK(strstr(normnet_error_message(), "41") == NULL);
    twins_close(pair);
}

/* Whatever a name has in it, the message is one line of well-formed UTF-8 without control characters. */
static void messages_are_printable(const void *argument)
{
    static const struct {
        const char *path, *shown;
    } names[] = {
        {"nowhere/a\nb\x1b[31m\x7f", "'nowhere/a?b?[31m?'"},
        {"nowhere/\xc2\x9b"
         "31m\xc2\x85",
         "'nowhere/?\?31m?\?'"},
        {"nowhere/gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "'nowhere/gr\xc3\xbc\xc3\x9f \xe2\x82\xac'"},
        {"nowhere/gr\xfc\xdf \xe2\x82", "'nowhere/gr?\? ?\?'"},
        {"nowhere/\xed\xa0\x80", "'nowhere/?\?\?'"},
    };
    char longer[300];
    normnet_model *model = NULL;

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(names); ++i) {
        CHECK_STATUS(normnet_model_load(&model, names[i].path, NULL), NORMNET_EIO);
        if (strstr(normnet_error_message(), names[i].shown) == NULL)
            CHECK_FAIL("\"%s\" does not show \"%s\"", normnet_error_message(), names[i].shown);
    }
    /* A name that is cut in the middle of a character. */
    memset(longer, 'x', 254);
    strcpy(longer + 254, "\xc3\xbc");
    CHECK_STATUS(normnet_model_load(&model, longer, NULL), NORMNET_EIO);
    CHECK(strstr(normnet_error_message(), "xx?'") != NULL);
}

struct thread_report {
    char before[64], after[256], at_end[256];
    int32_t norm;
    pthread_mutex_t *mutex;
    pthread_cond_t *changed;
    int *turn;
};

static void wait_for_turn(struct thread_report *report, int turn)
{
    pthread_mutex_lock(report->mutex);
    while (*report->turn != turn)
        pthread_cond_wait(report->changed, report->mutex);
    pthread_mutex_unlock(report->mutex);
}

static void next_turn(struct thread_report *report)
{
    pthread_mutex_lock(report->mutex);
    ++*report->turn;
    pthread_cond_broadcast(report->changed);
    pthread_mutex_unlock(report->mutex);
}

/* A thread that fails once, in its turn, and looks again when the other has failed too. */
static void *failing_thread(void *argument)
{
    struct thread_report *report = argument;
    normnet_config config;

    snprintf(report->before, sizeof report->before, "%s", normnet_error_message());
    wait_for_turn(report, report->norm == 51 ? 0 : 1);
    (void)normnet_config_init(&config, report->norm);
    snprintf(report->after, sizeof report->after, "%s", normnet_error_message());
    next_turn(report);
    wait_for_turn(report, 2);
    snprintf(report->at_end, sizeof report->at_end, "%s", normnet_error_message());
    return NULL;
}

static void of_each_thread(const void *argument)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    int turn = 0;
    struct thread_report reports[2];
    pthread_t threads[2];
    char own[256];

    (void)argument;
    memset(reports, 0, sizeof reports);
    a_failure(50);
    snprintf(own, sizeof own, "%s", normnet_error_message());
    for (int i = 0; i < 2; ++i) {
        reports[i].norm = 51 + i;
        reports[i].mutex = &mutex;
        reports[i].changed = &changed;
        reports[i].turn = &turn;
        CHECK_EQUAL(pthread_create(&threads[i], NULL, failing_thread, &reports[i]), 0);
    }
    for (int i = 0; i < 2; ++i)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; ++i) {
        CHECK_TEXT(reports[i].before, ""); /* before the first failure of that thread */
        CHECK(strstr(reports[i].after, i == 0 ? "51" : "52") != NULL);
        CHECK_TEXT(reports[i].at_end, reports[i].after);
    }
    CHECK_TEXT(normnet_error_message(), own);
}

/* Messages that carry the caller's text stay messages: bounded, with a final 0. */
static void of_long_names(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_NONE);
    float value = 0.0f;
    const normnet_tensor tensor = tensor_1d(NORMNET_F32, &value, 1);
    char *name = check_allocate(100001, 1);

    (void)argument;
    memset(name, 'n', 100000);
    CHECK_REJECTED(pair, normnet_set_state(pair->model, name, &tensor), NORMNET_EMISMATCH, "nnnnnnnn");
    CHECK(strlen(normnet_error_message()) < 1024);
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "%s%s%n%d", &tensor), NORMNET_EMISMATCH, "%s%s%n%d");
    free(name);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    /* Before any case fails a call: this thread has not failed yet either. */
    if (strcmp(normnet_error_message(), "") != 0) {
        fprintf(stderr, "the message before the first failure is \"%s\"\n", normnet_error_message());
        return 1;
    }
    check_case("status: every value has its name, unknown ones a constant string", status_names, NULL);
    check_case("version: the functions return the values of the macros", versions, NULL);
    check_case("message: a success does not clear it", survives_success, NULL);
    check_case("message: a message is printable", messages_are_printable, NULL);
    check_case("message: of the calling thread, \"\" before its first failure", of_each_thread, NULL);
    check_case("message: bounded whatever the caller's text", of_long_names, NULL);
    return check_end();
}
