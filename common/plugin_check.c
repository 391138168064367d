#include "common/plugin_check.h"

#include <medic/clr/enums.h>
#include <stddef.h>
#include <string.h>

#include "common/guid.h"
#include "common/text.h"
#include "common/value.h"

#define KNOWN_FLAGS                                                                                                    \
    (MEDIC_STARTUP_ONLY | MEDIC_SUSPENDS | MEDIC_FORKS | MEDIC_INSTRUMENTS | MEDIC_ENDS_ITSELF | MEDIC_DEAD_TOO)
#define KNOWN_HIGH_MASK 0x1ffu /* COR_PRF_HIGH_MONITOR; the low mask has no bit without a meaning */
#define RING_MAX (8u << 20)
#define PARAMS_MAX 64u
#define SERVICES_MAX 32u
#define TEXT_MAX 256 /* of any text of the descriptor; the sentences of a parameter are longer than a title */

/* Bytes that a struct must have for this member, a pointer, to be in it. */
#define THROUGH(type, member) (offsetof(type, member) + sizeof(void *))

struct check {
    const char *file;
    const medic_plugin *plugin; /* the copy */
    int newer;                  /* built for a later minor revision: tails that we do not know are all right */
    medic_reason *why;
};

/* One of the structs that carry their size. */
struct sized {
    const char *name;
    size_t size_at; /* offset of the size */
    size_t needed;
    size_t known;
};

/* Copies what both sides know. size_at and size are inside what `needed` covers, and are read first. */
static int copy_sized(const struct check *check, const struct sized *kind, const void *raw, void *out)
{
    uint32_t size;
    memcpy(&size, (const char *)raw + kind->size_at, sizeof size);
    if (size < kind->needed)
        return medic_fail(check->why, MEDIC_E_ABI, "%s: its %s has %u bytes, at least %zu are needed", check->file,
                          kind->name, size, kind->needed);
    if (size > kind->known && !check->newer)
        return medic_fail(check->why, MEDIC_E_ABI,
                          "%s: its %s has %u bytes, but ABI %d.%d defines %zu: rebuild it with this Medic's SDK",
                          check->file, kind->name, size, MEDIC_ABI_MAJOR, MEDIC_ABI_MINOR, kind->known);
    memcpy(out, raw, size < kind->known ? size : kind->known);
    return MEDIC_OK;
}

/* Magic, ABI and size stand at the same place in every revision, so they are read alone before anything else. */
static int copy_plugin(struct check *check, const medic_plugin *raw, medic_plugin *copy)
{
    static const struct sized kind = {"medic_plugin", offsetof(medic_plugin, size), THROUGH(medic_plugin, capture),
                                      sizeof(medic_plugin)};
    if (!raw)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: medic_plugin_entry returned NULL", check->file);
    memcpy(copy, raw, offsetof(medic_plugin, guid));
    if (copy->magic != MEDIC_PLUGIN_MAGIC)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its descriptor begins with %#llx instead of %#llx",
                          check->file, (unsigned long long)copy->magic, (unsigned long long)MEDIC_PLUGIN_MAGIC);
    if (copy->abi_major != MEDIC_ABI_MAJOR)
        return medic_fail(check->why, MEDIC_E_ABI,
                          "%s was built for plugin ABI %u, this Medic has ABI %d: rebuild it with this Medic's SDK",
                          check->file, copy->abi_major, MEDIC_ABI_MAJOR);
    check->newer = copy->abi_minor > MEDIC_ABI_MINOR;
    return copy_sized(check, &kind, raw, copy);
}

static int check_text(const struct check *check, const char *name, const char *text)
{
    if (!text || !*text)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its descriptor has no %s", check->file, name);
    if (!text_is_clean(text, TEXT_MAX))
        return medic_fail(check->why, MEDIC_E_CORRUPT,
                          "%s: its %s is longer than %d bytes, or no UTF-8 without control characters", check->file,
                          name, TEXT_MAX - 1);
    return MEDIC_OK;
}

static int check_texts(const struct check *check)
{
    const medic_plugin *plugin = check->plugin;
    if (!plugin->name || !text_is_word(plugin->name, MEDIC_NAME_MAX))
        return medic_fail(check->why, MEDIC_E_CORRUPT,
                          "%s: its name is not of the form [a-z][a-z0-9_]*, shorter than %d", check->file,
                          MEDIC_NAME_MAX);
    int code = check_text(check, "version", plugin->version);
    if (!code)
        code = check_text(check, "summary", plugin->summary);
    if (!code)
        code = check_text(check, "observation", plugin->observation);
    return code;
}

static int check_note(const struct check *check, const medic_note *note)
{
    const medic_plugin *plugin = check->plugin;
    char in_note[GUID_TEXT_SIZE], in_plugin[GUID_TEXT_SIZE];
    if (!note)
        return MEDIC_OK;
    if (strncmp(note->name, plugin->name, sizeof note->name) != 0)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its note says it is '%.*s', its descriptor says '%s'",
                          check->file, (int)sizeof note->name, note->name, plugin->name);
    if (guid_equal(&note->guid, &plugin->guid))
        return MEDIC_OK;
    guid_format(&note->guid, in_note);
    guid_format(&plugin->guid, in_plugin);
    return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its note has the GUID %s, its descriptor %s", check->file,
                      in_note, in_plugin);
}

