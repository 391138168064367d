/* What the HTML renderer writes with, on the page of text_page.h: strangers' texts escaped, numbers, tables, anchors.
 * Internal to render_html.c and the html_*.c files. The page has no script and fetches nothing. */
#ifndef TOOL_HTML_PAGE_H
#define TOOL_HTML_PAGE_H

#include "tool/text_page.h"

#define HTML_STRING_MOST 600 /* characters of a string that are shown */

extern const char HTML_STYLE[];

/* A stranger's text as content or within a quoted attribute. */
void html_text(struct page *page, const char *stranger);
/* The same as content only: a name of a type or a method may be broken behind its dots. */
void html_name(struct page *page, const char *stranger);
/* "1.24 ms", the unit dimmed; a string as a name. */
void html_value(struct page *page, const medic_cell *cell, uint32_t unit);
/* "1.24 ms" of a plain number, for sentences and tooltips. */
void html_short(struct page *page, double value, uint32_t unit);
/* A bar for 0..1; anything else is cut. */
void html_bar(struct page *page, double share);
/* The id of a section, and of a row in it. */
void html_section_id(struct page *page, const struct medic_section *section);
void html_row_id(struct page *page, const struct medic_section *section, uint32_t row);
/* Whether a finding rests on a row; and the attributes that say so, to which it links. */
bool html_is_cited(const struct medic_section *section, uint32_t row);
void html_cited(struct page *page, const struct medic_section *section, uint32_t row);
/* "20 of 4,511 rows" */
void html_shown(struct page *page, uint64_t shown, uint64_t total, uint32_t kind);
/* A table that scrolls by itself. cited: whether its rows are those of the section. */
void html_table(struct page *page, const struct table *table, const struct medic_section *section, bool cited);
/* Drawings: shapes in thousandths of a box, which the style stretches with the page. All text stands in HTML beside it and
 * keeps its size. */
#define HTML_SVG_WIDTH 10000
#define HTML_SVG_HEIGHT 1000
#define HTML_SVG_LEAST 20 /* of the width: what is smaller is drawn, too */
/* Begins one up to its label: a text and "\">" have to follow. */
void html_svg(struct page *page, const char *class_name);
/* A place on an axis of so many units. */
long html_place(double value, double begin, double range, long units);
/* Labels below a drawing over time. */
void html_axis(struct page *page, double begin_ns, double end_ns);

/* --- one function a kind of section --- */
void html_section_table(struct page *page, const struct medic_section *section);
void html_section_tree(struct page *page, const struct medic_section *section);
void html_section_stacks(struct page *page, const struct medic_section *section);
void html_section_graph(struct page *page, const struct medic_section *section);
void html_section_spans(struct page *page, const struct medic_section *section);
void html_section_timeline(struct page *page, const struct medic_section *section);
void html_section_histogram(struct page *page, const struct medic_section *section);
void html_section_text(struct page *page, const struct medic_section *section);

#endif
