/* value_parse over any text: the first byte chooses the row. What is taken once is taken again and means the same; what
 * is refused comes with a sentence. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const medic_param rows[] = {
    {.key = "flag", .type = MEDIC_PARAM_BOOL},
    {.key = "top", .type = MEDIC_PARAM_INT, .minimum = "-10", .maximum = "100000", .unit = "rows"},
    {.key = "any", .type = MEDIC_PARAM_INT},
    {.key = "share", .type = MEDIC_PARAM_FLOAT, .minimum = "-1e300"},
    {.key = "mode", .type = MEDIC_PARAM_ENUM, .choices = "fast|exact|slow"},
    {.key = "filter", .type = MEDIC_PARAM_STRING},
    {.key = "interval", .type = MEDIC_PARAM_DURATION, .minimum = "1ms", .maximum = "1h"},
    {.key = "wait", .type = MEDIC_PARAM_DURATION},
    {.key = "limit", .type = MEDIC_PARAM_SIZE, .maximum = "2T"},
    {.key = "bytes", .type = MEDIC_PARAM_SIZE},
    {.key = "unknown", .type = 8},
};

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct value first, second;
    medic_reason why = {{0}};
    char quoted[TEXT_QUOTE_SIZE];
    if (size == 0)
        return 0;
    const medic_param *row = &rows[data[0] % (sizeof rows / sizeof *rows)];
    char *text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    require(text_is_clean(text_quote(text, quoted), sizeof quoted));
    if (value_parse(row, text, &first, &why)) {
        require(why.text[0] && text_is_clean(why.text, sizeof why.text));
    } else {
        require(strcmp(first.text, text) == 0);
        require(value_parse(row, first.text, &second, &why) == MEDIC_OK);
        require(memcmp(&first.as, &second.as, sizeof first.as) == 0);
        require(row->type != MEDIC_PARAM_FLOAT || (isfinite(first.as.number) && first.as.number >= -1e300));
        require(row != &rows[1] || (first.as.integer >= -10 && first.as.integer <= 100000));
    }
    free(text);
    return 0;
}
