/* The bytes of the diagnostics IPC protocol, read and written: no I/O here. */
#include "tool/ipc.h"

#include <stdlib.h>
#include <string.h>

static const char magic[14] = "DOTNET_IPC_V1";

/* ---- reading ---- */

/* A cursor that turns bad once and stays so: callers check it at the end. */
struct cursor {
    const uint8_t *at;
    size_t left;
    int code;
};

static const uint8_t *take(struct cursor *c, size_t size)
{
    if (c->code == MEDIC_OK && size > c->left)
        c->code = MEDIC_E_CORRUPT;
    if (c->code != MEDIC_OK)
        return NULL;
    const uint8_t *at = c->at;
    c->at += size;
    c->left -= size;
    return at;
}

static uint64_t take_uint(struct cursor *c, size_t size)
{
    const uint8_t *at = take(c, size);
    uint64_t value = 0;
    for (size_t i = 0; at && i < size; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    *out++ = (char)(lead[tail] | (code >> (6 * tail)));
    while (tail-- > 0)
        *out++ = (char)(0x80 | ((code >> (6 * tail)) & 0x3F));
    return out;
}

static uint32_t unit_at(const uint8_t *units, size_t i)
{
    return (uint32_t)units[2 * i] | (uint32_t)units[2 * i + 1] << 8;
}

/* Stops at the first NUL; a lone surrogate becomes U+FFFD. NULL: out of memory. */
static char *utf8_of_utf16(const uint8_t *units, size_t count)
{
    char *text = malloc(count * 3 + 1), *out = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        uint32_t code = unit_at(units, i);
        uint32_t next = i + 1 < count ? unit_at(units, i + 1) : 0;
        if (code == 0)
            break;
        if ((code & 0xFC00) == 0xD800 && (next & 0xFC00) == 0xDC00) {
            code = 0x10000 + ((code & 0x3FF) << 10) + (next & 0x3FF);
            i++;
        } else if ((code & 0xF800) == 0xD800) {
            code = 0xFFFD;
        }
        out = put_utf8(out, code);
    }
    *out = 0;
    return text;
}

/* A string; the null string (count 0) gives NULL. */
static char *take_string(struct cursor *c)
{
    uint64_t count = take_uint(c, 4);
    const uint8_t *units = take(c, (size_t)count * 2);
    if (!units || count == 0)
        return NULL;
    char *text = utf8_of_utf16(units, (size_t)count);
    if (!text)
        c->code = MEDIC_E_MEMORY;
    return text;
}

static int cursor_result(const struct cursor *c, const char *what, medic_reason *why)
{
    if (c->code == MEDIC_E_CORRUPT)
        return medic_fail(why, c->code, "the process' reply to %s is cut short or malformed: it may be no .NET runtime",
                          what);
    if (c->code == MEDIC_E_MEMORY)
        return medic_fail(why, c->code, "out of memory while reading the reply to %s: free some and try again", what);
    return MEDIC_OK;
}

int ipc_parse_header(const uint8_t *bytes, size_t size, struct ipc_header *header, medic_reason *why)
{
    memset(header, 0, sizeof *header);
    if (size < IPC_HEADER_SIZE || memcmp(bytes, magic, sizeof magic) != 0)
        return medic_fail(why, MEDIC_E_CORRUPT,
                          "the reply does not begin as a .NET diagnostics message: "
                          "something else listens on this socket");
    header->size = (uint16_t)(bytes[14] | bytes[15] << 8);
    header->command = (uint16_t)(bytes[16] << 8 | bytes[17]);
    if (header->size < IPC_HEADER_SIZE)
        return medic_fail(why, MEDIC_E_CORRUPT,
                          "the reply claims %u bytes, less than its own header: "
                          "something else listens on this socket",
                          header->size);
    return MEDIC_OK;
}

int ipc_parse_process_info(unsigned command, const uint8_t *payload, size_t size, struct ipc_process_info *info,
                           medic_reason *why)
{
    struct cursor c = {payload, size, MEDIC_OK};
    memset(info, 0, sizeof *info);
    uint64_t version = command == IPC_PROCESS_INFO_3 ? take_uint(&c, 4) : 0;
    info->pid = take_uint(&c, 8);
    const uint8_t *cookie = take(&c, sizeof info->cookie);
    if (cookie)
        memcpy(info->cookie, cookie, sizeof info->cookie);
    info->command_line = take_string(&c);
    info->os = take_string(&c);
    info->arch = take_string(&c);
    if (command != IPC_PROCESS_INFO) {
        info->entry_assembly = take_string(&c);
        info->clr_version = take_string(&c);
    }
    if (version >= 1)
        info->rid = take_string(&c);
    int code = cursor_result(&c, "ProcessInfo", why);
    if (code != MEDIC_OK)
        ipc_process_info_free(info);
    return code;
}

void ipc_process_info_free(struct ipc_process_info *info)
{
    free(info->command_line);
    free(info->os);
    free(info->arch);
    free(info->entry_assembly);
    free(info->clr_version);
    free(info->rid);
    memset(info, 0, sizeof *info);
}

