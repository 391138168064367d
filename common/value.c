/* Written by hand instead of over strtod and friends: the target's locale must not decide what "1.5" means. */
#include "common/value.h"

#include <string.h>

#include "common/text.h"

__extension__ typedef unsigned __int128 wide;

enum scan { SCAN_OK, SCAN_BAD, SCAN_RANGE };

#define FRACTION_DIGITS 18 /* finer ones are dropped */

/* whole + fraction / scale */
struct decimal {
    uint64_t whole, fraction, scale;
    int has_fraction;
};

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int same_word(const char *a, const char *b)
{
    for (; *a && to_lower(*a) == to_lower(*b); a++)
        b++;
    return to_lower(*a) == to_lower(*b);
}

static enum scan scan_whole(const char **cursor, uint64_t *number)
{
    enum scan result = SCAN_OK;
    const char *at = *cursor;
    if (!is_digit(*at))
        return SCAN_BAD;
    for (*number = 0; is_digit(*at); at++) {
        if (__builtin_mul_overflow(*number, UINT64_C(10), number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            result = SCAN_RANGE;
    }
    *cursor = at;
    return result;
}

static enum scan scan_decimal(const char **cursor, struct decimal *number)
{
    *number = (struct decimal){0, 0, 1, 0};
    enum scan result = scan_whole(cursor, &number->whole);
    if (result == SCAN_BAD || **cursor != '.')
        return result;
    const char *at = *cursor + 1;
    if (!is_digit(*at))
        return SCAN_BAD;
    for (int i = 0; is_digit(*at); at++, i++) {
        if (i >= FRACTION_DIGITS)
            continue;
        number->fraction = number->fraction * 10 + (uint64_t)(*at - '0');
        number->scale *= 10;
    }
    number->has_fraction = 1;
    *cursor = at;
    return result;
}

static enum scan multiply(const struct decimal *number, uint64_t unit, uint64_t *out)
{
    wide product = (wide)number->whole * unit + (wide)number->fraction * unit / number->scale;
    if (product > UINT64_MAX)
        return SCAN_RANGE;
    *out = (uint64_t)product;
    return SCAN_OK;
}

/* The worse of two: a text that is wrong and too large is wrong. */
static enum scan worse(enum scan a, enum scan b)
{
    return a == SCAN_BAD || b == SCAN_BAD ? SCAN_BAD : a > b ? a : b;
}

/* hh:mm:ss or mm:ss, first the leading part that was read already. Two digits below 60 behind each colon. */
static enum scan scan_clock(const char *at, uint64_t leading, uint64_t *nanoseconds)
{
    wide seconds = leading;
    int parts = 1;
    for (; *at == ':'; at += 3, parts++) {
        if (!(at[1] >= '0' && at[1] <= '5') || !is_digit(at[2]))
            return SCAN_BAD;
        seconds = seconds * 60 + (unsigned)(at[1] - '0') * 10u + (unsigned)(at[2] - '0');
        if (parts == 3)
            return SCAN_BAD;
    }
    if (*at != '\0')
        return SCAN_BAD;
    if (seconds > UINT64_MAX / UINT64_C(1000000000))
        return SCAN_RANGE;
    *nanoseconds = (uint64_t)seconds * UINT64_C(1000000000);
    return SCAN_OK;
}

static enum scan scan_duration(const char *text, uint64_t *nanoseconds)
{
    static const struct {
        const char *suffix;
        uint64_t nanoseconds;
    } units[] = {
        {"", UINT64_C(1000000000)},
        {"ns", 1},
        {"us", 1000},
        {"ms", 1000000},
        {"s", UINT64_C(1000000000)},
        {"m", UINT64_C(60000000000)},
        {"h", UINT64_C(3600000000000)},
        {"d", UINT64_C(86400000000000)},
    };
    struct decimal number;
    enum scan result = scan_decimal(&text, &number);
    if (result == SCAN_BAD)
        return result;
    if (*text == ':')
        return number.has_fraction ? SCAN_BAD : worse(result, scan_clock(text, number.whole, nanoseconds));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text, units[i].suffix) == 0)
            return worse(result, multiply(&number, units[i].nanoseconds, nanoseconds));
    return SCAN_BAD;
}

