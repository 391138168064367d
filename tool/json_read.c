/* Reading: jansson parses (its integers are 64 bits wide, a report's counts and addresses come back exactly), and the values
 * move into the arena of whoever asked, in the order of the text. */
#include "tool/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *copy_string(struct arena *arena, const char *string, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);

    if (copy)
        memcpy(copy, string, size);
    return copy;
}

static struct json *copy_value(struct arena *arena, json_t *value, unsigned depth);

/* Adds a child behind the last one. */
static bool append(struct json *child, const char *key, struct json ***end)
{
    if (!child)
        return false;
    child->key = key;
    **end = child;
    *end = &child->next;
    return true;
}

static bool copy_children(struct arena *arena, json_t *value, struct json *copy, unsigned depth)
{
    struct json **end = &copy->first;
    const char *key;
    json_t *child;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            if (!append(copy_value(arena, child, depth), NULL, &end))
                return false;
        }
    } else {
        json_object_foreach(value, key, child)
        {
            const char *name = copy_string(arena, key, strlen(key));

            if (!name || !append(copy_value(arena, child, depth), name, &end))
                return false;
        }
    }
    return true;
}

/* NULL when there is no memory. */
static struct json *copy_value(struct arena *arena, json_t *value, unsigned depth)
{
    struct json *copy = arena_alloc(arena, sizeof *copy);

    if (!copy)
        return NULL;
    switch (json_typeof(value)) {
    case JSON_TRUE:
    case JSON_FALSE:
        copy->type = JSON_KIND_BOOLEAN;
        copy->as.boolean = json_is_true(value);
        return copy;
    case JSON_INTEGER:
        copy->type = JSON_KIND_INTEGER;
        copy->as.integer = json_integer_value(value);
        return copy;
    case JSON_REAL:
        copy->type = JSON_KIND_NUMBER;
        copy->as.number = json_real_value(value);
        return copy;
    case JSON_STRING:
        copy->type = JSON_KIND_STRING;
        copy->as.string = copy_string(arena, json_string_value(value), json_string_length(value));
        return copy->as.string ? copy : NULL;
    case JSON_ARRAY:
    case JSON_OBJECT:
        copy->type = json_is_array(value) ? JSON_KIND_ARRAY : JSON_KIND_OBJECT;
        return copy_children(arena, value, copy, depth + 1) ? copy : NULL;
    default: copy->type = JSON_KIND_NULL; return copy;
    }
}

/* jansson calls a text that it has no memory for invalid. */
static _Thread_local bool starved;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    starved |= !memory;
    return memory;
}

int json_parse(const char *text, size_t size, struct arena *arena, struct json **root, medic_reason *why)
{
    json_error_t error;
    starved = false;
    json_set_alloc_funcs(allocate, free);
    json_t *value = json_loadb(text, size, 0, &error);

    if (!value && !starved)
        return medic_fail(why, MEDIC_E_CORRUPT, "not valid JSON: %.200s in line %d", error.text, error.line);
    *root = value ? copy_value(arena, value, 0) : NULL;
    json_decref(value);
    return *root ? MEDIC_OK : medic_fail(why, MEDIC_E_MEMORY, "the JSON needs more memory than it may have");
}

/* --- looking --- */

const struct json *json_first(const struct json *value, enum json_type container_type)
{
    return value && value->type == container_type ? value->first : NULL;
}

const struct json *json_member(const struct json *object, const char *key)
{
    for (const struct json *member = json_first(object, JSON_KIND_OBJECT); member; member = member->next)
        if (strcmp(member->key, key) == 0)
            return member;
    return NULL;
}

const char *json_get_string(const struct json *value)
{
    return value && value->type == JSON_KIND_STRING ? value->as.string : NULL;
}

bool json_get_integer(const struct json *value, int64_t *integer)
{
    if (value && value->type == JSON_KIND_INTEGER) {
        *integer = value->as.integer;
        return true;
    }
    if (!value || value->type != JSON_KIND_NUMBER || !(fabs(value->as.number) < 9e15) ||
        value->as.number != floor(value->as.number))
        return false;
    *integer = (int64_t)value->as.number;
    return true;
}

uint64_t json_get_unsigned(const struct json *value)
{
    int64_t integer;
    return json_get_integer(value, &integer) && integer > 0 ? (uint64_t)integer : 0;
}

bool json_get_number(const struct json *value, double *out)
{
    if (!value || (value->type != JSON_KIND_INTEGER && value->type != JSON_KIND_NUMBER))
        return false;
    *out = value->type == JSON_KIND_INTEGER ? (double)value->as.integer : value->as.number;
    return true;
}

bool json_get_bool(const struct json *value)
{
    return value && value->type == JSON_KIND_BOOLEAN && value->as.boolean;
}