static int check_bits(const struct check *check, const char *name, uint32_t bits, uint32_t known, const char *cure)
{
    if ((bits & ~known) == 0)
        return MEDIC_OK;
    return medic_fail(check->why, MEDIC_E_UNSUPPORTED, "%s: its %s is %#x, of which %#x %s", check->file, name, bits,
                      bits & ~known, cure);
}

static int check_masks(const struct check *check)
{
    static const char unknown[] = "is unknown to this Medic";
    static const char late[] = "is taken by the runtime only at start-up: move it to startup_mask, or set "
                               "MEDIC_STARTUP_ONLY";
    const medic_plugin *plugin = check->plugin;
    int attaches = !(plugin->flags & MEDIC_STARTUP_ONLY);
    int code = check_bits(check, "flags", plugin->flags, KNOWN_FLAGS, unknown);
    if (!code)
        code = check_bits(check, "event_mask_high", plugin->event_mask_high, KNOWN_HIGH_MASK, unknown);
    if (!code)
        code = check_bits(check, "startup_mask_high", plugin->startup_mask_high, KNOWN_HIGH_MASK, unknown);
    if (!code && attaches)
        code = check_bits(check, "event_mask_low", plugin->event_mask_low, COR_PRF_ALLOWABLE_AFTER_ATTACH, late);
    if (!code && attaches)
        code = check_bits(check, "event_mask_high", plugin->event_mask_high, COR_PRF_HIGH_ALLOWABLE_AFTER_ATTACH, late);
    return code;
}

static int check_numbers(const struct check *check)
{
    const medic_plugin *plugin = check->plugin;
    if (plugin->ring_bytes > RING_MAX)
        return medic_fail(check->why, MEDIC_E_UNSUPPORTED, "%s: its ring_bytes is %u, at most %u are allowed",
                          check->file, plugin->ring_bytes, RING_MAX);
    if (plugin->reserved && !check->newer)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: the reserved member of its descriptor is %u instead of 0",
                          check->file, plugin->reserved);
    return MEDIC_OK;
}

static int check_choices(const struct check *check, const medic_param *param)
{
    const char *choices = param->choices;
    if (param->type != MEDIC_PARAM_ENUM) {
        if (!choices)
            return MEDIC_OK;
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: parameter '%s' has choices, but is no enum", check->file,
                          param->key);
    }
    if (!choices || !text_is_clean(choices, VALUE_TEXT_MAX) || !*choices || *choices == '|' ||
        choices[strlen(choices) - 1] == '|' || strstr(choices, "||"))
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: the choices of parameter '%s' are not of the form a|b|c",
                          check->file, param->key);
    return MEDIC_OK;
}

static int check_default(const struct check *check, const medic_param *param)
{
    struct value value;
    medic_reason reason = {{0}};
    if (!param->initial)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: parameter '%s' has no default", check->file, param->key);
    int bounded = param->type == MEDIC_PARAM_INT || param->type == MEDIC_PARAM_FLOAT ||
                  param->type == MEDIC_PARAM_DURATION || param->type == MEDIC_PARAM_SIZE;
    if ((param->minimum || param->maximum) && !bounded)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: parameter '%s' has bounds, but is no number", check->file,
                          param->key);
    if (value_parse(param, param->initial, &value, &reason))
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: the default of %.400s", check->file, reason.text);
    return MEDIC_OK;
}

static int check_param(const struct check *check, const medic_param *param, uint32_t index)
{
    if (!param->key || !text_is_word(param->key, MEDIC_NAME_MAX))
        return medic_fail(check->why, MEDIC_E_CORRUPT,
                          "%s: the key of its parameter %u is not of the form [a-z][a-z0-9_]*, shorter than %d",
                          check->file, index + 1, MEDIC_NAME_MAX);
    if (param_find(check->plugin, param->key) != param)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: it has two parameters '%s'", check->file, param->key);
    if (param->type < MEDIC_PARAM_BOOL || param->type > MEDIC_PARAM_SIZE)
        return medic_fail(check->why, MEDIC_E_UNSUPPORTED,
                          "%s: parameter '%s' has the type %u, this Medic knows 1 to %d", check->file, param->key,
                          param->type, MEDIC_PARAM_SIZE);
    if (param->reserved && !check->newer)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: the reserved member of parameter '%s' is %u instead of 0",
                          check->file, param->key, param->reserved);
    int code = check_text(check, "label for one of its parameters", param->label);
    if (!code)
        code = check_text(check, "help for one of its parameters", param->help);
    if (!code && param->unit && *param->unit)
        code = check_text(check, "unit of a parameter", param->unit);
    if (!code)
        code = check_choices(check, param);
    if (!code)
        code = check_default(check, param);
    return code;
}

