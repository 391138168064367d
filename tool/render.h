/* Renderers: a document as something to look at or to pass on. One table; a new format is one more row in render.c. */
#ifndef TOOL_RENDER_H
#define TOOL_RENDER_H

#include "tool/capture.h"
#include "tool/document.h"

#include <stdbool.h>
#include <stdio.h>

struct render_options {
    unsigned width; /* columns of the terminal; 0 = 80; at least 40 are used */
    unsigned top;   /* rows of a section that are shown; 0 = 20, UINT_MAX = all that the document keeps */
    bool color;     /* ANSI colours: the caller asked isatty, NO_COLOR and CLICOLOR_FORCE */
    bool ascii;     /* the terminal does not speak UTF-8 */
};

struct renderer {
    const char *name;      /* as typed: "text" */
    const char *summary;   /* for the help */
    const char *extension; /* of a file that holds it, without a dot */
    const char *media_type;
    bool binary; /* nothing for a terminal */
    /* Writes the whole document to out, and nothing when it fails before that. options may be NULL.
     * MEDIC_E_MEMORY, MEDIC_E_IO, MEDIC_E_NOT_FOUND when it has nothing that this format shows. */
    int (*render)(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why);
    /* The same for a format that shows the capture itself; one of both is NULL. Also MEDIC_E_CORRUPT, MEDIC_E_UNSUPPORTED. */
    int (*render_capture)(const struct capture *capture, FILE *out, medic_reason *why);
};

/* NULL when there is none of that name. */
const struct renderer *renderer_find(const char *name);
/* The table's rows in order, NULL behind the last: for help and completion. */
const struct renderer *renderer_at(unsigned index);

int render_text(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why);
int render_json(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why);
int render_markdown(const struct document *document, const struct render_options *options, FILE *out,
                    medic_reason *why);
int render_html(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why);
int render_collapsed(const struct document *document, const struct render_options *options, FILE *out,
                     medic_reason *why);
int render_speedscope(const struct document *document, const struct render_options *options, FILE *out,
                      medic_reason *why);
int render_pprof(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why);
int render_heapsnapshot(const struct capture *capture, FILE *out, medic_reason *why);

#endif
