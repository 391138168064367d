#include "core/config.h"

#include "common/keyvalue.h"
#include "common/value.h"

#include <stdlib.h>
#include <string.h>

static int take_path(const struct keyvalue *pair, char path[CONFIG_PATH_MAX], medic_reason *why)
{
    if (keyvalue_copy(pair, path, CONFIG_PATH_MAX) != 0)
        return medic_fail(why, MEDIC_E_ARGUMENT, "%.*s= is longer than %d bytes", (int)pair->key_size, pair->key,
                          CONFIG_PATH_MAX - 1);
    if (path[0] != '/')
        return medic_fail(why, MEDIC_E_ARGUMENT, "%.*s= must be an absolute path, not \"%.200s\"", (int)pair->key_size,
                          pair->key, path);
    return MEDIC_OK;
}

static int take_quantity(const struct keyvalue *pair, int (*parse)(const char *, uint64_t *, medic_reason *),
                         uint64_t *quantity, medic_reason *why)
{
    char text[64];

    if (keyvalue_copy(pair, text, sizeof text) != 0)
        return medic_fail(why, MEDIC_E_ARGUMENT, "%.*s= is longer than 63 bytes", (int)pair->key_size, pair->key);
    return parse(text, quantity, why);
}

/* A key that has two values: the word, and "no". */
static int take_word(const struct keyvalue *pair, const char *word, int *flag, medic_reason *why)
{
    char text[16] = "";
    int fits = keyvalue_copy(pair, text, sizeof text) == 0;

    *flag = fits && strcmp(text, word) == 0;
    if (*flag || (fits && strcmp(text, "no") == 0))
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_ARGUMENT, "%.*s= is %s or no, not \"%.*s\"", (int)pair->key_size, pair->key, word,
                      (int)(pair->value_size > 60 ? 60 : pair->value_size), pair->value);
}

static int take(struct config *config, const struct keyvalue *pair, medic_reason *why)
{
    if (keyvalue_is(pair, "session"))
        return take_path(pair, config->session, why);
    if (keyvalue_is(pair, "plugin"))
        return take_path(pair, config->plugin, why);
    if (keyvalue_is(pair, "duration"))
        return take_quantity(pair, duration_parse, &config->duration_ns, why);
    if (keyvalue_is(pair, "lease"))
        return take_quantity(pair, duration_parse, &config->lease_ns, why);
    if (keyvalue_is(pair, "max_bytes"))
        return take_quantity(pair, size_parse, &config->max_bytes, why);
    if (keyvalue_is(pair, "skip"))
        return take_word(pair, "sdk", &config->skip_sdk, why);
    if (keyvalue_is(pair, "children"))
        return take_word(pair, "yes", &config->children, why);
    if (keyvalue_is(pair, "symbols"))
        return take_word(pair, "embed", &config->embed_symbols, why);
    if (pair->key_size > 6 && memcmp(pair->key, "param.", 6) == 0)
        return MEDIC_OK; /* read by the session, which knows the plugin's table */
    return medic_fail(
        why, MEDIC_E_ARGUMENT,
        "client data has an unknown key \"%.*s\": known are session, plugin, duration, lease, max_bytes, skip, "
        "children, symbols, param.*",
        (int)(pair->key_size > 60 ? 60 : pair->key_size), pair->key);
}

int config_parse(struct config *config, const char *text, size_t size, medic_reason *why)
{
    const char *cursor, *end;
    struct keyvalue pair;
    int code = MEDIC_OK, more;

    memset(config, 0, sizeof *config);
    config->duration_ns = config->max_bytes = CONFIG_DEFAULT;
    while (size && text[size - 1] == '\0')
        size--; /* clients that count a terminator */
    if (size > CONFIG_TEXT_MAX)
        return medic_fail(why, MEDIC_E_ARGUMENT, "client data has %zu bytes, more than %d", size, CONFIG_TEXT_MAX);
    config->text = malloc(size + 1);
    if (!config->text)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for %zu bytes of client data", size);
    if (size)
        memcpy(config->text, text, size);
    config->text[size] = '\0';
    config->text_size = size;
    cursor = config->text;
    end = cursor + size;
    while ((more = keyvalue_next(&cursor, end, &pair)) != 0) {
        medic_reason first;
        int one = more > 0 ? take(config, &pair, &first)
                           : medic_fail(&first, MEDIC_E_ARGUMENT, "client data has a line without key=value: \"%.*s\"",
                                        (int)(pair.key_size > 60 ? 60 : pair.key_size), pair.key);

        if (one != MEDIC_OK && code == MEDIC_OK) {
            code = one;
            if (why)
                *why = first;
        }
    }
    return code;
}

void config_complete(struct config *config, int ends_itself, int photographs)
{
    if (config->duration_ns == CONFIG_DEFAULT)
        config->duration_ns = ends_itself ? 0 : UINT64_C(10000000000);
    if (config->max_bytes == CONFIG_DEFAULT)
        config->max_bytes = photographs ? UINT64_C(4) << 30 : UINT64_C(256) << 20;
}

void config_free(struct config *config)
{
    free(config->text);
    config->text = NULL;
}
