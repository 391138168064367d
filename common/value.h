/* Parameter values: from the text that a user types, or a descriptor gives as default, to a checked value. */
#ifndef COMMON_VALUE_H
#define COMMON_VALUE_H

#include <medic/plugin.h>

#define VALUE_TEXT_MAX 256

struct value {
    uint32_t type; /* enum medic_param_type */
    union {
        int boolean;
        int64_t integer;
        double number;
        uint64_t quantity; /* nanoseconds or bytes */
    } as;
    char text[VALUE_TEXT_MAX]; /* what was parsed */
};

/* Each sentence names the key, the text, and what would be right. MEDIC_E_ARGUMENT. */
int value_parse(const medic_param *param, const char *text, struct value *value, medic_reason *why);

/* "500ns" "250us" "10ms" "30s" "1.5m" "2h" "1d" "hh:mm:ss" "mm:ss", or a plain number of seconds. No sign, no overflow. */
int duration_parse(const char *text, uint64_t *nanoseconds, medic_reason *why);
/* "512" "64k" "16M" "1.5G" "2T", powers of 1024, also with a trailing B or iB, either case. */
int size_parse(const char *text, uint64_t *bytes, medic_reason *why);

/* The row of a parameter table by key, or NULL. The table's own element size is honoured. */
const medic_param *param_find(const medic_plugin *plugin, const char *key);
const medic_param *param_at(const medic_plugin *plugin, uint32_t index);

#endif
