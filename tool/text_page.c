#include "tool/text_page.h"

#include "tool/utf8.h"

#include <math.h>
#include <string.h>

static const char *const STYLES[] = {
    [STYLE_PLAIN] = "\033[0m",     [STYLE_BOLD] = "\033[1m",       [STYLE_DIM] = "\033[2m",
    [STYLE_TITLE] = "\033[1m",     [STYLE_BAR] = "\033[36m",       [STYLE_HEALTHY] = "\033[1;32m",
    [STYLE_NOTICE] = "\033[1;36m", [STYLE_WARNING] = "\033[1;33m", [STYLE_CRITICAL] = "\033[1;31m",
};

const char *page_pick(const struct page *page, const char *utf8, const char *ascii)
{
    return page->ascii ? ascii : utf8;
}

void page_style(struct page *page, enum style style)
{
    page->style = style;
    if (page->color)
        buffer_add_string(&page->out, STYLES[style]);
}

void page_add(struct page *page, const char *own_text)
{
    buffer_add_string(&page->out, own_text);
}

void page_pad(struct page *page, size_t cells)
{
    buffer_repeat(&page->out, " ", cells);
}

void page_end(struct page *page)
{
    const char *plain = STYLES[STYLE_PLAIN];
    size_t size = page->out.size, end = strlen(plain);
    bool styled = size >= end && memcmp(page->out.bytes + size - end, plain, end) == 0;
    size -= styled ? end : 0;
    while (size > 0 && page->out.bytes[size - 1] == ' ')
        size--;
    buffer_cut(&page->out, size);
    page_add(page, styled ? plain : "");
    page_add(page, "\n");
}

/* --- strangers' texts --- */

/* Direction overrides and isolates let a text pretend to be another one. */
static bool deceives(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c;
}

static uint32_t harmless(uint32_t c)
{
    if (c == '\n' || c == '\r' || c == '\t' || c == 0x2028 || c == 0x2029)
        return ' ';
    if (c < 0x20)
        return 0x2400 + c; /* the picture of the control character */
    if (c == 0x7f)
        return 0x2421;
    if ((c > 0x7f && c < 0xa0) || deceives(c) || (c >= 0xe0000 && c <= 0xe007f))
        return UTF8_REPLACEMENT;
    return c;
}

/* One character for a page that is ASCII only. */
static const char *plain_spelling(uint32_t c, char out[2])
{
    if (c == 0x2026)
        return "...";
    if (c == 0xa0)
        return "\u00a0"; /* page_wrap makes it a blank */
    out[0] = c < 0x80 ? (char)c : c == 0x2018 || c == 0x2019 ? '\'' : c == 0x2013 || c == 0x2014 ? '-' : '?';
    out[1] = '\0';
    return out;
}

void page_clean(const struct page *page, struct buffer *out, const char *text)
{
    char bytes[4], plain[2];
    size_t size = strlen(text), length;
    for (size_t at = 0; at < size; at += length) {
        uint32_t c = harmless(utf8_decode(text + at, size - at, &length));
        if (page->ascii)
            buffer_add_string(out, plain_spelling(c, plain));
        else
            buffer_add(out, bytes, utf8_write(c, bytes));
    }
}

/* The bytes of a clean text's beginning that fit into *cells; *cells becomes what they take. */
static size_t head_bytes(const char *text, size_t size, size_t *cells)
{
    size_t at = 0, used = 0, length;
    while (at < size) {
        size_t wide = utf8_cells(utf8_decode(text + at, size - at, &length));
        if (used + wide > *cells)
            break;
        used += wide;
        at += length;
    }
    *cells = used;
    return at;
}

size_t text_cells(const char *text)
{
    size_t cells = SIZE_MAX / 2;
    head_bytes(text, strlen(text), &cells);
    return cells;
}

size_t page_cells(const struct page *page, const char *stranger)
{
    struct buffer clean = {0};
    page_clean(page, &clean, stranger);
    size_t cells = text_cells(buffer_get(&clean));
    buffer_free(&clean);
    return cells;
}

#define WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* The offset from which a clean text fits into *cells; combining marks stay with their letter. */
static size_t tail_bytes(const char *text, size_t size, size_t *cells)
{
    size_t all = SIZE_MAX / 2, at = 0, length;
    head_bytes(text, size, &all);
    size_t left = all;
    while (at < size) {
        size_t wide = utf8_cells(utf8_decode(text + at, size - at, &length));
        if (left <= *cells && wide)
            break;
        left -= wide;
        at += length;
    }
    *cells = left;
    return at;
}

