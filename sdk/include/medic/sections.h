/* Sections of a document, as the built-in profilers write them: columns by type and unit, cells, rows, notes. Thin: each
 * is one call of medic.document. `work` is a plugin's struct with the members `host` and `document`. [tool] */
#ifndef MEDIC_SECTIONS_H
#define MEDIC_SECTIONS_H

#include <medic/service/document.h>
#include <medic/service/frames.h>
#include <medic/words.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDIC_COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

/* Elements of a table of columns. flags: enum medic_column_flags. */
#define MEDIC_COLUMN_OF(id, title, type, unit, flags)                                                                  \
    {                                                                                                                  \
        id, title, type, unit, MEDIC_ROLE_NONE, flags                                                                  \
    }
#define MEDIC_TEXT_COLUMN(id, title, flags) MEDIC_COLUMN_OF(id, title, MEDIC_STRING, MEDIC_UNIT_NONE, flags)
#define MEDIC_COUNT_COLUMN(id, title, flags) MEDIC_COLUMN_OF(id, title, MEDIC_INTEGER, MEDIC_UNIT_COUNT, flags)
#define MEDIC_BYTES_COLUMN(id, title, flags) MEDIC_COLUMN_OF(id, title, MEDIC_INTEGER, MEDIC_UNIT_BYTES, flags)
#define MEDIC_TIME_COLUMN(id, title, flags) MEDIC_COLUMN_OF(id, title, MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, flags)
#define MEDIC_RATIO_COLUMN(id, title, flags) MEDIC_COLUMN_OF(id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, flags)
/* A part of the whole that is compared, with a bar. */
#define MEDIC_SHARE_COLUMN(id, title) MEDIC_RATIO_COLUMN(id, title, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE)
#define MEDIC_RATE_COLUMN(id, title, unit) MEDIC_COLUMN_OF(id, title, MEDIC_NUMBER, unit, MEDIC_COLUMN_DIFF)

static inline medic_cell medic_whole(uint64_t value)
{
    return medic_integer(value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

static inline medic_cell medic_ratio(double part, double all)
{
    return medic_number(all > 0 ? part / all : 0);
}

static inline medic_section *medic_open_section(const medic_document_service *document, const medic_host *host,
                                                uint32_t kind, const char *id, const char *title, const char *note,
                                                const medic_column *columns, uint32_t column_count, uint32_t flags)
{
    medic_section_info info = {
        sizeof info, kind, id, title, note, columns, sizeof *columns, column_count, flags, 0,
    };

    return document->section(host, &info);
}

/* columns: an array. */
#define MEDIC_OPEN(work, kind, id, title, note, columns)                                                               \
    medic_open_section((work)->document, (work)->host, kind, id, title, note, columns, MEDIC_COUNT_OF(columns), 0)
/* cells: an array, one for each column. */
#define MEDIC_ROW(work, section, cells) (work)->document->row(section, MEDIC_NO_PARENT, cells, MEDIC_COUNT_OF(cells))

#define MEDIC_LOCATION_MAX 160

/* "Pricing.cs:41" in location, or NULL when the place is not known. */
static inline const char *medic_location(const char *file, uint32_t line, char location[MEDIC_LOCATION_MAX])
{
    if (!file || !line)
        return NULL;
    snprintf(location, MEDIC_LOCATION_MAX, "%s:%u", medic_file_name(file), line);
    return location;
}

static inline const char *medic_frame_location(const medic_frame *frame, char location[MEDIC_LOCATION_MAX])
{
    return medic_location(frame->file, frame->line, location);
}

/* The last section: sentences that a reader should keep in mind; made with the first of them. */
struct medic_notes {
    const medic_document_service *document;
    const medic_host *host;
    medic_section *section; /* NULL until there is one */
};

#define MEDIC_NOTES(work) ((struct medic_notes){(work)->document, (work)->host, NULL})

static inline void medic_add_note(struct medic_notes *notes, const char *format, ...) MEDIC_PRINTF(2, 3);

static inline void medic_add_note(struct medic_notes *notes, const char *format, ...)
{
    static const medic_column columns[] = {MEDIC_TEXT_COLUMN("text", "Note", 0)};
    char text[1024];
    va_list args;

    if (!notes->section)
        notes->section = MEDIC_OPEN(notes, MEDIC_TEXT, "notes", "Keep in mind", NULL, columns);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    medic_cell cells[] = {medic_string(text)};
    MEDIC_ROW(notes, notes->section, cells);
}

#ifdef __cplusplus
}
#endif
#endif
