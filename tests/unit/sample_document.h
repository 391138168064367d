/* A made-up report with a section of every kind, for the tests of documents and renderers. */
#ifndef TESTS_UNIT_SAMPLE_DOCUMENT_H
#define TESTS_UNIT_SAMPLE_DOCUMENT_H

#include "tool/document.h"

#include <math.h>

#define SAMPLE_COLUMNS(array) array, sizeof *(array), sizeof(array) / sizeof *(array)

static inline struct medic_section *sample_section(struct document *document, uint32_t kind, const char *id,
                                                   const char *title, const char *note, const medic_column *columns,
                                                   size_t size, size_t count)
{
    medic_section_info info = {sizeof info, kind, id, title, note, columns, (uint32_t)size, (uint32_t)count, 0, 0};
    return document_section(document, &info);
}

static inline void sample_table(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"reason", "reason", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
        {"count", "pauses", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF},
        {"total", "time stopped", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, MEDIC_COLUMN_DIFF},
        {"p99", "99th percentile", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
        {"longest", "longest", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
        {"induced", "induced", MEDIC_BOOLEAN, 0, 0, 0},
        {"share", "share of pauses", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, MEDIC_COLUMN_SHARE},
    };
    struct medic_section *section =
        sample_section(document, MEDIC_TABLE, "reasons", "Pauses by reason",
                       "Why the runtime stopped the program, and for how long.", SAMPLE_COLUMNS(COLUMNS));
    static const struct {
        const char *reason;
        int64_t count, total, p99, longest;
        int induced;
        double share;
    } ROWS[] = {
        {"gen2 collection, blocking, compacting", 41, 1240000000, 39800000, 41200000, 1, 0.913},
        {"gen0 collection", 4511, 98400000, 310000, 1930000, 0, 0.0725},
        {"gen1 collection", 203, 19100000, 620000, 702000, 0, 0.0141},
        {"change of the profiler's event mask", 2, 118000, 61000, 61000, 0, 0.0001},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        medic_cell cells[] = {medic_string(ROWS[i].reason),   medic_integer(ROWS[i].count),
                              medic_integer(ROWS[i].total),   medic_integer(ROWS[i].p99),
                              medic_integer(ROWS[i].longest), medic_boolean(ROWS[i].induced),
                              medic_number(ROWS[i].share)};
        section_row(section, MEDIC_NO_PARENT, cells, 7);
    }
    section_total_rows(section, 4511);
}

static inline void sample_types(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"type", "type", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
        {"objects", "objects", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF},
        {"bytes", "size", MEDIC_INTEGER, MEDIC_UNIT_BYTES, 0, MEDIC_COLUMN_DIFF},
        {"rate", "allocated", MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, 0, 0},
        {"share", "of the heap", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, MEDIC_COLUMN_SHARE},
    };
    struct medic_section *section =
        sample_section(document, MEDIC_TABLE, "types", "Survivors by type", NULL, SAMPLE_COLUMNS(COLUMNS));
    static const char *const TYPES[] = {
        "System.Collections.Generic.Dictionary<System.String, System.Collections.Generic.List<Shop.Orders.OrderLine>>",
        "System.String",
        "Shop.Orders.OrderLine[]",
        "\u6ce8\u6587\u66f8.\u30c7\u30fc\u30bf\u30d9\u30fc\u30b9\u63a5\u7d9a.\u63a5\u7d9a\u30d7\u30fc\u30eb",
        "Evil\033[31m\033]0;owned\007Type\nNext",
    };
    for (int i = 0; i < 5; i++) {
        medic_cell cells[] = {
            medic_string(TYPES[i]), medic_integer(1234567 >> (2 * i)), medic_integer(INT64_C(412345678) >> (3 * i)),
            i == 4 ? medic_none() : medic_number(41.2e6 / (i + 1)), medic_number(0.61 / (1 << (2 * i)))};
        section_row(section, MEDIC_NO_PARENT, cells, 5);
    }
}