static enum scan scan_size(const char *text, uint64_t *bytes)
{
    struct decimal number;
    enum scan result = scan_decimal(&text, &number);
    if (result == SCAN_BAD)
        return result;
    static const char letters[] = "kmgt";
    const char *letter = *text ? strchr(letters, to_lower(*text)) : NULL;
    if (!letter) {
        if (number.has_fraction || !(*text == '\0' || same_word(text, "b")))
            return SCAN_BAD;
        return worse(result, multiply(&number, 1, bytes));
    }
    text++;
    if (!(*text == '\0' || same_word(text, "b") || same_word(text, "ib")))
        return SCAN_BAD;
    return worse(result, multiply(&number, UINT64_C(1024) << 10 * (letter - letters), bytes));
}

static enum scan scan_bool(const char *text, int *boolean)
{
    static const char *const words[2][4] = {{"false", "no", "off", "0"}, {"true", "yes", "on", "1"}};
    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 4; i++)
            if (same_word(text, words[truth][i])) {
                *boolean = truth;
                return SCAN_OK;
            }
    return SCAN_BAD;
}

static enum scan scan_integer(const char *text, int64_t *integer)
{
    int negative = *text == '-';
    uint64_t magnitude;
    text += negative;
    enum scan result = scan_whole(&text, &magnitude);
    if (result == SCAN_BAD || *text != '\0')
        return SCAN_BAD;
    if (result == SCAN_RANGE || magnitude > (uint64_t)INT64_MAX + (unsigned)negative)
        return SCAN_RANGE;
    *integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return SCAN_OK;
}

/* mantissa * 10^exponent; long double holds every intermediate result of 64-bit mantissas and the exponents allowed. */
static double scale_by_ten(uint64_t mantissa, int exponent)
{
    static const long double powers[] = {1e1L, 1e2L, 1e4L, 1e8L, 1e16L, 1e32L, 1e64L, 1e128L, 1e256L};
    unsigned left = (unsigned)(exponent < 0 ? -exponent : exponent);
    long double number = (long double)mantissa;
    if (left > 511)
        left = 511;
    for (int i = 0; left; i++, left >>= 1)
        if (left & 1)
            number = exponent < 0 ? number / powers[i] : number * powers[i];
    return (double)number;
}

/* Digits with at most one point between them; how many tens the mantissa is off goes into *exponent. */
static enum scan scan_mantissa(const char **cursor, uint64_t *mantissa, int *exponent)
{
    const char *at = *cursor;
    int in_digits = 0, point = 0;
    for (*mantissa = 0, *exponent = 0; is_digit(*at) || (*at == '.' && in_digits && !point); at++) {
        in_digits = *at != '.';
        point |= *at == '.';
        if (*at == '.')
            continue;
        if (*mantissa <= (UINT64_MAX - 9) / 10) {
            *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
            *exponent -= point;
        } else {
            *exponent += !point;
        }
    }
    *cursor = at;
    return in_digits ? SCAN_OK : SCAN_BAD;
}

static enum scan scan_exponent(const char **cursor, int *exponent)
{
    if (to_lower(**cursor) != 'e')
        return SCAN_OK;
    const char *at = *cursor + 1;
    int negative = *at == '-', number = 0;
    if (*at == '-' || *at == '+')
        at++;
    if (!is_digit(*at))
        return SCAN_BAD;
    for (; is_digit(*at); at++)
        if (number < 10000)
            number = number * 10 + (*at - '0');
    *exponent += negative ? -number : number;
    *cursor = at;
    return SCAN_OK;
}

