#include "tool/doctor.h"
#include "tool/format.h"
#include "tool/proc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Beyond the table a check is said to nobody. */
static void add(struct doctor *doctor, const char *id, enum doctor_level level, int code, const char *cure,
                const char *text)
{
    if (doctor->count == DOCTOR_CHECKS_MAX)
        return;
    struct doctor_check *check = &doctor->checks[doctor->count++];
    *check = (struct doctor_check){.id = id, .level = level, .code = code};
    snprintf(check->text, sizeof check->text, "%s", text);
    snprintf(check->cure, sizeof check->cure, "%s", cure ? cure : "");
    proc_printable(check->text);
    proc_printable(check->cure);
}

void doctor_add(struct doctor *doctor, const char *id, enum doctor_level level, const char *cure, const char *format,
                ...)
{
    char text[DOCTOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(doctor, id, level, MEDIC_OK, cure, text);
}

void doctor_problem(struct doctor *doctor, const char *id, int code, const char *cure, const char *format, ...)
{
    char text[DOCTOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(doctor, id, DOCTOR_PROBLEM, code, cure, text);
}

size_t doctor_count(const struct doctor *doctor, enum doctor_level level)
{
    size_t count = 0;
    for (size_t i = 0; i < doctor->count; i++)
        count += doctor->checks[i].level == level;
    return count;
}

/* What nobody can change from here (rights, versions) weighs more than what comes and goes. */
int doctor_code(const struct doctor *doctor)
{
    int code = MEDIC_OK;
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_check *check = &doctor->checks[i];
        if (check->level == DOCTOR_PROBLEM &&
            (code == MEDIC_OK || check->code == MEDIC_E_DENIED || check->code == MEDIC_E_UNSUPPORTED))
            code = check->code;
    }
    return code;
}

const char *doctor_bytes(uint64_t bytes, char out[32])
{
    format_short((double)bytes, MEDIC_UNIT_BYTES, true, out, 32);
    return out;
}

const char *doctor_field(const char *text, const char *key)
{
    size_t size = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, size) && line[size] == ':')
            return line + size + 1 + strspn(line + size + 1, " \t");
    }
    return NULL;
}