static inline void sample_tree(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"object", "kept alive by", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
        {"count", "objects", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF},
        {"bytes", "retained", MEDIC_INTEGER, MEDIC_UNIT_BYTES, 0, MEDIC_COLUMN_DIFF},
        {"share", "share", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, MEDIC_COLUMN_SHARE},
        {"root", "root", MEDIC_STRING, 0, 0, 0},
    };
    struct medic_section *section =
        sample_section(document, MEDIC_TREE, "retention", "What keeps memory alive",
                       "Retained: what would be freed with the object.", SAMPLE_COLUMNS(COLUMNS));
    static const struct {
        uint32_t parent;
        const char *object, *root;
        int64_t count, bytes;
        double share;
    } ROWS[] = {
        {MEDIC_NO_PARENT, "Shop.SessionCache", "static Shop.Program.Cache", 1, 812000000, 0.81},
        {0, "ConcurrentDictionary<Guid, Session>", NULL, 1, 811900000, 0.81},
        {1, "Shop.Session", NULL, 51200, 811000000, 0.81},
        {2, "byte[]", NULL, 51200, 610000000, 0.61},
        {2, "Shop.Basket", NULL, 51200, 201000000, 0.20},
        {4, "List<Shop.Item>", NULL, 51200, 200000000, 0.20},
        {5, "Shop.Item", NULL, 1802000, 190000000, 0.19},
        {MEDIC_NO_PARENT, "Microsoft.Extensions.DependencyInjection.ServiceProvider", "strong handle", 1, 120000000,
         0.12},
        {7, "Shop.Catalogue", NULL, 1, 118000000, 0.118},
        {8, "string", NULL, 902000, 88000000, 0.088},
        {8, "Shop.Product", NULL, 12000, 30000000, 0.03},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        medic_cell cells[] = {medic_string(ROWS[i].object), medic_integer(ROWS[i].count), medic_integer(ROWS[i].bytes),
                              medic_number(ROWS[i].share), medic_string(ROWS[i].root)};
        section_row(section, ROWS[i].parent, cells, 5);
    }
}

static inline void sample_stacks(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"samples", "samples", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
        {"thread", "thread", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
    };
    struct medic_section *section =
        sample_section(document, MEDIC_STACKS, "hot", "Where the time goes", NULL, SAMPLE_COLUMNS(COLUMNS));
    uint32_t start =
        section_frame(section, "System.Threading.Thread.StartCallback()", "System.Private.CoreLib", NULL, 0);
    uint32_t main_frame = section_frame(section, "Shop.Program.Main(string[])", "Shop", "/src/shop/Program.cs", 12);
    uint32_t work = section_frame(section, "System.Threading.PortableThreadPool.WorkerThread.WorkerThreadStart()",
                                  "System.Private.CoreLib", NULL, 0);
    uint32_t price =
        section_frame(section, "Shop.Pricing.Engine.Price(Order)", "Shop", "/src/shop/Pricing/Engine.cs", 88);
    uint32_t regex = section_frame(section, "System.Text.RegularExpressions.Regex.Match(string)",
                                   "System.Text.RegularExpressions", NULL, 0);
    uint32_t json = section_frame(section, "System.Text.Json.JsonSerializer.Serialize<T>(T, JsonSerializerOptions)",
                                  "System.Text.Json", NULL, 0);
    uint32_t render = section_frame(section, "Shop.Web.Render(View)", "Shop", "/src/shop/Web.cs", 7);
    uint32_t deep[24];
    deep[0] = start;
    for (uint32_t i = 1; i < 24; i++) {
        char name[64];
        snprintf(name, sizeof name, "Shop.Rules.Visit%u(Node)", i);
        deep[i] = section_frame(section, name, "Shop", NULL, 0);
    }
    const uint32_t one[] = {start, work, price, regex}, two[] = {start, work, price},
                   three[] = {start, work, render, json}, four[] = {main_frame};
    medic_cell a[] = {medic_integer(4120), medic_string("pool")}, b[] = {medic_integer(960), medic_string("pool")},
               c[] = {medic_integer(811), medic_string("pool")}, d[] = {medic_integer(12), medic_string("main")},
               e[] = {medic_integer(88), medic_string("rules")};
    section_row_stack(section, one, 4, a, 2);
    section_row_stack(section, two, 3, b, 2);
    section_row_stack(section, three, 4, c, 2);
    section_row_stack(section, deep, 24, e, 2);
    section_row_stack(section, four, 1, d, 2);
    section_total_rows(section, 1802);
}

