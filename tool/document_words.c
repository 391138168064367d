#include "tool/document.h"

#include <string.h>

/* The words are part of the schema: they never change. Index = number. */
static const char *const SEVERITIES[] = {"healthy", "notice", "warning", "critical"};
static const char *const KINDS[] = {NULL, "table", "tree", "stacks", "graph", "spans", "timeline", "histogram", "text"};
static const char *const TYPES[] = {NULL, "string", "integer", "number", "boolean"};
static const char *const UNITS[] = {"none",    "count", "bytes",      "ns",
                                    "instant", "ratio", "per_second", "bytes_per_second"};
static const char *const ROLES[] = {"none", "start", "end", "lane", "label", "time", "lower", "upper", "value"};

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define WORD(table, number) ((number) < COUNT(table) ? (table)[number] : NULL)

static uint32_t number_of(const char *const *table, size_t count, const char *word, bool *known)
{
    for (uint32_t i = 0; i < count; i++)
        if (table[i] && strcmp(table[i], word) == 0) {
            *known = true;
            return i;
        }
    *known = false;
    return 0;
}

const char *severity_word(uint32_t severity)
{
    return WORD(SEVERITIES, severity);
}

const char *kind_word(uint32_t kind)
{
    return WORD(KINDS, kind);
}

const char *type_word(uint32_t type)
{
    return WORD(TYPES, type);
}

const char *unit_word(uint32_t unit)
{
    return WORD(UNITS, unit);
}

const char *role_word(uint32_t role)
{
    return WORD(ROLES, role);
}

uint32_t severity_of(const char *word, bool *known)
{
    return number_of(SEVERITIES, COUNT(SEVERITIES), word, known);
}

uint32_t kind_of(const char *word)
{
    bool known;
    return number_of(KINDS, COUNT(KINDS), word, &known);
}

uint32_t type_of(const char *word)
{
    bool known;
    return number_of(TYPES, COUNT(TYPES), word, &known);
}

uint32_t unit_of(const char *word)
{
    bool known;
    return number_of(UNITS, COUNT(UNITS), word, &known);
}

uint32_t role_of(const char *word)
{
    bool known;
    return number_of(ROLES, COUNT(ROLES), word, &known);
}
