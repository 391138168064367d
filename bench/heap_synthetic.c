/* Made-up photographs of the heap, as large as one likes, and how long they take to read. For heap_analysis.py, and by hand:
 *   heap_synthetic write FILE OBJECTS [list]    a capture; list: one long list instead of customers and orders
 *   heap_synthetic read FILE                    seconds and peak memory of each step, as lines of key=value
 *   heap_synthetic export FILE                  as .heapsnapshot to stdout */
#include "tests/unit/heap_writer.h"
#include "tool/heap_service.h"
#include "tool/render.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ORDERS = 8, PRODUCTS = 100000, WRITE_BYTES = 1 << 24 };
enum { CUSTOMER = 0x100, ORDER = 0x200, LIST = 0x300, ORDER_ARRAY = 0x400, STRING = 0x500, PRODUCT = 0x600 };

static struct heap_writer heap;
static struct buffer out;
static FILE *file;
static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % below);
}

static void spill(void)
{
    if (fwrite(out.bytes, 1, out.size, file) != out.size) {
        perror("cannot write the capture");
        exit(1);
    }
    buffer_cut(&out, 0);
}

/* --- one long list --- */

static void write_list(uint64_t objects)
{
    uint32_t node = heap_class(&heap, CUSTOMER, 0, 32, 0, HEAP_SLOTS(8, 16), HEAP_NO_SLOTS);
    uint64_t at = 0x7f0000000000;
    for (uint64_t i = 0; i < objects; i++, at += 32) {
        heap_object(&heap, at, node, 0, 0, HEAP_TO(i + 1 < objects ? at + 32 : 0, i ? at - 32 : 0), 2);
        if (out.size > WRITE_BYTES)
            spill();
    }
    heap_static(&heap, CUSTOMER, 1, 0, 0x7f0000000000);
}

/* --- customers with orders --- */

struct classes {
    uint32_t customer, order, list, orders, string, product;
};

static uint64_t put_string(const struct classes *classes, uint64_t at, uint32_t length)
{
    return at + heap_object(&heap, at, classes->string, length, 1 + draw(1u << 20), NULL, 0);
}

/* Where the next customer begins. Every order refers to a product far away. */
static uint64_t put_customer(const struct classes *classes, uint64_t at, uint64_t products)
{
    uint64_t orders[ORDERS], ids[ORDERS];
    uint64_t list = at + heap_size_of(&heap, classes->customer, 0);
    uint64_t array = list + heap_size_of(&heap, classes->list, 0);
    uint64_t name = array + heap_size_of(&heap, classes->orders, ORDERS);
    uint64_t next = name + heap_size_of(&heap, classes->string, 12);
    for (uint32_t i = 0; i < ORDERS; i++) {
        orders[i] = next;
        ids[i] = orders[i] + heap_size_of(&heap, classes->order, 0);
        next = ids[i] + heap_size_of(&heap, classes->string, 8);
    }
    heap_object(&heap, at, classes->customer, 0, 0, HEAP_TO(name, list, next), 3);
    heap_object(&heap, list, classes->list, 0, 0, HEAP_TO(array), 1);
    heap_object(&heap, array, classes->orders, ORDERS, 0, orders, ORDERS);
    put_string(classes, name, 12);
    for (uint32_t i = 0; i < ORDERS; i++) {
        uint64_t product = products + (uint64_t)draw(PRODUCTS) * 24;
        heap_object(&heap, orders[i], classes->order, 0, 0, HEAP_TO(ids[i], at, product), 3);
        put_string(classes, ids[i], 8);
    }
    return next;
}

static void write_customers(uint64_t objects)
{
    struct classes classes = {
        .customer = heap_class(&heap, CUSTOMER, 0, 48, 0, HEAP_SLOTS(8, 16, 24), HEAP_NO_SLOTS),
        .order = heap_class(&heap, ORDER, 0, 56, 0, HEAP_SLOTS(8, 16, 24), HEAP_NO_SLOTS),
        .list = heap_class(&heap, LIST, 0, 32, 0, HEAP_SLOTS(8), HEAP_NO_SLOTS),
        .orders = heap_class(&heap, ORDER_ARRAY, MEDIC_HEAP_ARRAY, 24, 8, HEAP_NO_SLOTS, HEAP_SLOTS(0)),
        .string = heap_class(&heap, STRING, MEDIC_HEAP_STRING, 22, 2, HEAP_NO_SLOTS, HEAP_NO_SLOTS),
        .product = heap_class(&heap, PRODUCT, 0, 24, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS),
    };
    uint64_t products = 0x7f0000000000, first = 0x7e0000000000, at = first;
    for (uint32_t i = 0; i < PRODUCTS; i++)
        heap_object(&heap, products + i * 24, classes.product, 0, 0, NULL, 0);
    while (heap.objects < objects) {
        at = put_customer(&classes, at, products);
        if (out.size > WRITE_BYTES)
            spill();
    }
    heap_root(&heap, MEDIC_ROOT_STACK, 0, 0, first + 48);
    heap_static(&heap, CUSTOMER, 1, 0, first);
}

static int write_capture(const char *path, uint64_t objects, int list)
{
    file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    put_header(&out);
    heap_begin(&heap, &out, 1, MEDIC_HEAP_HASHES);
    if (list)
        write_list(objects);
    else
        write_customers(objects);
    heap_done(&heap);
    put_end(&out);
    spill();
    return fclose(file) ? 1 : 0;
}

/* --- reading --- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double step(const char *name, double since)
{
    static double cpu_before;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s_s=%.3f\n%s_cpu_s=%.3f\n%s_peak_mb=%ld\n", name, now() - since, name, cpu() - cpu_before, name,
           usage.ru_maxrss / 1000);
    cpu_before = cpu();
    return now();
}

static struct capture *open_capture(const char *path)
{
    struct capture *capture = NULL;
    medic_reason why = {""};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || capture_open(fd, &capture, &why))
        fprintf(stderr, "%s: %s\n", path, fd < 0 ? strerror(errno) : why.text);
    return capture;
}

static int export_capture(const char *path)
{
    struct capture *capture = open_capture(path);
    medic_reason why = {""};
    if (!capture || !render_heapsnapshot(capture, stdout, &why))
        return !capture;
    fprintf(stderr, "%s: %s\n", path, why.text);
    return 1;
}

static int read_capture(const char *path)
{
    struct heap_graphs graphs = {0};
    struct heap_graph *graph;
    medic_reason why = {""};
    double at = now();
    struct capture *capture = open_capture(path);
    if (!capture)
        return 1;
    at = step("open", at);
    if (heap_graphs_get(&graphs, capture, 0, &graph, &why)) {
        fprintf(stderr, "%s: %s\n", path, why.text[0] ? why.text : "there is no photograph");
        return 1;
    }
    at = step("load", at);
    const medic_heap_dominators *dominators = heap_graph_dominators(graph);
    if (!dominators)
        return 1;
    step("dominators", at);
    printf("objects=%u\nreferences=%llu\nreachable=%u\nretained=%llu\n", graph->view.node_count,
           (unsigned long long)graph->view.edge_count, dominators->reachable,
           (unsigned long long)dominators->reachable_bytes);
    heap_graphs_free(&graphs);
    capture_close(capture);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "read"))
        return read_capture(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "export"))
        return export_capture(argv[2]);
    if ((argc == 4 || argc == 5) && !strcmp(argv[1], "write"))
        return write_capture(argv[2], strtoull(argv[3], NULL, 10), argc == 5);
    fprintf(stderr, "heap_synthetic write FILE OBJECTS [list] | read FILE | export FILE\n");
    return 2;
}
