/* libFuzzer: any bytes as the records of a photograph of the heap. Each record is sealed and gets the number of the photograph,
 * the end says as many objects as the records do, so that the fuzzer reaches what is behind those checks. Then everything
 * that a report half can ask is asked. */
#include "common/crc32.h"
#include "tool/heap_service.h"
#include "tool/render.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile size_t seen; /* what is read is used */

static void put(int fd, const void *bytes, size_t size)
{
    if (write(fd, bytes, size) != (ssize_t)size)
        _exit(1);
}

static void put_record(int fd, uint32_t type, const void *payload, uint32_t size)
{
    static const char zeros[8];
    medic_record_header header = {size, type, 0, 0};
    header.crc = crc32_update(crc32_update(0, &header, 8), payload, size);
    put(fd, &header, sizeof header);
    put(fd, payload, size);
    put(fd, zeros, (8 - size % 8) % 8);
}

/* Objects that the record says it has. */
static uint64_t put_part(int fd, uint32_t type, const uint8_t *data, uint32_t size)
{
    unsigned char payload[4 + 256] = {1};
    medic_heap_objects_record objects;
    memcpy(payload + 4, data, size);
    put_record(fd, type, payload, size + 4);
    if (type != MEDIC_RECORD_HEAP_OBJECTS || size + 4 < sizeof objects)
        return 0;
    memcpy(&objects, payload, sizeof objects);
    return objects.count;
}

static void put_photo(int fd, const uint8_t *data, size_t size)
{
    medic_heap_record head = {1, MEDIC_HEAP_COPY, data[0], 1, 5};
    medic_heap_done_record done = {.photo = 1};
    put_record(fd, MEDIC_RECORD_HEAP, &head, sizeof head);
    for (size_t at = 1; at + 2 <= size;) {
        uint32_t payload = data[at + 1];
        if (payload > size - at - 2)
            payload = (uint32_t)(size - at - 2);
        uint32_t type = data[at] % 12 ? MEDIC_RECORD_HEAP + data[at] % 12 : MEDIC_RECORD_NAME;
        if (type < MEDIC_RECORD_HEAP_DONE)
            done.objects += put_part(fd, type, data + at + 2, payload);
        at += 2 + payload;
    }
    put_record(fd, MEDIC_RECORD_HEAP_DONE, &done, sizeof done);
}

static void must(int holds)
{
    if (!holds)
        __builtin_trap();
}

static void check_columns(const medic_heap_graph *graph)
{
    must(graph->first_edge[0] == 0 && graph->first_edge[graph->node_count] == graph->edge_count);
    for (uint32_t i = 0; i < graph->node_count; i++) {
        must(graph->first_edge[i] <= graph->first_edge[i + 1]);
        must(graph->class_of[i] >= 1 && graph->class_of[i] <= graph->class_count);
        must(i == 0 || graph->address[i - 1] < graph->address[i]);
        must(graph->generation[i] < MEDIC_GENERATIONS);
    }
    for (uint64_t i = 0; i < graph->edge_count; i++)
        must(graph->target[i] < graph->node_count);
    for (uint32_t i = 0; i < graph->root_count; i++)
        must(graph->roots[i].node < graph->node_count && graph->roots[i].label != NULL);
}

static void ask(struct heap_graph *graph)
{
    const medic_heap_graph *view = &graph->view;
    const medic_heap_dominators *dominators = heap_graph_dominators(graph);
    check_columns(view);
    must(dominators != NULL && dominators->reachable <= view->node_count);
    for (uint32_t i = 0; i < view->node_count; i++) {
        uint32_t length;
        must(dominators->idom[i] <= view->root_node || dominators->idom[i] == MEDIC_NO_NODE);
        uint64_t hash = heap_string_hash(graph, i, &length);
        const medic_heap_value *value = heap_value_of(&graph->parts, hash, length);
        for (uint32_t unit = 0; value && unit < value->units; unit++)
            seen += value->text[unit];
    }
    for (uint32_t class = 1; class <= view->class_count; class ++)
        for (uint32_t slot = 0; slot < 256; slot++) {
            const char *name = heap_field_name(graph, class, slot);
            seen += strlen(view->classes[class].name) + (name ? strlen(name) : 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    medic_capture_header header = {.version = MEDIC_CAPTURE_VERSION, .header_size = sizeof header};
    int fd = memfd_create("capture", MFD_CLOEXEC);
    struct capture *capture;
    struct heap_graphs graphs = {0};
    struct heap_graph *graph;
    medic_reason why;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    if (fd < 0 || size < 1)
        return close(fd) * 0;
    memcpy(header.magic, MEDIC_CAPTURE_MAGIC, sizeof header.magic);
    header.crc = crc32_update(0, &header, sizeof header);
    put(fd, &header, sizeof header);
    put_photo(fd, data, size);
    if (!capture_open(fd, &capture, &why)) {
        if (!heap_graphs_get(&graphs, capture, 0, &graph, &why)) {
            ask(graph);
            render_heapsnapshot(capture, nowhere, &why);
        }
        heap_graphs_free(&graphs);
        capture_close(capture);
    }
    close(fd);
    return 0;
}
