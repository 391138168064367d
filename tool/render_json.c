#include "tool/document_json.h"
#include "tool/render.h"

#include <errno.h>
#include <string.h>

int render_json(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why)
{
    (void)options;
    struct buffer json = {0};
    int result = document_to_json(document, &json, why);
    if (!result && (fwrite(json.bytes, 1, json.size, out) != json.size || fflush(out)))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    buffer_free(&json);
    return result;
}