/* Whether a text is the name of one method or type, "Shop.Orders.Total": its end tells most. */
static bool is_dotted(const char *clean)
{
    size_t first = strspn(clean, WORD), second = clean[first] == '.' ? strspn(clean + first + 1, WORD) : 0;
    return first && second && clean[first + 1 + second] == '.' && !strstr(clean, " > ");
}

/* How many bytes what stands here has in a quoted text, an escape as a whole: "\\u0007", "\\n". */
static size_t quoted_bytes(const char *text, size_t size)
{
    size_t length;
    if (*text != '\\' || size < 2) {
        utf8_decode(text, size, &length);
        return length;
    }
    length = text[1] == 'u' ? 6 : text[1] == 'U' ? 10 : 2;
    return length < size ? length : size;
}

/* Moves both ends of what is left out of a quoted text to where no escape is cut. They are ASCII: as many cells as bytes. */
static void spare_escapes(const char *clean, size_t size, size_t *head_size, size_t *tail_at)
{
    if (*clean != '"')
        return;
    for (size_t at = 0, next; at < size; at = next) {
        next = at + quoted_bytes(clean + at, size - at);
        if (at < *head_size && next > *head_size)
            *head_size = at;
        if (at < *tail_at && next > *tail_at)
            *tail_at = next;
    }
}

/* Names lose their beginning, other texts their middle. */
static size_t put_cut(struct page *page, const char *clean, size_t size, size_t width)
{
    const char *ellipsis = page_pick(page, "\u2026", "~");
    size_t head = width == 0 || is_dotted(clean) ? 0 : width / 2, tail = width > 0 ? width - 1 - head : 0;
    size_t head_size = head_bytes(clean, size, &head), tail_at = tail_bytes(clean, size, &tail);
    size_t whole_head = head_size, whole_tail = tail_at;
    spare_escapes(clean, size, &head_size, &tail_at);
    head -= whole_head - head_size;
    tail -= tail_at - whole_tail;
    buffer_add(&page->out, clean, head_size);
    if (width)
        page_add(page, ellipsis);
    buffer_add(&page->out, clean + tail_at, size - tail_at);
    return width ? head + 1 + tail : 0;
}

size_t page_put(struct page *page, const char *stranger, size_t width)
{
    struct buffer clean = {0};
    page_clean(page, &clean, stranger);
    size_t cells = text_cells(buffer_get(&clean));
    if (cells <= width)
        buffer_add(&page->out, buffer_get(&clean), clean.size);
    else
        cells = put_cut(page, buffer_get(&clean), clean.size, width);
    buffer_free(&clean);
    return cells;
}

/* --- wrapping --- */

/* No-break spaces have done their work when the line is wrapped. */
static void spaces_from(struct buffer *out, size_t begin)
{
    size_t to = begin;
    for (size_t at = begin; at < out->size; at++) {
        bool no_break = out->bytes[at] == '\xc2' && out->bytes[at + 1] == '\xa0';
        out->bytes[to++] = no_break ? ' ' : out->bytes[at];
        at += no_break;
    }
    buffer_cut(out, to);
}

struct wrap {
    struct page *page;
    size_t begin; /* of the line, in the page's bytes */
    size_t used, indent;
    bool fresh; /* the line has no word yet */
};

static void end_wrapped(struct wrap *wrap)
{
    if (wrap->page->out.size > wrap->begin)
        spaces_from(&wrap->page->out, wrap->begin);
    if (wrap->page->style != STYLE_PLAIN)
        page_style(wrap->page, STYLE_PLAIN);
    page_end(wrap->page);
    wrap->begin = wrap->page->out.size;
}

static void wrap_line(struct wrap *wrap)
{
    enum style style = wrap->page->style;
    end_wrapped(wrap);
    page_pad(wrap->page, wrap->indent);
    if (style != STYLE_PLAIN)
        page_style(wrap->page, style);
    wrap->used = wrap->indent;
    wrap->fresh = true;
}