static inline void sample_graph(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"node", "thread or lock", MEDIC_STRING, 0, MEDIC_ROLE_LABEL, MEDIC_COLUMN_KEY},
        {"waiting", "waiting for", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
    };
    struct medic_section *section =
        sample_section(document, MEDIC_GRAPH, "locks", "Who waits for whom", NULL, SAMPLE_COLUMNS(COLUMNS));
    static const char *const NODES[] = {"thread 12 \"orders\"", "lock Shop.Orders.Gate", "thread 17 \"stock\"",
                                        "lock Shop.Stock.Gate"};
    for (int i = 0; i < 4; i++) {
        medic_cell cells[] = {medic_string(NODES[i]), i % 2 ? medic_none() : medic_integer(INT64_C(182000000000) + i)};
        section_row(section, MEDIC_NO_PARENT, cells, 2);
    }
    section_edge(section, 0, 3, "waits for");
    section_edge(section, 0, 1, "holds");
    section_edge(section, 2, 1, "waits for");
    section_edge(section, 2, 3, "holds");
}

static inline void sample_spans(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"start", "at", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_START, 0},
        {"end", "until", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_END, 0},
        {"lane", "kind", MEDIC_STRING, 0, MEDIC_ROLE_LANE, 0},
        {"what", "what", MEDIC_STRING, 0, MEDIC_ROLE_LABEL, 0},
    };
    static const char *const LANES[] = {"gen0", "gen1", "gen2 blocking"};
    struct medic_section *section =
        sample_section(document, MEDIC_SPANS, "worst", "The worst pauses", NULL, SAMPLE_COLUMNS(COLUMNS));
    for (int i = 0; i < 90; i++) {
        int lane = i % 7 == 0 ? 2 : i % 3 == 0;
        int64_t start = INT64_C(10000000000) * ((i * 37) % 90) / 90,
                length = lane == 2 ? 41200000 - i * 100000 : 310000;
        if (lane == 2 && i > 40)
            length *= 6;
        medic_cell cells[] = {medic_integer(start), medic_integer(start + length), medic_string(LANES[lane]),
                              medic_string(lane == 2 ? "GC.Collect() from Shop.Cache.Trim()" : "allocation budget")};
        section_row(section, MEDIC_NO_PARENT, cells, 4);
    }
}

static inline void sample_timeline(struct document *document, const char *id, const char *title, size_t series)
{
    static const medic_column COLUMNS[] = {
        {"time", "time", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_TIME, 0},
        {"heap", "heap size", MEDIC_INTEGER, MEDIC_UNIT_BYTES, 0, 0},
        {"paused", "time paused", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, 0},
        {"rate", "allocation rate", MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, 0, 0},
        {"queue", "queued", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, 0},
    };
    struct medic_section *section =
        sample_section(document, MEDIC_TIMELINE, id, title, NULL, COLUMNS, sizeof *COLUMNS, 1 + series);
    for (int i = 0; i < 100; i++) {
        double x = i / 100.0;
        medic_cell cells[] = {medic_integer(i * INT64_C(100000000)),
                              medic_integer((int64_t)(12e6 + 8e6 * sin(x * 20) + 30e6 * x)),
                              medic_number(i % 20 == 5 ? 0.4 : 0.02 + 0.02 * sin(x * 50)),
                              medic_number(1e8 + 9e7 * cos(x * 9)), medic_integer(i > 60 && i < 75 ? 412 : 3)};
        section_row(section, MEDIC_NO_PARENT, cells, (uint32_t)(1 + series));
    }
}

