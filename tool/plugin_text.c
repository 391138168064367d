#include "tool/plugin_text.h"
#include "common/value.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PACKED_MAX = 1 << 20, PARAMS_MAX = 256, PARAM_TEXTS = 8, SERVICES_MAX = 64 };
#define NO_TEXT UINT32_MAX

/* ---- writing ---- */

struct pack {
    unsigned char *bytes;
    size_t size, room;
    bool failed;
};

static void put(struct pack *pack, const void *data, size_t size)
{
    if (pack->failed || size > PACKED_MAX - pack->size) {
        pack->failed = true;
        return;
    }
    if (pack->size + size > pack->room) {
        size_t room = (pack->size + size) * 2;
        unsigned char *bytes = realloc(pack->bytes, room);
        if (!bytes) {
            pack->failed = true;
            return;
        }
        pack->bytes = bytes;
        pack->room = room;
    }
    memcpy(pack->bytes + pack->size, data, size);
    pack->size += size;
}

static void put_number(struct pack *pack, uint32_t number)
{
    put(pack, &number, sizeof number);
}

static void put_text(struct pack *pack, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    if (size >= PACKED_MAX) {
        pack->failed = true;
        return;
    }
    put_number(pack, text ? (uint32_t)size : NO_TEXT);
    if (text)
        put(pack, text, size);
}

static void put_param(struct pack *pack, const medic_param *param)
{
    const char *const texts[PARAM_TEXTS] = {param->key,     param->label,   param->help,    param->unit,
                                            param->initial, param->minimum, param->maximum, param->choices};
    put_number(pack, param->type);
    for (size_t i = 0; i < PARAM_TEXTS; i++)
        put_text(pack, texts[i]);
}

/* Those of the capture half: what it needs tells what the session needs. */
static void put_services(struct pack *pack, const medic_plugin *plugin)
{
    if (plugin->capture_service_count > SERVICES_MAX)
        pack->failed = true;
    put_number(pack, plugin->capture_service_count);
    for (uint32_t i = 0; !pack->failed && i < plugin->capture_service_count; i++)
        put_text(pack, plugin->capture_services[i]);
}

int plugin_pack(const medic_plugin *plugin, unsigned char **bytes, size_t *size)
{
    struct pack pack = {0};
    const char *const texts[] = {plugin->name, plugin->version, plugin->summary, plugin->observation};
    const uint32_t numbers[] = {plugin->abi_major,        plugin->abi_minor,         plugin->flags,
                                plugin->record_revision,  plugin->event_mask_low,    plugin->event_mask_high,
                                plugin->startup_mask_low, plugin->startup_mask_high, plugin->ring_bytes,
                                plugin->param_count};
    put(&pack, &plugin->guid, sizeof plugin->guid);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(&pack, numbers[i]);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put_text(&pack, texts[i]);
    if (plugin->param_count > PARAMS_MAX)
        pack.failed = true;
    for (uint32_t i = 0; !pack.failed && i < plugin->param_count; i++)
        put_param(&pack, param_at(plugin, i));
    put_services(&pack, plugin);
    if (pack.failed) {
        free(pack.bytes);
        return -1;
    }
    *bytes = pack.bytes;
    *size = pack.size;
    return 0;
}

/* ---- reading ---- */

struct unpack {
    const unsigned char *at, *end;
    bool failed, no_memory;
};

static void get(struct unpack *unpack, void *data, size_t size)
{
    if (unpack->failed || size > (size_t)(unpack->end - unpack->at)) {
        unpack->failed = true;
        memset(data, 0, size);
        return;
    }
    memcpy(data, unpack->at, size);
    unpack->at += size;
}

static uint32_t get_number(struct unpack *unpack)
{
    uint32_t number;
    get(unpack, &number, sizeof number);
    return number;
}

static const char *get_text(struct unpack *unpack)
{
    uint32_t size = get_number(unpack);
    if (unpack->failed || size == NO_TEXT)
        return NULL;
    if (size == 0 || size > (size_t)(unpack->end - unpack->at) || unpack->at[size - 1] != '\0') {
        unpack->failed = true;
        return NULL;
    }
    char *text = malloc(size);
    if (!text) {
        unpack->failed = unpack->no_memory = true;
        return NULL;
    }
    get(unpack, text, size);
    return text;
}

