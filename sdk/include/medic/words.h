/* Sentences of a report half, piece by piece, into a buffer that is cut at its end, as the built-in profilers write them.
 * [tool] */
#ifndef MEDIC_WORDS_H
#define MEDIC_WORDS_H

#include <medic/result.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDIC_NAME_GOOD 56u /* as long as a name may be in a sentence before it loses its namespace */
#define MEDIC_NAME_MOST 72u

struct medic_text {
    char *at;    /* where the next piece goes */
    size_t room; /* bytes from there on, the NUL included */
};

/* Where something was seen. Texts are borrowed; NULL and 0 when not known, a name of NULL is nowhere. */
struct medic_place {
    const char *name, *module, *file;
    uint32_t line;
    uint32_t code; /* enum medic_code */
};

static inline void medic_add(struct medic_text *text, const char *format, ...) MEDIC_PRINTF(2, 3);

/* Cut at the end of the buffer. */
static inline void medic_add(struct medic_text *text, const char *format, ...)
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

static inline int medic_begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* "Pricing.cs" of "/src/Orders/Pricing.cs" or "C:\src\Pricing.cs"; NULL of NULL. */
static inline const char *medic_file_name(const char *path)
{
    const char *name = path;

    for (; path && *path; path++)
        if ((*path == '/' || *path == '\\') && path[1])
            name = path + 1;
    return name;
}

static inline int medic_decimals_(double value)
{
    return value < 9.95 ? 1 : 0;
}

/* "12 ms", "1.5 s", "3 min" */
static inline void medic_add_time(struct medic_text *text, double ns)
{
    if (ns < 999.5e3)
        medic_add(text, "%.0f µs", ns / 1e3);
    else if (ns < 999.5e6)
        medic_add(text, "%.*f ms", medic_decimals_(ns / 1e6), ns / 1e6);
    else if (ns < 120e9)
        medic_add(text, "%.*f s", medic_decimals_(ns / 1e9), ns / 1e9);
    else
        medic_add(text, "%.0f min", ns / 60e9);
}

/* "512 B", "41.2 MB": powers of 1000, as tables show them. */
static inline void medic_add_bytes(struct medic_text *text, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    unsigned step = 0;

    for (; bytes >= 999.5 && step < 5; step++)
        bytes /= 1000;
    medic_add(text, "%.*f %s", !step || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2, bytes, units[step]);
}

/* "83,412" */
static inline void medic_add_number(struct medic_text *text, uint64_t number)
{
    uint64_t scale = 1;

    while (number / scale >= 1000)
        scale *= 1000;
    medic_add(text, "%u", (unsigned)(number / scale));
    for (scale /= 1000; scale; scale /= 1000)
        medic_add(text, ",%03u", (unsigned)(number / scale % 1000));
}

/* "61 %"; two digits below 1 %. */
static inline void medic_add_share(struct medic_text *text, double part, double whole)
{
    double percent = whole > 0 ? 100 * part / whole : 0;

    if (percent > 0 && percent < 0.1)
        medic_add(text, "less than 0.1 %%");
    else
        medic_add(text, "%.*f %%", percent > 0 && percent < 0.95 ? 1 : 0, percent);
}

/* The last dot but one that is in no brackets: what follows it is the type and the method. */
static inline const char *medic_without_namespace(const char *name)
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

/* A name that is too long for a sentence loses its namespace, then its end. */
static inline void medic_add_name(struct medic_text *text, const char *name)
{
    size_t length = strlen(name);

    if (length > MEDIC_NAME_GOOD) {
        name = medic_without_namespace(name);
        length = strlen(name);
    }
    if (length <= MEDIC_NAME_MOST) {
        medic_add(text, "%s", name);
        return;
    }
    for (length = MEDIC_NAME_MOST; length && ((unsigned char)name[length] & 0xc0) == 0x80;)
        length--;
    medic_add(text, "%.*s…", (int)length, name);
}

/* "Orders.Pricing.Recalculate (Pricing.cs:41)" */
static inline void medic_add_place(struct medic_text *text, const struct medic_place *place)
{
    medic_add_name(text, place->name ? place->name : "(unknown)");
    if (place->file && place->line)
        medic_add(text, " (%s:%u)", medic_file_name(place->file), place->line);
}

#ifdef __cplusplus
}
#endif
#endif