static enum scan scan_float(const char *text, double *out)
{
    uint64_t mantissa;
    int exponent, negative = *text == '-';
    text += negative;
    if (scan_mantissa(&text, &mantissa, &exponent) || scan_exponent(&text, &exponent) || *text != '\0')
        return SCAN_BAD;
    double number = scale_by_ten(mantissa, exponent);
    if (!__builtin_isfinite(number))
        return SCAN_RANGE;
    *out = negative ? -number : number;
    return SCAN_OK;
}

/* The next of "a|b|c", NULL at the end. */
static const char *next_choice(const char **cursor, size_t *size)
{
    const char *choice = *cursor;
    if (!choice)
        return NULL;
    *size = strcspn(choice, "|");
    *cursor = choice[*size] == '|' ? choice + *size + 1 : NULL;
    return choice;
}

static enum scan scan_enum(const char *text, const char *choices)
{
    size_t size = 0, length = strlen(text);
    for (const char *choice; (choice = next_choice(&choices, &size));)
        if (size == length && length > 0 && memcmp(choice, text, length) == 0)
            return SCAN_OK;
    return SCAN_BAD;
}

static enum scan scan_value(const medic_param *param, const char *text, struct value *value)
{
    switch (param->type) {
    case MEDIC_PARAM_BOOL: return scan_bool(text, &value->as.boolean);
    case MEDIC_PARAM_INT: return scan_integer(text, &value->as.integer);
    case MEDIC_PARAM_FLOAT: return scan_float(text, &value->as.number);
    case MEDIC_PARAM_ENUM: return scan_enum(text, param->choices);
    case MEDIC_PARAM_STRING: return text_is_clean(text, VALUE_TEXT_MAX) ? SCAN_OK : SCAN_BAD;
    case MEDIC_PARAM_DURATION: return scan_duration(text, &value->as.quantity);
    case MEDIC_PARAM_SIZE: return scan_size(text, &value->as.quantity);
    default: return SCAN_BAD;
    }
}

/* "a|b|c" as "a, b, c", cut when it does not fit. */
static const char *list_choices(const char *choices, char *out, size_t size)
{
    size_t used = 0, length = 0;
    out[0] = '\0';
    for (const char *choice; used < size && (choice = next_choice(&choices, &length));) {
        int put = snprintf(out + used, size - used, "%s%.*s", used ? ", " : "", (int)length, choice);
        used += put > 0 ? (size_t)put : size;
    }
    return out;
}

static const char *describe_type(const medic_param *param, char *room, size_t size)
{
    switch (param->type) {
    case MEDIC_PARAM_BOOL: return "is not true or false (or yes, no, on, off, 1, 0)";
    case MEDIC_PARAM_INT: return "is not a whole number";
    case MEDIC_PARAM_FLOAT: return "is not a number such as 0.5 or 1e6";
    case MEDIC_PARAM_STRING: return "is not valid UTF-8 without control characters";
    case MEDIC_PARAM_DURATION: return "is not a duration such as 250ms, 30s, 1.5m or 00:01:30";
    case MEDIC_PARAM_SIZE: return "is not a size such as 512, 64k, 16M or 1.5G";
    default:
        memcpy(room, "is not one of: ", sizeof "is not one of: ");
        list_choices(param->choices, room + strlen(room), size - strlen(room));
        return room;
    }
}

static int fail_scan(const medic_param *param, const char *role, const char *text, enum scan result, medic_reason *why)
{
    char quoted[TEXT_QUOTE_SIZE], room[256];
    return medic_fail(why, MEDIC_E_ARGUMENT, "parameter '%s': %s%s %s", param->key, role, text_quote(text, quoted),
                      result == SCAN_RANGE ? "is too large to be represented"
                                           : describe_type(param, room, sizeof room));
}

/* Below 0, 0, above 0. */
static int compare(uint32_t type, const struct value *a, const struct value *b)
{
    if (type == MEDIC_PARAM_INT)
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    if (type == MEDIC_PARAM_FLOAT)
        return (a->as.number > b->as.number) - (a->as.number < b->as.number);
    return (a->as.quantity > b->as.quantity) - (a->as.quantity < b->as.quantity);
}

