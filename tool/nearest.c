#include "tool/nearest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int same(char a, char b)
{
    if (a == '-')
        a = '_';
    if (b == '-')
        b = '_';
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits between two words: insertions, deletions, replacements (Levenshtein), one row at a time. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            row[j] = least(least(above, row[j - 1]) + 1, diagonal + !same(a[i - 1], b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_size];
}

const char *nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t size = strlen(word), best = WORD_MAX;
    const char *found = NULL;
    if (size < 2 || size > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(candidates[i]);
        if (other > WORD_MAX)
            continue;
        size_t edits = distance(word, size, candidates[i], other);
        if (size >= 3 && other > size && strstr(candidates[i], word))
            edits = least(edits, 1); /* a part of the name */
        if (edits < best && edits <= 1 + size / 4) {
            best = edits;
            found = candidates[i];
        }
    }
    return found;
}
