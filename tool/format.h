/* Numbers for people: 41.2 MB, 1.24 ms, 61 %, 4,511. Three digits, powers of 1000 for bytes, '.' and ',' in every locale. */
#ifndef TOOL_FORMAT_H
#define TOOL_FORMAT_H

#include <medic/service/document.h>
#include <stdbool.h>
#include <stdint.h>

/* Number and unit apart, so that a column can align both. unit is "" when there is none. */
struct formatted {
    char number[48];
    char unit[8];
};

/* A cell that is no string: INTEGER, NUMBER, BOOLEAN or none (a dash). ascii: "us" for "µs" and "-" for the dash. */
void format_cell(const medic_cell *cell, uint32_t unit, bool ascii, struct formatted *out);
/* The same for a plain value of a unit. */
void format_value(double value, uint32_t unit, bool ascii, struct formatted *out);
/* "1.24 ms" in one piece, without zeros behind the point: for sentences, axes and bounds. */
void format_short(double value, uint32_t unit, bool ascii, char *out, size_t size);
/* The value of a numeric cell; false when it has none or is not finite. */
bool cell_value(const medic_cell *cell, double *value);

#endif
