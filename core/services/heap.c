#include "core/services/heap.h"

#include "core/os.h"
#include "core/services/heap_choice.h"
#include "core/services/heap_routes.h"
#include "core/session.h"
#include "core/thread.h"

#include <dirent.h>
#include <medic/service/log.h>
#include <stdlib.h>
#include <string.h>

#define MB (UINT64_C(1) << 20)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

#define LIMIT_NS (60 * SECOND) /* of a copy's life, and for each GB */
#define LIMIT_NS_PER_GB (60 * SECOND)
#define SAFE_NS_MIN (250 * MS) /* the target waits this long for its copy at most, or ten times what was predicted */
/* On one route. A copy is useless when a collection was about to begin, which shows only afterwards: in a program that collects
 * all the time it may take many, as long as they do not hurt. */
enum { ATTEMPTS = 3, ATTEMPTS_MAX = 12 };
#define ATTEMPTS_PAUSE_NS (100 * MS) /* together */
#define DISK_SHARE 8                 /* the photograph of a heap has at least this part of its size */
#define DISK_SPARE (16 * MB)
#define VALUE_UNITS_MAX 4096u

static struct {
    uint32_t photos;
    int declared; /* the plugin says that it needs the service */
    int may_collect;
} heap;

uint32_t heap_mask_at_begin(uint32_t plugin_flags, uint16_t runtime_major)
{
    heap.photos = 0;
    heap.declared = 1;
    heap.may_collect = !((plugin_flags & MEDIC_DEAD_TOO) && runtime_major >= 9);
    return heap.may_collect ? COR_PRF_MONITOR_GC : 0;
}

uint32_t heap_relax_mask(uint32_t low)
{
    return low & ~(uint32_t)COR_PRF_MONITOR_GC;
}

void heap_free(void)
{
    heap.photos = 0;
    heap.declared = heap.may_collect = 0;
}

/* Server GC has threads of its own, whatever the number of its heaps. */
static int has_server_gc(void)
{
    static const char server[] = ".NET Server GC";
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    int found = 0;

    while (folder && !found && (entry = readdir(folder)) != NULL) {
        char name[16];
        uint32_t length, os_id = (uint32_t)strtoul(entry->d_name, NULL, 10);

        if (!os_id)
            continue;
        length = thread_read_name(os_id, name, sizeof name);
        found = length == sizeof server - 1 && memcmp(name, server, length) == 0;
    }
    if (folder)
        closedir(folder);
    return found;
}

/* In a callback the runtime would wait for itself. Without the declaration nothing keeps alive what names are asked of. */
static int check_caller(medic_reason *why)
{
    if (!heap.declared)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "the profiler asks for a photograph and does not list %s among its capture services",
                          MEDIC_SERVICE_HEAP);
    if (atomic_load(&session.worker_id) != os_thread_id() || !atomic_load(&session.started))
        return medic_fail(why, MEDIC_E_ARGUMENT, "a photograph of the heap can only be taken from tick");
    if (atomic_load(&session.end_reason) != MEDIC_END_NONE)
        return medic_fail(why, MEDIC_E_STOPPED, "the session ended while the heap was photographed");
    return MEDIC_OK;
}

/* The request, as far as this core knows it. */
static int read_request(const medic_heap_request *asked, medic_heap_request *request, medic_reason *why)
{
    uint32_t size = asked->size < sizeof *request ? asked->size : (uint32_t)sizeof *request;

    memset(request, 0, sizeof *request);
    memcpy(request, asked, size);
    if (request->route > MEDIC_HEAP_ENUMERATE || request->value_units > VALUE_UNITS_MAX ||
        (request->contents & ~(uint32_t)(MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES)))
        return medic_fail(why, MEDIC_E_ARGUMENT, "the profiler asks for a photograph that this core cannot take");
    return MEDIC_OK;
}

static void look(const medic_heap_request *request, struct heap_situation *situation, struct heap_floor *floor)
{
    const medic_plugin *plugin = &session.view.plugin;
    struct code_memory code;
    struct heap_memory memory;

    *situation = (struct heap_situation){
        .route = request->route,
        .server_gc = has_server_gc(),
        .lists = session.version.major >= 9,
        .dead_too = (plugin->flags & MEDIC_DEAD_TOO) != 0,
        .may_collect = heap.may_collect,
        .max_pause_ns = request->max_pause_ns,
        .collect_ns = heap.may_collect ? heap_collect_predict_ns() : 0,
    };
    heap_size_read(&situation->size);
    heap_memory_read(&memory);
    *floor = heap_memory_floor(&memory);
    situation->spare = heap_memory_spare(&memory, floor);
    if (code_memory_open(&code, NULL) == MEDIC_OK)
        situation->code_bytes = code.bytes;
    code_memory_close(&code);
}

/* What is being done, for who waits for it; until the photograph is over. */
static void say(const char *sentence)
{
    snprintf(session.reason.text, sizeof session.reason.text, "%s", sentence);
    session_publish(MEDIC_SESSION_RUNNING);
}

