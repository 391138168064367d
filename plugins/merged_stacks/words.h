/* Sentences, piece by piece, into a buffer that is cut at its end. [tool] */
#ifndef MERGED_STACKS_WORDS_H
#define MERGED_STACKS_WORDS_H

#include <medic/result.h>

struct text {
    char *at;
    size_t room;
};

/* Where something was seen. Texts are borrowed; NULL and 0 when not known, a name of NULL is nowhere. */
struct place {
    const char *name, *module, *file;
    uint32_t line;
    uint32_t code; /* enum medic_code */
};

void add(struct text *text, const char *format, ...) MEDIC_PRINTF(2, 3);
void add_time(struct text *text, double ns);
/* "61 %"; two digits below 1 %. */
void add_share(struct text *text, double part, double whole);
/* A name that is too long for a sentence loses its namespace, then its end. */
void add_name(struct text *text, const char *name);
/* What follows the namespace. */
const char *without_namespace(const char *name);
/* "Orders.Pricing.Recalculate (Pricing.cs:41)" */
void add_place(struct text *text, const struct place *place);

/* "Pricing.cs" of "/src/Orders/Pricing.cs" or "C:\src\Pricing.cs"; NULL of NULL. */
const char *file_name(const char *path);
int begins_with(const char *text, const char *beginning);

#endif