static void get_param(struct unpack *unpack, medic_param *param)
{
    param->type = get_number(unpack);
    param->key = get_text(unpack);
    param->label = get_text(unpack);
    param->help = get_text(unpack);
    param->unit = get_text(unpack);
    param->initial = get_text(unpack);
    param->minimum = get_text(unpack);
    param->maximum = get_text(unpack);
    param->choices = get_text(unpack);
    if (!param->key || !param->initial)
        unpack->failed = true;
}

static void get_params(struct unpack *unpack, medic_plugin *plugin, uint32_t count)
{
    if (unpack->failed || count == 0)
        return;
    medic_param *params = count > PARAMS_MAX ? NULL : calloc(count, sizeof *params);
    if (!params) {
        unpack->failed = true;
        unpack->no_memory = count <= PARAMS_MAX;
        return;
    }
    plugin->params = params;
    plugin->param_count = count;
    for (uint32_t i = 0; i < count; i++)
        get_param(unpack, &params[i]);
}

static void get_services(struct unpack *unpack, medic_plugin *plugin)
{
    uint32_t count = get_number(unpack);
    if (unpack->failed || count == 0)
        return;
    const char **services = count > SERVICES_MAX ? NULL : calloc(count, sizeof *services);
    if (!services) {
        unpack->failed = true;
        return;
    }
    plugin->capture_services = services;
    plugin->capture_service_count = count;
    for (uint32_t i = 0; i < count; i++) {
        services[i] = get_text(unpack);
        if (!services[i])
            unpack->failed = true;
    }
}

int plugin_unpack(const unsigned char *bytes, size_t size, medic_plugin *plugin)
{
    struct unpack unpack = {.at = bytes, .end = bytes + size};
    *plugin = (medic_plugin){.magic = MEDIC_PLUGIN_MAGIC, .size = sizeof *plugin, .param_size = sizeof(medic_param)};
    get(&unpack, &plugin->guid, sizeof plugin->guid);
    plugin->abi_major = (uint16_t)get_number(&unpack);
    plugin->abi_minor = (uint16_t)get_number(&unpack);
    plugin->flags = get_number(&unpack);
    plugin->record_revision = get_number(&unpack);
    plugin->event_mask_low = get_number(&unpack);
    plugin->event_mask_high = get_number(&unpack);
    plugin->startup_mask_low = get_number(&unpack);
    plugin->startup_mask_high = get_number(&unpack);
    plugin->ring_bytes = get_number(&unpack);
    uint32_t params = get_number(&unpack);
    plugin->name = get_text(&unpack);
    plugin->version = get_text(&unpack);
    plugin->summary = get_text(&unpack);
    plugin->observation = get_text(&unpack);
    get_params(&unpack, plugin, params);
    get_services(&unpack, plugin);
    if (!unpack.failed && unpack.at == unpack.end && plugin->name && plugin->version && plugin->summary &&
        plugin->observation)
        return MEDIC_OK;
    plugin_unpacked_free(plugin);
    return unpack.no_memory ? MEDIC_E_MEMORY : MEDIC_E_CORRUPT;
}

static void drop(const char *text)
{
    free((void *)(uintptr_t)text); /* texts of a descriptor are const; these were allocated by get_text */
}

void plugin_unpacked_free(medic_plugin *plugin)
{
    for (uint32_t i = 0; plugin->params && i < plugin->param_count; i++) {
        const medic_param *param = &plugin->params[i];
        const char *const texts[PARAM_TEXTS] = {param->key,     param->label,   param->help,    param->unit,
                                                param->initial, param->minimum, param->maximum, param->choices};
        for (size_t j = 0; j < PARAM_TEXTS; j++)
            drop(texts[j]);
    }
    free((void *)(uintptr_t)plugin->params);
    for (uint32_t i = 0; i < plugin->capture_service_count; i++)
        drop(plugin->capture_services[i]);
    free((void *)(uintptr_t)plugin->capture_services);
    drop(plugin->name);
    drop(plugin->version);
    drop(plugin->summary);
    drop(plugin->observation);
    *plugin = (medic_plugin){0};
}
