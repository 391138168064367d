/* report.json: the document as JSON, and back. The schema is described in docs/; schema number 1. */
#ifndef TOOL_DOCUMENT_JSON_H
#define TOOL_DOCUMENT_JSON_H

#include "tool/buffer.h"
#include "tool/document.h"

#define DOCUMENT_JSON_MAX ((size_t)256 << 20) /* bytes of a report.json that are read */

/* Appends the document, one row a line, keys in a fixed order. MEDIC_E_MEMORY. */
int document_to_json(const struct document *document, struct buffer *out, medic_reason *why);
/* A text from a stranger to a new document. MEDIC_E_CORRUPT, MEDIC_E_UNSUPPORTED for another schema, MEDIC_E_MEMORY. */
int document_from_json(const char *text, size_t size, struct document **out, medic_reason *why);
/* Reads an open report.json. MEDIC_E_IO too. */
int document_load(int fd, struct document **document, medic_reason *why);

#endif
