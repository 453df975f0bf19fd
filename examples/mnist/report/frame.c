/* SPDX-License-Identifier: MIT */
#include "report/frame.h"

#include "report/page_parts.h"

static void write_lines(FILE *page, const char *const *lines)
{
    for (; *lines; ++lines) {
        fputs(*lines, page);
        fputc('\n', page);
    }
}

void frame_begin(FILE *page, const char *marks, const char *title)
{
    fprintf(page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n%s\n"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
            "<link rel=\"icon\" href=\"data:,\">\n<title>%s</title>\n<style>\n",
            marks, title);
    write_lines(page, page_style);
    fputs("</style>\n</head>\n<body>\n", page);
}

void frame_contents(FILE *page, const struct part *parts, int count)
{
    fputs("<nav aria-label=\"Contents\"><ol>\n", page);
    for (int i = 0; i < count; ++i)
        fprintf(page, "<li><a href=\"#%s\">%s</a></li>\n", parts[i].anchor, parts[i].title);
    fputs("</ol></nav>\n", page);
}

int frame_sections(FILE *page, const struct part *parts, int count, const struct material *material)
{
    int code = 0;

    fputs("<main>\n", page);
    for (int i = 0; i < count && code == 0; ++i)
        code = parts[i].write(page, material);
    fputs("</main>\n", page);
    return code;
}

void frame_end(FILE *page)
{
    fputs("<script>\n", page);
    write_lines(page, page_script);
    fputs("</script>\n</body>\n</html>\n", page);
}
