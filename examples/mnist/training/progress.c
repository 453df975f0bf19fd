/* SPDX-License-Identifier: MIT */
#include "training/progress.h"

#include "support/bar.h"
#include "support/machine.h"
#include "support/terminal.h"

#include <inttypes.h>
#include <stdbool.h>

enum { MAX_LINE = 400 };

struct progress progress_open(void)
{
    FILE *terminal = is_terminal(stdout) ? stdout : is_terminal(stderr) ? stderr : NULL;

    return (struct progress){.terminal = terminal};
}

/* Each is as wide as a line of its table. */
static const char *table_head(bool validates, bool averages)
{
    if (averages)
        return validates ? "  epoch  train loss accuracy  validation  average      test  average       lr\n"
                         : "  epoch  train loss accuracy   test loss accuracy     average accuracy       lr\n";
    return validates ? "  epoch  train loss accuracy  valid loss accuracy   test loss accuracy       lr\n"
                     : "  epoch   train loss  accuracy    test loss  accuracy   learning rate   images/s\n";
}

struct progress progress_start(int64_t epochs, int64_t images, bool validates, bool averages, int64_t before)
{
    double now = seconds_now();
    struct progress progress = progress_open();

    fputs(table_head(validates, averages), stdout);
    fflush(stdout);
    return (struct progress){progress.terminal, epochs, images, validates, averages, before,
                             before % images,   now,    now,    now};
}

const char *loss_text(char text[LOSS_ROOM], double loss)
{
    const double widest = 9999; /* with decimals: a diverging training has losses of 20 digits */

    snprintf(text, LOSS_ROOM, loss < widest ? "%.4f" : "%.4g", loss);
    return text;
}

/* Whether to draw the bar, which happens at most ten times per second. */
static bool bar_is_due(struct progress *progress, double now)
{
    if (!progress->terminal || now - progress->drawn < 0.1)
        return false;
    progress->drawn = now;
    return true;
}

void progress_draw(struct progress *progress, int64_t epoch, int64_t done, int64_t correct, double loss_sum)
{
    char line[MAX_LINE], left[32], loss[LOSS_ROOM];
    double now = seconds_now();

    if (!bar_is_due(progress, now))
        return;
    double trained = (double)((epoch - 1) * progress->images + done - progress->before);
    double to_train = (double)(progress->epochs * progress->images - progress->before) - trained;
    duration_text(left, sizeof left, (now - progress->started) * to_train / trained);
    /* In columns: the bar would become shorter with each digit more. */
    snprintf(line, sizeof line, "%" PRId64 "/%" PRId64 " loss %7s, accuracy %6.2f%%, %5.0f images/s, %s left", epoch,
             progress->epochs, loss_text(loss, loss_sum / (double)done), 100.0 * (double)correct / (double)done,
             (double)(done - progress->epoch_before) / (now - progress->epoch_started), left);
    bar_draw(progress->terminal, (double)done / (double)progress->images, line);
}

static int count_digits(int64_t number)
{
    return snprintf(NULL, 0, "%" PRId64, number);
}

void progress_draw_test(struct progress *progress, double started, int64_t done, int64_t images)
{
    char line[MAX_LINE], left[32];
    double now = seconds_now();

    if (now - started < 1 || !bar_is_due(progress, now))
        return;
    duration_text(left, sizeof left, (now - started) * (double)(images - done) / (double)done);
    snprintf(line, sizeof line, "test: %*" PRId64 " of %" PRId64 " images, %s left", count_digits(images), done, images,
             left);
    bar_draw(progress->terminal, (double)done / (double)images, line);
}

void progress_clear(struct progress *progress)
{
    if (progress->terminal && progress->drawn > 0) {
        bar_erase(progress->terminal);
        progress->drawn = 0;
    }
}

static void print_tested_epoch(const struct progress *progress, const struct epoch_result *result)
{
    char trained[LOSS_ROOM], tested[LOSS_ROOM];

    printf("%3" PRId64 "/%-3" PRId64 "  %11s  %7.2f%%  %11s  %7.2f%%  %14.3g  %9.0f\n", result->epoch, progress->epochs,
           loss_text(trained, result->train_loss), result->train_accuracy, loss_text(tested, result->test_loss),
           result->test_accuracy, result->lr, result->images_per_second);
}

static void print_validated_epoch(const struct progress *progress, const struct epoch_result *result)
{
    char trained[LOSS_ROOM], validated[LOSS_ROOM], tested[LOSS_ROOM];

    printf("%3" PRId64 "/%-3" PRId64 "  %10s %7.2f%%  %10s %7.2f%%  %10s %7.2f%%  %7.2g\n", result->epoch,
           progress->epochs, loss_text(trained, result->train_loss), result->train_accuracy,
           loss_text(validated, result->validation_loss), result->validation_accuracy,
           loss_text(tested, result->test_loss), result->test_accuracy, result->lr);
}

static void print_averaged_epoch(const struct progress *progress, const struct epoch_result *result)
{
    char loss[LOSS_ROOM], average[LOSS_ROOM];

    printf("%3" PRId64 "/%-3" PRId64 "  %10s %7.2f%%  ", result->epoch, progress->epochs,
           loss_text(loss, result->train_loss), result->train_accuracy);
    if (progress->validates)
        printf("%9.2f%% %7.2f%%  %7.2f%% %7.2f%%", result->validation_accuracy, result->average_validation_accuracy,
               result->test_accuracy, result->average_test_accuracy);
    else
        printf("%10s %7.2f%%  %10s %7.2f%%", loss_text(loss, result->test_loss), result->test_accuracy,
               loss_text(average, result->average_test_loss), result->average_test_accuracy);
    printf("  %7.2g\n", result->lr);
}

void progress_epoch(struct progress *progress, const struct epoch_result *result)
{
    progress_clear(progress);
    if (progress->averages)
        print_averaged_epoch(progress, result);
    else if (progress->validates)
        print_validated_epoch(progress, result);
    else
        print_tested_epoch(progress, result);
    fflush(stdout);
    progress->epoch_started = seconds_now();
    progress->epoch_before = 0;
}