/* One photograph, whatever becomes of it. */
struct photograph {
    medic_heap_request request;
    struct heap_situation situation;
    struct heap_floor floor;
    struct heap_choice choice;
    struct heap_plan plan;
    struct heap_sink sink;
    struct heap_take take;
    uint64_t mark, pause_ns, predicted_ns, objects, bytes;
    uint64_t total_ns; /* of all pauses */
    uint32_t attempts;
    medic_reason text; /* why this route */
};

static int plan(struct photograph *photo, medic_reason *why)
{
    uint64_t limit = session.config.max_bytes, room, least = photo->situation.size.anonymous / DISK_SHARE;

    room = files_room(&session.files);
    room = room > DISK_SPARE ? room - DISK_SPARE : 0;
    if (room < least)
        return medic_fail(
            why, MEDIC_E_IO,
            "the photograph of the heap needs at least %llu MB in %.200s, and %llu MB are free: free some, "
            "or set TMPDIR to a larger disk",
            (unsigned long long)(least / MB), session.files.path, (unsigned long long)(room / MB));
    if (limit)
        limit = limit > photo->mark ? limit - photo->mark : 0;
    else
        limit = UINT64_MAX;
    photo->plan = (struct heap_plan){
        .head = {.photo = heap.photos + 1, .contents = photo->request.contents},
        .value_units = photo->request.value_units,
        .capture = session.files.capture,
        .bytes_max = limit < room ? limit : room,
        .runtime_major = session.version.major,
        .info = session.info,
    };
    return MEDIC_OK;
}

static int take_route(struct photograph *photo, medic_reason *why)
{
    switch (photo->plan.head.route) {
    case MEDIC_HEAP_COPY: return heap_copy_take(&photo->take, why);
    case MEDIC_HEAP_COLLECT: return heap_collect_take(&photo->take, why);
    default: return heap_enumerate_take(&photo->take, why);
    }
}

static void write_done(struct photograph *photo)
{
    const struct heap_shared *shared = photo->sink.shared;
    const struct heap_take *take = &photo->take;
    medic_heap_done_record done = {
        .photo = photo->plan.head.photo,
        .length = (uint32_t)strlen(photo->text.text),
        .objects = atomic_load(&shared->objects),
        .bytes = atomic_load(&shared->bytes),
        .pause_ns = photo->pause_ns,
        .predicted_pause_ns = photo->predicted_ns,
        .copy_ns = take->copy_ns,
        .copy_cpu_ns = take->copy_cpu_ns,
        .copy_memory_bytes = take->copy_memory_bytes,
        .attempts = photo->attempts,
    };

    files_write_record(&session.files, MEDIC_RECORD_HEAP_DONE, &done, sizeof done, photo->text.text, done.length);
}

/* What the photograph is without, and why: the copy ended before it was done. */
static void tell_cut(struct photograph *photo, const medic_reason *why)
{
    static const char *const behind[HEAP_PARTS] = {
        [HEAP_GRAPH] = "frozen objects, values of strings and ",
        [HEAP_FROZEN] = "values of strings and ",
        [HEAP_VALUES_TOLD] = "",
    };
    const char *last = photo->plan.head.route == MEDIC_HEAP_ENUMERATE ? "roots" : "the names of static fields";
    char *text = photo->text.text;
    size_t length = strlen(text);

    snprintf(text + length, sizeof photo->text.text - length, "%s%s%s are missing: %s", length ? "; " : "",
             behind[atomic_load(&photo->sink.shared->kept)], last, why->text);
}

/* Names, and the record that makes the photograph valid. */
static int complete(struct photograph *photo, medic_reason *why)
{
    const struct heap_shared *shared = photo->sink.shared;
    uint64_t size = photo->take.is_cut ? atomic_load(&shared->durable) : atomic_load(&shared->written);
    int code = files_take_back(&session.files, photo->mark, size);

    if (photo->take.is_cut)
        tell_cut(photo, why);
    if (code == MEDIC_OK) {
        say("the heap is photographed; the names of its classes are written");
        code = heap_names_write(shared, photo->plan.head.photo);
    }
    if (code == MEDIC_OK) {
        write_done(photo);
        code = files_flush(&session.files);
    }
    if (code == MEDIC_E_MEMORY)
        return medic_fail(why, code, "out of memory in the target");
    return code == MEDIC_OK ? MEDIC_OK : files_explain(&session.files, why);
}

/* Whether another attempt, on whatever route, may still give a photograph. */
static int may_go_on(int code)
{
    return code != MEDIC_OK && code != MEDIC_E_STOPPED && code != MEDIC_E_GONE && code != MEDIC_E_IO &&
           code != MEDIC_E_FULL && code != MEDIC_E_DENIED;
}