/* sign: what the comparison must not be: -1 for a minimum, 1 for a maximum. */
static int check_bound(const medic_param *param, const char *bound, int sign, const struct value *value,
                       medic_reason *why)
{
    struct value limit;
    if (!bound)
        return MEDIC_OK;
    enum scan result = scan_value(param, bound, &limit);
    if (result)
        return fail_scan(param, sign < 0 ? "its minimum " : "its maximum ", bound, result, why);
    if (compare(param->type, value, &limit) != sign)
        return MEDIC_OK;
    int counts = param->type == MEDIC_PARAM_INT || param->type == MEDIC_PARAM_FLOAT;
    const char *unit = counts && param->unit ? param->unit : "";
    return medic_fail(why, MEDIC_E_ARGUMENT, "parameter '%s': %.80s is %s of %.80s%s%.20s", param->key, value->text,
                      sign < 0 ? "below the minimum" : "above the maximum", bound, *unit ? " " : "", unit);
}

static int has_bounds(uint32_t type)
{
    return type == MEDIC_PARAM_INT || type == MEDIC_PARAM_FLOAT || type == MEDIC_PARAM_DURATION ||
           type == MEDIC_PARAM_SIZE;
}

int value_parse(const medic_param *param, const char *text, struct value *value, medic_reason *why)
{
    struct value parsed = {.type = param->type};
    size_t length = strnlen(text, VALUE_TEXT_MAX);
    if (param->type < MEDIC_PARAM_BOOL || param->type > MEDIC_PARAM_SIZE)
        return medic_fail(why, MEDIC_E_ARGUMENT, "parameter '%s' has the unknown type %u", param->key, param->type);
    if (length == VALUE_TEXT_MAX)
        return medic_fail(why, MEDIC_E_ARGUMENT, "parameter '%s': the value is longer than %d bytes", param->key,
                          VALUE_TEXT_MAX - 1);
    enum scan result = scan_value(param, text, &parsed);
    if (result)
        return fail_scan(param, "", text, result, why);
    memcpy(parsed.text, text, length + 1);
    if (has_bounds(param->type)) {
        int code = check_bound(param, param->minimum, -1, &parsed, why);
        if (!code)
            code = check_bound(param, param->maximum, 1, &parsed, why);
        if (code)
            return code;
    }
    *value = parsed;
    return MEDIC_OK;
}

static int finish(enum scan result, uint32_t type, const char *text, medic_reason *why)
{
    char quoted[TEXT_QUOTE_SIZE];
    const medic_param param = {.type = type};
    if (result == SCAN_OK)
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_ARGUMENT, "%s %s", text_quote(text, quoted),
                      result == SCAN_RANGE ? "is too large to be represented" : describe_type(&param, NULL, 0));
}

int duration_parse(const char *text, uint64_t *nanoseconds, medic_reason *why)
{
    uint64_t parsed = 0;
    enum scan result = scan_duration(text, &parsed);
    if (result == SCAN_OK)
        *nanoseconds = parsed;
    return finish(result, MEDIC_PARAM_DURATION, text, why);
}

int size_parse(const char *text, uint64_t *bytes, medic_reason *why)
{
    uint64_t parsed = 0;
    enum scan result = scan_size(text, &parsed);
    if (result == SCAN_OK)
        *bytes = parsed;
    return finish(result, MEDIC_PARAM_SIZE, text, why);
}

const medic_param *param_at(const medic_plugin *plugin, uint32_t index)
{
    if (!plugin->params || index >= plugin->param_count)
        return NULL;
    return (const medic_param *)((const char *)plugin->params + (size_t)index * plugin->param_size);
}

const medic_param *param_find(const medic_plugin *plugin, const char *key)
{
    const medic_param *param;
    for (uint32_t i = 0; (param = param_at(plugin, i)); i++)
        if (strcmp(param->key, key) == 0)
            return param;
    return NULL;
}
