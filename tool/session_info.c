/* session.json: written by whoever runs a session, read by `medic report` and the document. */
#include "tool/buffer.h"
#include "tool/json.h"
#include "tool/store.h"

#include <ctype.h>
#include <string.h>

static const char *const state_texts[] = {"running", "complete", "incomplete", "failed", "damaged"};

const char *store_state_text(enum store_state state)
{
    return state_texts[state];
}

bool store_is_id(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i = 0;
    while (form[i] == '-' ? text[i] == '-' : form[i] && isxdigit((unsigned char)text[i]))
        i++;
    return !form[i] && !text[i];
}

/* ---- writing ---- */

static void write_profiler(struct json_writer *writer, const struct session_info *info)
{
    json_open(writer, "profiler", '{', false);
    json_put_string(writer, "name", info->profiler.name);
    json_put_string(writer, "guid", info->profiler.guid);
    json_put_string(writer, "version", info->profiler.version);
    json_put_string(writer, "file", info->profiler.file);
    json_close(writer, '}', false);
    json_open(writer, "parameters", '{', false);
    for (size_t i = 0; i < info->parameter_count; i++)
        json_put_string(writer, info->parameters[i].key, info->parameters[i].value);
    json_close(writer, '}', false);
}

static void write_target(struct json_writer *writer, const struct session_info *info)
{
    json_open(writer, "target", '{', false);
    json_put_integer(writer, "pid", info->target.pid);
    json_put_integer(writer, "inner_pid", info->target.inner_pid);
    json_put_string(writer, "name", info->target.name);
    json_put_string(writer, "command_line", info->target.command_line);
    json_put_string(writer, "runtime", info->target.runtime);
    json_put_string(writer, "os", info->target.os);
    json_put_string(writer, "arch", info->target.arch);
    json_put_string(writer, "user", info->target.user);
    json_put_integer(writer, "uid", info->target.uid);
    json_close(writer, '}', false);
}

char *session_info_write(const struct session_info *info, size_t *size)
{
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", STORE_SCHEMA);
    json_put_string(&writer, "id", info->id);
    json_put_string(&writer, "state", store_state_text(info->state));
    if (info->reason)
        json_put_string(&writer, "reason", info->reason);
    json_put_string(&writer, "started", info->started);
    write_profiler(&writer, info);
    write_target(&writer, info);
    if (info->work) {
        json_open(&writer, "work", '{', false);
        json_put_string(&writer, "path", info->work);
        json_close(&writer, '}', false);
    }
    json_close(&writer, '}', false);
    buffer_add_string(&text, "\n");
    if (text.failed) {
        buffer_free(&text);
        return NULL;
    }
    *size = text.size;
    return text.bytes;
}

/* ---- reading ---- */

static const char *member(const struct json *object, const char *key)
{
    return json_get_string(json_member(object, key));
}

static int64_t number(const struct json *object, const char *key)
{
    int64_t value;
    return json_get_integer(json_member(object, key), &value) ? value : -1;
}

static int read_parameters(struct session_info *info, const struct json *object, struct arena *arena)
{
    size_t count = 0;
    for (const struct json *at = json_first(object, JSON_KIND_OBJECT); at; at = at->next)
        count += at->type == JSON_KIND_STRING;
    struct session_parameter *all = count ? arena_alloc(arena, count * sizeof *all) : NULL;
    if (count && !all)
        return -1;
    for (const struct json *at = json_first(object, JSON_KIND_OBJECT); all && at; at = at->next)
        if (at->type == JSON_KIND_STRING)
            all[info->parameter_count++] = (struct session_parameter){at->key, json_get_string(at)};
    info->parameters = all;
    return 0;
}

static int read_state(struct session_info *info, const char *text)
{
    for (size_t i = 0; text && i < STORE_DAMAGED; i++)
        if (!strcmp(text, state_texts[i])) {
            info->state = (enum store_state)i;
            return 0;
        }
    return -1;
}

static void copy_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text ? text : "");
}

int session_info_read(struct session_info *info, const char *text, size_t size, struct arena *arena, medic_reason *why)
{
    struct json *root;
    *info = (struct session_info){.target = {.pid = -1, .inner_pid = -1, .uid = -1}};
    int code = json_parse(text, size, arena, &root, why);
    if (code != MEDIC_OK)
        return code;
    int64_t schema = number(root, "schema");
    if (schema != STORE_SCHEMA)
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "its schema is %lld, this is Medic " MEDIC_VERSION " and reads %d",
                          (long long)schema, STORE_SCHEMA);
    if (read_state(info, member(root, "state")))
        return medic_fail(why, MEDIC_E_CORRUPT, "it has no valid \"%s\"", "state");
    copy_text(info->id, sizeof info->id, member(root, "id"));
    if (!*info->id)
        return medic_fail(why, MEDIC_E_CORRUPT, "it has no valid \"%s\"", "id");
    copy_text(info->started, sizeof info->started, member(root, "started"));
    info->reason = member(root, "reason");
    const struct json *profiler = json_member(root, "profiler"), *target = json_member(root, "target");
    info->profiler.name = member(profiler, "name");
    info->profiler.guid = member(profiler, "guid");
    info->profiler.version = member(profiler, "version");
    info->profiler.file = member(profiler, "file");
    info->target.pid = number(target, "pid");
    info->target.inner_pid = number(target, "inner_pid");
    info->target.uid = number(target, "uid");
    info->target.name = member(target, "name");
    info->target.command_line = member(target, "command_line");
    info->target.runtime = member(target, "runtime");
    info->target.os = member(target, "os");
    info->target.arch = member(target, "arch");
    info->target.user = member(target, "user");
    info->work = member(json_member(root, "work"), "path");
    return read_parameters(info, json_member(root, "parameters"), arena)
               ? medic_fail(why, MEDIC_E_MEMORY, "out of memory")
               : MEDIC_OK;
}