static int attempt(struct photograph *photo, medic_reason *why)
{
    uint64_t gigabytes = photo->situation.size.anonymous >> 30;
    int code = heap_sink_open(&photo->sink, &photo->plan, why);

    if (code != MEDIC_OK)
        return code;
    photo->take = (struct heap_take){
        .sink = &photo->sink,
        .limit_ns = LIMIT_NS + gigabytes * LIMIT_NS_PER_GB,
        .floor = photo->floor,
        .safe_ns = photo->predicted_ns * 10 < SAFE_NS_MIN ? SAFE_NS_MIN : photo->predicted_ns * 10,
    };
    if (photo->take.safe_ns > photo->request.max_pause_ns)
        photo->take.safe_ns = photo->request.max_pause_ns;
    session_hold_unloads();
    code = take_route(photo, why);
    if (photo->take.pause_ns) {
        session_paused(photo->take.pause_ns);
        photo->total_ns += photo->take.pause_ns;
        photo->pause_ns = photo->take.pause_ns > photo->pause_ns ? photo->take.pause_ns : photo->pause_ns;
    }
    if (code == MEDIC_OK)
        code = complete(photo, why);
    if (code != MEDIC_OK)
        files_take_back(&session.files, photo->mark, 0);
    photo->objects = atomic_load(&photo->sink.shared->objects);
    photo->bytes = atomic_load(&photo->sink.shared->bytes);
    heap_sink_close(&photo->sink);
    return code;
}

static void announce(const struct photograph *photo)
{
    char sentence[256];

    snprintf(sentence, sizeof sentence, "the heap is photographed by %s, for which the program stops for about %llu ms",
             heap_route_name(photo->plan.head.route), (unsigned long long)(photo->predicted_ns / MS + 1));
    say(sentence);
}

/* The routes in turn, each more than once. */
static int try_routes(struct photograph *photo, medic_reason *why)
{
    int code = MEDIC_E_FAIL;

    for (uint32_t i = 0; i < photo->choice.count; i++) {
        photo->plan.head.route = photo->choice.routes[i].route;
        photo->plan.head.contents =
            photo->request.contents | (photo->plan.head.route == MEDIC_HEAP_ENUMERATE ? MEDIC_HEAP_DEAD : 0);
        photo->predicted_ns = photo->choice.routes[i].pause_ns;
        if (i == 0)
            photo->text = photo->choice.routes[0].why;
        else
            photo->text = *why;
        for (int n = 0; n < ATTEMPTS || (n < ATTEMPTS_MAX && photo->total_ns < ATTEMPTS_PAUSE_NS); n++) {
            photo->plan.head.attempt = ++photo->attempts;
            announce(photo);
            code = attempt(photo, why);
            if (!may_go_on(code))
                return code;
            if (photo->take.hopeless)
                break;
        }
    }
    return code;
}

/* A runtime that starts with MONITOR_GC never collects in the background; one that is attached to does again afterwards. */
static void runtime_is_up(const medic_host *host)
{
    const medic_log_service *log = host->service(host, MEDIC_SERVICE_LOG);

    session_runtime_is_up();
    log->write(host, MEDIC_LOG_WARNING,
               "a program that is started under this profiler has no background collections until it ends; one that "
               "is attached to has them again afterwards");
}

static int prepare(const medic_host *host, struct photograph *photo, const medic_heap_request *asked, medic_reason *why)
{
    int code = read_request(asked, &photo->request, why);

    if (code == MEDIC_OK && session.mask_until_up) {
        code = heap_copy_wait_for_runtime(session.info, why);
        runtime_is_up(host);
    }
    if (code != MEDIC_OK)
        return code;
    look(&photo->request, &photo->situation, &photo->floor);
    code = heap_choose(&photo->situation, &photo->choice, why);
    if (code != MEDIC_OK)
        return code;
    if (files_lend(&session.files, &photo->mark) != MEDIC_OK)
        return files_explain(&session.files, why);
    return plan(photo, why);
}

static int photograph(const medic_host *host, const medic_heap_request *asked, medic_heap_photo *result,
                      medic_reason *why)
{
    struct photograph photo = {.attempts = 0};
    int32_t progress = atomic_load(&session.progress);
    medic_reason before;
    medic_heap_photo taken;
    int code = check_caller(why);

    if (code != MEDIC_OK)
        return code;
    before = session.reason;
    code = prepare(host, &photo, asked, why);
    if (code == MEDIC_OK)
        code = try_routes(&photo, why);
    if (session.result == MEDIC_OK)
        session.reason = before;
    atomic_store(&session.progress, progress);
    if (code != MEDIC_OK)
        return code;
    heap.photos++;
    taken = (medic_heap_photo){
        .size = result->size,
        .photo = heap.photos,
        .route = photo.plan.head.route,
        .attempts = photo.attempts,
        .objects = photo.objects,
        .bytes = photo.bytes,
        .pause_ns = photo.pause_ns,
    };
    memcpy(result, &taken, result->size < sizeof taken ? result->size : sizeof taken);
    return MEDIC_OK;
}

const medic_heap_service heap_service = {sizeof heap_service, 0, photograph};
