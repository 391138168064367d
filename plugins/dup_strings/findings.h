/* What the report half has at hand, and what it makes of it. [tool] */
#ifndef DUP_STRINGS_FINDINGS_H
#define DUP_STRINGS_FINDINGS_H

#include "census.h"
#include "value_text.h"

#include <medic/words.h>

#define TEXT_MAX 1024u
#define VALUE_MAX 4096u
#define SHOWN_IN_SENTENCE 40u /* UTF-16 units of a value */

struct work {
    const medic_host *host;
    const medic_document_service *document;
    const medic_capture_service *capture;
    struct census census;
    int redact;
    uint32_t value_length; /* UTF-16 units that are shown in tables */
    uint32_t *values;      /* those that are there more than once, most wasted bytes first */
    uint32_t *holders;     /* most wasted bytes first */
    uint32_t holder_count;
    char text[VALUE_MAX * VALUE_TEXT_UNIT + VALUE_TEXT_FRAME];
};

/* --- names.c --- */

/* "Orders.Customer._city", "static Orders.Cache._items": where a person finds it. */
void add_holder(struct medic_text *text, const struct work *work, const struct holder *holder);
/* "Dictionary<string, Order>.Entry[].key"; "" when the field itself refers to the strings. */
void add_through(struct medic_text *text, const struct work *work, const struct holder *holder);
/* How a holder's strings hang on it. */
enum holding_kind { HOLDS, HOLDS_KEY, HOLDS_VALUE }; /* of a dictionary */
enum holding_kind holding_kind(const struct work *work, const struct holder *holder);
/* "\"Berlin\"", or "#9f3c2a1177e0" when there is no text. 1 = the text
 * goes on. */
int add_value(struct medic_text *text, struct work *work, const struct value *value, uint32_t most);

/* --- verdict.c: the rules stand in README.md --- */

void write_verdict(struct work *work);
/* Up to five, of what stands out. */
void write_findings(struct work *work);

/* --- sections.c --- */

void write_sections(struct work *work);

#endif
