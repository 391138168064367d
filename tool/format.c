#include "tool/format.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NS_PER_S 1e9

/* Decimal digits with a comma every three. */
static void grouped(uint64_t value, char *out, size_t size)
{
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, value);
    size_t used = 0;
    for (int i = 0; i < count && used + 2 < size; i++) {
        if (i && (count - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

/* value >= 0 with a fixed number of decimals, without the locale. */
static void fixed(double value, unsigned decimals, char *out, size_t size)
{
    static const uint64_t POWER[] = {1, 10, 100, 1000};
    if (value >= 1e15) {
        snprintf(out, size, "%.0f", value);
        return;
    }
    uint64_t scaled = (uint64_t)llround(value * (double)POWER[decimals]);
    grouped(scaled / POWER[decimals], out, size);
    size_t used = strlen(out);
    if (decimals && used < size)
        snprintf(out + used, size - used, ".%0*" PRIu64, (int)decimals, scaled % POWER[decimals]);
}

static void without_zeros(char *number)
{
    size_t used = strlen(number);
    if (!strchr(number, '.') || strchr(number, 'e'))
        return;
    while (number[used - 1] == '0')
        number[--used] = '\0';
    if (number[used - 1] == '.')
        number[--used] = '\0';
}

/* Whether nothing follows these digits: whoever knows how much of the value is true has rounded it, and zeros would say
 * more. */
static bool is_rounded(double value, double digits)
{
    double steps = value * digits;
    return fabs(steps - round(steps)) < 1e-9 * steps;
}

/* Three digits, for values of at least 1 (smaller ones get two decimals). */
static void three_digits(double value, char *out, size_t size)
{
    fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, out, size);
}

struct step {
    double size;
    const char *unit;
};

static void stepped(double value, const struct step *steps, unsigned count, struct formatted *out)
{
    unsigned i = 0;
    while (i + 1 < count && value >= steps[i + 1].size * 0.9995)
        i++;
    double scaled = value / steps[i].size;
    if (i == 0 && scaled == floor(scaled))
        fixed(scaled, 0, out->number, sizeof out->number);
    else
        three_digits(scaled, out->number, sizeof out->number);
    snprintf(out->unit, sizeof out->unit, "%s", steps[i].unit);
}

static void duration(double ns, bool ascii, struct formatted *out)
{
    const struct step steps[] = {{1, "ns"}, {1e3, ascii ? "us" : "\u00b5s"}, {1e6, "ms"}, {NS_PER_S, "s"}};
    if (ns == 0) {
        snprintf(out->number, sizeof out->number, "0");
        snprintf(out->unit, sizeof out->unit, "s");
        return;
    }
    if (ns < 119.95 * NS_PER_S || ns >= 1e15 * NS_PER_S) {
        stepped(ns, steps, 4, out);
        return;
    }
    uint64_t seconds = (uint64_t)llround(ns / NS_PER_S);
    if (seconds < 7200)
        snprintf(out->number, sizeof out->number, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
    else
        snprintf(out->number, sizeof out->number, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
    snprintf(out->unit, sizeof out->unit, "%s", seconds < 7200 ? "min" : "h");
}

static void instant(double ns, struct formatted *out)
{
    fixed(ns / NS_PER_S, 3, out->number, sizeof out->number);
    snprintf(out->unit, sizeof out->unit, "s");
}

static void bytes(double value, const char *suffix, struct formatted *out)
{
    static const struct step STEPS[] = {{1, "B"}, {1e3, "kB"}, {1e6, "MB"}, {1e9, "GB"}, {1e12, "TB"}, {1e15, "PB"}};
    stepped(value, STEPS, 6, out);
    if (value >= 1e3 && is_rounded(value, 100 / pow(10, floor(log10(value)))))
        without_zeros(out->number);
    size_t used = strlen(out->unit);
    snprintf(out->unit + used, sizeof out->unit - used, "%s", suffix);
}

static void ratio(double value, struct formatted *out)
{
    double percent = value * 100;
    snprintf(out->unit, sizeof out->unit, "%%");
    if (percent == 0)
        snprintf(out->number, sizeof out->number, "0");
    else if (percent < 0.005)
        snprintf(out->number, sizeof out->number, "<0.01");
    else
        fixed(percent, percent < 0.9995 ? 2 : percent < 9.95 ? 1 : 0, out->number, sizeof out->number);
    if (is_rounded(percent, 1))
        without_zeros(out->number);
}

static void plain(double value, struct formatted *out)
{
    if (value == floor(value))
        fixed(value, 0, out->number, sizeof out->number);
    else if (value < 0.01 || value >= 1e15)
        snprintf(out->number, sizeof out->number, "%.3g", value);
    else
        fixed(value, value < 0.9995 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0, out->number, sizeof out->number);
}

static void per_second(double value, struct formatted *out)
{
    plain(value, out);
    snprintf(out->unit, sizeof out->unit, "/s");
}

static void magnitude(double value, uint32_t unit, bool ascii, struct formatted *out)
{
    switch (unit) {
    case MEDIC_UNIT_BYTES: bytes(value, "", out); break;
    case MEDIC_UNIT_NANOSECONDS: duration(value, ascii, out); break;
    case MEDIC_UNIT_INSTANT: instant(value, out); break;
    case MEDIC_UNIT_RATIO: ratio(value, out); break;
    case MEDIC_UNIT_PER_SECOND: per_second(value, out); break;
    case MEDIC_UNIT_BYTES_PER_SECOND: bytes(value, "/s", out); break;
    default: plain(value, out); break;
    }
}

void format_value(double value, uint32_t unit, bool ascii, struct formatted *out)
{
    memset(out, 0, sizeof *out);
    if (!isfinite(value)) {
        snprintf(out->number, sizeof out->number, "%s", ascii ? "-" : "\u2013");
        return;
    }
    magnitude(fabs(value), unit, ascii, out);
    if (value < 0) {
        memmove(out->number + 1, out->number, sizeof out->number - 1);
        out->number[sizeof out->number - 1] = '\0';
        out->number[0] = '-';
    }
}

bool cell_value(const medic_cell *cell, double *value)
{
    if (cell->type == MEDIC_NUMBER)
        *value = cell->as.number;
    else if (cell->type == MEDIC_INTEGER || cell->type == MEDIC_BOOLEAN)
        *value = (double)cell->as.integer;
    else
        return false;
    return isfinite(*value);
}

static void integer(int64_t value, uint32_t unit, struct formatted *out)
{
    memset(out, 0, sizeof *out);
    if (unit == MEDIC_UNIT_NONE) { /* an id, a line, a generation: as it is */
        snprintf(out->number, sizeof out->number, "%" PRId64, value);
        return;
    }
    uint64_t size = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
    out->number[0] = '-';
    grouped(size, out->number + (value < 0), sizeof out->number - 1);
}

void format_cell(const medic_cell *cell, uint32_t unit, bool ascii, struct formatted *out)
{
    double value;
    if (cell->type == MEDIC_BOOLEAN) {
        memset(out, 0, sizeof *out);
        snprintf(out->number, sizeof out->number, "%s", cell->as.integer ? "yes" : "no");
    } else if (cell->type == MEDIC_INTEGER && (unit == MEDIC_UNIT_NONE || unit == MEDIC_UNIT_COUNT)) {
        integer(cell->as.integer, unit, out);
    } else {
        format_value(cell_value(cell, &value) ? value : NAN, unit, ascii, out);
    }
}

void format_short(double value, uint32_t unit, bool ascii, char *out, size_t size)
{
    struct formatted text;
    format_value(value, unit, ascii, &text);
    without_zeros(text.number);
    snprintf(out, size, "%s%s%s", text.number, text.unit[0] ? " " : "", text.unit);
}
