/* A report whose every name wants to be something else: markup, a script, a mention, a control sequence. */
#ifndef TESTS_UNIT_HOSTILE_DOCUMENT_H
#define TESTS_UNIT_HOSTILE_DOCUMENT_H

#include "sample_document.h"

/* The sample with one stranger's text in every place that a stranger can name. */
static inline struct document *hostile_document(const char *evil)
{
    struct document *document = sample_document();
    document->target.name = document->target.runtime = document->target.os = document->target.arch = evil;
    document->profiler.name = document->profiler.version = evil;
    document->profiler.parameters[0].key = document->profiler.parameters[0].value = evil;
    document->session.id = document->session.end_reason = evil;
    document->verdict = document->lost.reason = document->findings[0].text = document->findings[0].row = evil;
    for (size_t i = 0; i < document->section_count; i++) {
        struct medic_section *section = document->sections[i];
        section->title = section->note = evil;
        for (uint32_t j = 0; j < section->column_count; j++)
            section->columns[j].title = evil;
        for (uint32_t j = 0; j < section->row_count * section->column_count; j++)
            if (section->cells[j].type == MEDIC_STRING)
                section->cells[j].as.string = evil;
        for (uint32_t j = 0; j < section->frame_count; j++)
            section->frames[j].function = section->frames[j].file = section->frames[j].module = evil;
        for (uint32_t j = 0; j < section->edge_count; j++)
            section->edges[j].label = evil;
    }
    return document;
}

#endif