static void wrap_word(struct wrap *wrap, const char *word, size_t size)
{
    size_t width = wrap->page->width, cells = SIZE_MAX / 2;
    head_bytes(word, size, &cells);
    if (!wrap->fresh && wrap->used + 1 + cells > width)
        wrap_line(wrap);
    if (!wrap->fresh) {
        page_add(wrap->page, " ");
        wrap->used++;
    }
    while (size) { /* a word longer than a line is broken where the line ends */
        size_t room = width > wrap->used ? width - wrap->used : 0;
        size_t fits = head_bytes(word, size, &room);
        if (!fits && wrap->used > wrap->indent) {
            wrap_line(wrap);
            continue;
        }
        fits = fits ? fits : size;
        buffer_add(&wrap->page->out, word, fits);
        wrap->used += room;
        word += fits;
        size -= fits;
        if (size)
            wrap_line(wrap);
    }
    wrap->fresh = false;
}

void page_wrap(struct page *page, const char *stranger, size_t used, size_t indent)
{
    struct buffer clean = {0};
    page_clean(page, &clean, stranger);
    struct wrap wrap = {page, page->out.size, used, indent, true};
    for (const char *at = buffer_get(&clean); *at;) {
        size_t blanks = strspn(at, " "), size = strcspn(at + blanks, " ");
        if (size)
            wrap_word(&wrap, at + blanks, size);
        at += blanks + size;
    }
    buffer_free(&clean);
    end_wrapped(&wrap);
}

/* --- drawing --- */

size_t page_bar(struct page *page, double share, size_t width)
{
    static const char *const EIGHTHS[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
    if (!(share > 0) || !width)
        return 0;
    if (share > 1)
        share = 1;
    size_t eighths = (size_t)llround(share * (double)width * 8);
    if (page->ascii)
        eighths = (eighths + 4) / 8 * 8;
    if (!eighths)
        eighths = page->ascii ? 0 : 1;
    page_style(page, STYLE_BAR);
    buffer_repeat(&page->out, page_pick(page, "\u2588", "#"), eighths / 8);
    page_add(page, EIGHTHS[eighths % 8]);
    page_style(page, STYLE_PLAIN);
    return (eighths + 7) / 8;
}

void page_footer(struct page *page, uint64_t shown, uint64_t total, const char *what)
{
    struct formatted few, all;
    if (shown >= total)
        return;
    format_value((double)shown, MEDIC_UNIT_COUNT, page->ascii, &few);
    format_value((double)total, MEDIC_UNIT_COUNT, page->ascii, &all);
    page_pad(page, PAGE_INDENT);
    page_style(page, STYLE_DIM);
    buffer_format(&page->out, "%s of %s %s", few.number, all.number, what);
    page_style(page, STYLE_PLAIN);
    page_end(page);
}

void page_axis(struct page *page, size_t indent, size_t width, uint64_t begin_ns, uint64_t end_ns)
{
    unsigned ticks = width >= 60 ? 4 : 2;
    size_t at = 0;
    page_pad(page, indent);
    page_style(page, STYLE_DIM);
    for (unsigned i = 0; i <= ticks; i++) {
        char label[64];
        double length = (double)(end_ns - begin_ns);
        double ns = (double)begin_ns + length * i / ticks, unit = length >= 2e9 ? 1e7 : 1;
        format_short(round(ns / unit) * unit, MEDIC_UNIT_NANOSECONDS, page->ascii, label, sizeof label);
        size_t cells = text_cells(label), point = width * i / ticks;
        size_t start = i == 0       ? 0
                       : i == ticks ? width - (cells < width ? cells : width)
                                    : point - (cells / 2 < point ? cells / 2 : point);
        if (start < at + (i ? 1 : 0))
            continue;
        page_pad(page, start - at);
        page_add(page, label);
        at = start + cells;
    }
    page_style(page, STYLE_PLAIN);
    page_end(page);
}

uint32_t page_rows(const struct page *page, const struct medic_section *section)
{
    return section->row_count < page->top ? section->row_count : page->top;
}

int label_column(const struct medic_section *section)
{
    int label = section_role(section, MEDIC_ROLE_LABEL), first = -1;
    if (label >= 0)
        return label;
    for (uint32_t i = 0; i < section->column_count; i++) {
        if (section->columns[i].type != MEDIC_STRING)
            continue;
        if (section->columns[i].flags & MEDIC_COLUMN_KEY)
            return (int)i;
        if (first < 0)
            first = (int)i;
    }
    return first;
}
