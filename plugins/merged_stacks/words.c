#include "words.h"

#include <string.h>

#define NAME_GOOD 56u /* as long as a name may be in a sentence before it loses its namespace */
#define NAME_MOST 72u

void add(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->at, text->room, format, args);
    va_end(args);
    if (length > 0) {
        size_t used = (size_t)length < text->room ? (size_t)length : text->room - 1;
        text->at += used;
        text->room -= used;
    }
}

int begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

const char *file_name(const char *path)
{
    const char *name = path;

    for (; path && *path; path++)
        if ((*path == '/' || *path == '\\') && path[1])
            name = path + 1;
    return name;
}

static int decimals(double value)
{
    return value < 9.95 ? 1 : 0;
}

void add_time(struct text *text, double ns)
{
    if (ns < 999.5e3)
        add(text, "%.0f µs", ns / 1e3);
    else if (ns < 999.5e6)
        add(text, "%.*f ms", decimals(ns / 1e6), ns / 1e6);
    else if (ns < 120e9)
        add(text, "%.*f s", decimals(ns / 1e9), ns / 1e9);
    else
        add(text, "%.0f min", ns / 60e9);
}

void add_share(struct text *text, double part, double whole)
{
    double percent = whole > 0 ? 100 * part / whole : 0;

    if (percent > 0 && percent < 0.1)
        add(text, "less than 0.1 %%");
    else
        add(text, "%.*f %%", percent > 0 && percent < 0.95 ? 1 : 0, percent);
}

/* The last dot but one that is in no brackets: what follows it is the type and the method. */
const char *without_namespace(const char *name)
{
    const char *last = NULL, *before = NULL;
    int depth = 0;

    for (const char *at = name; *at; at++) {
        if (*at == ' ' && !depth) /* "(async)" */
            break;
        depth += *at == '<' || *at == '(' || *at == '[';
        depth -= (*at == '>' || *at == ')' || *at == ']') && depth;
        if (*at == '.' && !depth && at > name && at[-1] != '.') {
            before = last;
            last = at;
        }
    }
    return before ? before + 1 : name;
}

void add_name(struct text *text, const char *name)
{
    size_t length = strlen(name);

    if (length > NAME_GOOD) {
        name = without_namespace(name);
        length = strlen(name);
    }
    if (length <= NAME_MOST) {
        add(text, "%s", name);
        return;
    }
    for (length = NAME_MOST; length && ((unsigned char)name[length] & 0xc0) == 0x80;)
        length--;
    add(text, "%.*s…", (int)length, name);
}

void add_place(struct text *text, const struct place *place)
{
    add_name(text, place->name ? place->name : "(unknown)");
    if (place->file && place->line)
        add(text, " (%s:%u)", file_name(place->file), place->line);
}