static int check_table(const struct check *check)
{
    const medic_plugin *plugin = check->plugin;
    uint32_t step = plugin->param_size;
    if (plugin->param_count == 0)
        return MEDIC_OK;
    if (plugin->param_count > PARAMS_MAX || !plugin->params)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: it has %u parameters %s, at most %u are allowed",
                          check->file, plugin->param_count, plugin->params ? "in a table" : "without a table",
                          PARAMS_MAX);
    if (step < sizeof(medic_param) || (step > sizeof(medic_param) && !check->newer))
        return medic_fail(check->why, MEDIC_E_ABI, "%s: its parameters have %u bytes each, ABI %d.%d defines %zu",
                          check->file, step, MEDIC_ABI_MAJOR, MEDIC_ABI_MINOR, sizeof(medic_param));
    if (step % _Alignof(medic_param) || (uintptr_t)plugin->params % _Alignof(medic_param))
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its parameter table is not aligned to %zu bytes",
                          check->file, _Alignof(medic_param));
    return MEDIC_OK;
}

static int check_params(const struct check *check)
{
    int code = check_table(check);
    /* Keys first: looking for a duplicate reads the keys of all rows. */
    for (uint32_t i = 0; !code && i < check->plugin->param_count; i++)
        if (!param_at(check->plugin, i)->key)
            return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its parameter %u has no key", check->file, i + 1);
    for (uint32_t i = 0; !code && i < check->plugin->param_count; i++)
        code = check_param(check, param_at(check->plugin, i), i);
    return code;
}

static int check_services(const struct check *check, const char *half, const char *const *names, uint32_t count,
                          int (*has_service)(const char *name))
{
    if (count > SERVICES_MAX || (count && !names))
        return medic_fail(check->why, MEDIC_E_CORRUPT,
                          "%s: its %s half requires %u services %s, at most %u are allowed", check->file, half, count,
                          names ? "from a list" : "without a list", SERVICES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (!names[i] || !*names[i] || !text_is_clean(names[i], TEXT_MAX))
            return medic_fail(check->why, MEDIC_E_CORRUPT,
                              "%s: service %u that its %s half requires has no proper name", check->file, i + 1, half);
        if (has_service && !has_service(names[i]))
            return medic_fail(
                check->why, MEDIC_E_UNSUPPORTED,
                "%s: its %s half requires the service '%.80s', which this Medic (ABI %d.%d) does not offer",
                check->file, half, names[i], MEDIC_ABI_MAJOR, MEDIC_ABI_MINOR);
    }
    return MEDIC_OK;
}

static int copy_capture(const struct check *check, struct plugin_view *view)
{
    static const struct sized capture = {"medic_capture", 0, THROUGH(medic_capture, create), sizeof(medic_capture)};
    static const struct sized callbacks = {"medic_callbacks", 0, offsetof(medic_callbacks, AppDomainCreationStarted),
                                           sizeof(medic_callbacks)};
    if (!check->plugin->capture)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: it has no capture half", check->file);
    int code = copy_sized(check, &capture, check->plugin->capture, &view->capture);
    if (code)
        return code;
    if (!view->capture.create)
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its capture half has no create", check->file);
    if (!view->capture.callbacks)
        return MEDIC_OK;
    return copy_sized(check, &callbacks, view->capture.callbacks, &view->callbacks);
}

static int copy_report(const struct check *check, char half, struct plugin_view *view)
{
    static const struct sized report = {"medic_report", 0, THROUGH(medic_report, render), sizeof(medic_report)};
    if (!check->plugin->report) {
        if (half == 'c')
            return MEDIC_OK;
        return medic_fail(check->why, MEDIC_E_CORRUPT, "%s: it has no report half", check->file);
    }
    int code = copy_sized(check, &report, check->plugin->report, &view->report);
    if (!code && !view->report.render)
        code = medic_fail(check->why, MEDIC_E_CORRUPT, "%s: its report half has no render", check->file);
    return code;
}

int plugin_check(const medic_plugin *raw, const char *file, const medic_note *note, char half,
                 int (*has_service)(const char *name), struct plugin_view *view, medic_reason *why)
{
    struct check check = {file, &view->plugin, 0, why};
    const medic_plugin *plugin = &view->plugin;
    memset(view, 0, sizeof *view);
    int code = copy_plugin(&check, raw, &view->plugin);
    if (!code)
        code = check_texts(&check);
    if (!code)
        code = check_note(&check, note);
    if (!code)
        code = check_masks(&check);
    if (!code)
        code = check_numbers(&check);
    if (!code)
        code = check_params(&check);
    if (!code)
        code = copy_capture(&check, view);
    if (!code)
        code = copy_report(&check, half, view);
    if (!code)
        code = check_services(&check, "capture", plugin->capture_services, plugin->capture_service_count,
                              half == 'c' ? has_service : NULL);
    if (!code)
        code = check_services(&check, "report", plugin->report_services, plugin->report_service_count,
                              half == 'r' ? has_service : NULL);
    return code;
}