static inline void sample_histogram(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"lower", "from", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_LOWER, MEDIC_COLUMN_KEY},
        {"upper", "to", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_UPPER, 0},
        {"count", "pauses", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
        {"share", "share", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, MEDIC_COLUMN_SHARE},
    };
    static const int64_t COUNTS[] = {412, 3120, 980, 44, 0, 41, 2};
    struct medic_section *section =
        sample_section(document, MEDIC_HISTOGRAM, "lengths", "How long pauses were", NULL, SAMPLE_COLUMNS(COLUMNS));
    int64_t lower = 50000;
    for (int i = 0; i < 7; i++, lower *= 4) {
        medic_cell cells[] = {medic_integer(lower), i == 6 ? medic_none() : medic_integer(lower * 4),
                              medic_integer(COUNTS[i]), medic_number((double)COUNTS[i] / 4599)};
        section_row(section, MEDIC_NO_PARENT, cells, 4);
    }
}

static inline void sample_text(struct document *document)
{
    static const medic_column COLUMNS[] = {{"text", "text", MEDIC_STRING, 0, 0, 0}};
    struct medic_section *section =
        sample_section(document, MEDIC_TEXT, "advice", "What to do", NULL, SAMPLE_COLUMNS(COLUMNS));
    medic_cell first[] = {
        medic_string("Remove the calls to GC.Collect() in Shop.Cache.Trim(): a blocking collection of the whole heap "
                     "stops every request for about 30 ms, and the runtime collects in the background by itself.")};
    medic_cell second[] = {medic_string("Then look again:\n  medic attach Shop -P runtime_pauses -d 30s")};
    section_row(section, MEDIC_NO_PARENT, first, 1);
    section_row(section, MEDIC_NO_PARENT, second, 1);
}

static inline void sample_unknown(struct document *document)
{
    static const medic_column COLUMNS[] = {
        {"name", "name", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
        {"value", "value", MEDIC_NUMBER, 0, 0, 0},
    };
    struct medic_section *section =
        sample_section(document, 99, "holograms", "A kind of the future", NULL, SAMPLE_COLUMNS(COLUMNS));
    medic_cell cells[] = {medic_string("pi"), medic_number(3.14159265358979)};
    section_row(section, MEDIC_NO_PARENT, cells, 2);
}

static inline struct document *sample_document(void)
{
    struct document *document = document_new();
    document->session = (struct document_session){document_text(document, "6f1d2c3b-0000-4000-8000-1234567890ab"),
                                                  document_text(document, "2025-11-21T12:08:11Z"),
                                                  document_text(document, "duration"), 10000000000u, true};
    document->profiler.name = document_text(document, "runtime_pauses");
    document->profiler.guid = document_text(document, "01234567-89ab-cdef-0123-456789abcdef");
    document->profiler.version = document_text(document, "0.1.0");
    document_parameter(document, "worst", "20");
    document->target = (struct document_target){.name = "Shop",
                                                .command_line = "dotnet Shop.dll --urls http://+:80",
                                                .runtime = "10.0.1",
                                                .os = "linux",
                                                .arch = "x64",
                                                .user = "shop",
                                                .pid = 4121,
                                                .inner_pid = 1,
                                                .uid = 1000};
    document_verdict(document, MEDIC_WARNING,
                     "The program stood still for 13.6 % of the time, nearly all of it in blocking gen2 "
                     "collections that code asked for: remove the calls to GC.Collect().");
    document_finding(document, "41 of 44 long pauses are blocking, compacting gen2 collections induced by code.",
                     "reasons", "gen2 collection, blocking, compacting");
    document_finding(document, "Stopping the threads takes 0.1 ms: the program is quick to suspend, slow to collect.",
                     NULL, NULL);
    document->cost = (struct document_cost){true, 61000, 118000, 12400000, 412000, 612000};
    document->lost =
        (struct document_lost){12, document_text(document, "12 because the buffer in the target was full")};
    sample_table(document);
    sample_types(document);
    sample_tree(document);
    sample_stacks(document);
    sample_graph(document);
    sample_spans(document);
    sample_timeline(document, "heap", "The heap over time", 2);
    sample_timeline(document, "rates", "Everything over time", 4);
    sample_histogram(document);
    sample_text(document);
    sample_unknown(document);
    return document;
}

#endif