int ipc_parse_hresult(const uint8_t *payload, size_t size, int32_t *hresult, medic_reason *why)
{
    struct cursor c = {payload, size, MEDIC_OK};
    *hresult = (int32_t)(uint32_t)take_uint(&c, 4);
    return cursor_result(&c, "the command", why);
}

int ipc_parse_environment(const uint8_t *bytes, size_t size, struct ipc_environment *env, medic_reason *why)
{
    struct cursor c = {bytes, size, MEDIC_OK};
    struct ipc_environment all = {0};
    uint64_t count = take_uint(&c, 4);
    if (count > c.left / 4) /* every string has a count of its own */
        c.code = MEDIC_E_CORRUPT;
    if (c.code == MEDIC_OK && !(all.entries = calloc((size_t)count + 1, sizeof *all.entries)))
        c.code = MEDIC_E_MEMORY;
    while (c.code == MEDIC_OK && count-- > 0) {
        char *entry = take_string(&c);
        if (entry)
            all.entries[all.count++] = entry;
    }
    int code = cursor_result(&c, "ProcessEnvironment", why);
    if (code != MEDIC_OK)
        ipc_environment_free(&all);
    *env = all;
    return code;
}

void ipc_environment_free(struct ipc_environment *env)
{
    for (size_t i = 0; i < env->count; i++)
        free(env->entries[i]);
    free(env->entries);
    memset(env, 0, sizeof *env);
}

/* ---- writing ---- */

static uint8_t *put_uint(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

int ipc_build_message(unsigned command, const uint8_t *payload, size_t size, uint8_t **message, size_t *length,
                      medic_reason *why)
{
    *message = NULL;
    *length = 0;
    if (size > IPC_MESSAGE_MAX - IPC_HEADER_SIZE)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "a request of %zu bytes does not fit the protocol's %d: give shorter parameters",
                          size + IPC_HEADER_SIZE, IPC_MESSAGE_MAX);
    uint8_t *bytes = malloc(IPC_HEADER_SIZE + size);
    if (!bytes)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while building a request: free some and try again");
    memcpy(bytes, magic, sizeof magic);
    uint8_t *out = put_uint(bytes + sizeof magic, IPC_HEADER_SIZE + size, 2);
    *out++ = (uint8_t)(command >> 8);
    *out++ = (uint8_t)command;
    out = put_uint(out, 0, 2);
    if (size)
        memcpy(out, payload, size);
    *message = bytes;
    *length = IPC_HEADER_SIZE + size;
    return MEDIC_OK;
}

/* Decodes one character; 0 for NUL and for anything that is not UTF-8. */
static uint32_t take_utf8(const uint8_t **at)
{
    const uint8_t *p = *at;
    int tail = *p < 0x80 ? 0 : (*p & 0xE0) == 0xC0 ? 1 : (*p & 0xF0) == 0xE0 ? 2 : (*p & 0xF8) == 0xF0 ? 3 : -1;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (tail < 0)
        return 0;
    uint32_t code = tail == 0 ? *p : *p & (0x3Fu >> tail);
    for (int i = 1; i <= tail; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    if (code < least[tail] || code > 0x10FFFF || (code & 0xFFFFF800) == 0xD800)
        return 0;
    *at = p + tail + 1;
    return code;
}

/* Writes the string with its count and NUL: at most 4 + 2 * (strlen + 1) bytes. NULL: not UTF-8. */
static uint8_t *put_string(uint8_t *out, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    uint8_t *count_at = out;
    out += 4;
    while (*at) {
        uint32_t code = take_utf8(&at);
        if (!code)
            return NULL;
        if (code >= 0x10000) {
            out = put_uint(out, 0xD800 + ((code - 0x10000) >> 10), 2);
            code = 0xDC00 + (code & 0x3FF);
        }
        out = put_uint(out, code, 2);
    }
    out = put_uint(out, 0, 2);
    put_uint(count_at, (uint64_t)(out - count_at - 4) / 2, 4);
    return out;
}

int ipc_build_attach(const struct ipc_attach *attach, uint8_t **message, size_t *length, medic_reason *why)
{
    size_t path_length = strlen(attach->path);
    *message = NULL;
    *length = 0;
    uint8_t *payload = malloc(4 + 16 + 4 + 2 * (path_length + 1) + 4 + attach->size);
    if (!payload)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while building a request: free some and try again");
    uint8_t *out = put_uint(payload, attach->timeout_ms, 4);
    memcpy(out, attach->guid, 16);
    out = put_string(out + 16, attach->path);
    int code;
    if (!out) {
        code = medic_fail(why, MEDIC_E_ARGUMENT, "the path of the profiler is not valid UTF-8: move it to a plain one");
    } else {
        out = put_uint(out, attach->size, 4);
        if (attach->size)
            memcpy(out, attach->data, attach->size);
        code = ipc_build_message(IPC_ATTACH_PROFILER, payload, (size_t)(out - payload) + attach->size, message, length,
                                 why);
    }
    free(payload);
    return code;
}
