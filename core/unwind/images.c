/* Sorted ranges of mapped code. */
#include "images.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, NOTES_MAX = 4096, SEGMENTS_MAX = 64, IMAGES_MAX = 4096 };

struct range {
    uint64_t begin, end;
    size_t image;
};

struct list {
    struct image *image;
    size_t count, room;
    struct range *range;
    size_t range_count, range_room;
};

struct images {
    struct memory *memory;
    struct list now, next;
    unsigned long long adds, subs;
    uint64_t last_id;
    bool known, failed;
};

struct images *images_new(struct memory *memory)
{
    struct images *images = calloc(1, sizeof *images);
    if (images)
        images->memory = memory;
    return images;
}

static void clear(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->image[i].path);
    list->count = list->range_count = 0;
}

static void drop(struct list *list)
{
    clear(list);
    free(list->image);
    free(list->range);
}

void images_free(struct images *images)
{
    if (!images)
        return;
    drop(&images->now);
    drop(&images->next);
    free(images);
}

static uint64_t list_memory(const struct list *list)
{
    uint64_t size = list->room * sizeof *list->image + list->range_room * sizeof *list->range;
    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->image[i].path) + 1;
    return size;
}

uint64_t images_memory(const struct images *images)
{
    return sizeof *images + list_memory(&images->now) + list_memory(&images->next);
}

static bool grow(void **array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : 64;
    void *bigger = realloc(*array, more * size);
    if (!bigger)
        return false;
    *array = bigger;
    *room = more;
    return true;
}

static bool add_range(struct list *list, uint64_t begin, uint64_t end)
{
    if (!grow((void **)&list->range, &list->range_room, list->range_count, sizeof *list->range))
        return false;
    list->range[list->range_count++] = (struct range){begin, end, list->count};
    return true;
}

/* The build id, from a segment of notes. */
static void read_build_id(struct images *images, struct image *image, uint64_t address, uint64_t size)
{
    uint8_t notes[NOTES_MAX];
    size_t have = memory_read_some(images->memory, address, notes, size < sizeof notes ? (size_t)size : sizeof notes);
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= have;) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note, left = have - name;
        size_t name_size = ((size_t)note.n_namesz + 3) & ~(size_t)3,
               data_size = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name_size > left || data_size > left - name_size)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
            note.n_descsz <= sizeof image->build_id) {
            memcpy(image->build_id, notes + name + name_size, note.n_descsz);
            image->build_id_size = note.n_descsz;
            return;
        }
        at = name + name_size + data_size;
    }
}

static char *path_of(const struct dl_phdr_info *info, uint64_t begin, uint64_t end)
{
    uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    char path[PATH_SIZE];
    if (vdso >= begin && vdso < end)
        return strdup("[vdso]");
    if (info->dlpi_name && info->dlpi_name[0])
        return strdup(info->dlpi_name);
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return strdup(path);
}

static bool add_segment(struct images *images, struct image *image, const ElfW(Phdr) * p)
{
    uint64_t begin = image->bias + p->p_vaddr, end = begin + p->p_memsz;
    if (end <= begin)
        return true;
    switch (p->p_type) {
    case PT_LOAD:
        image->begin = begin < image->begin ? begin : image->begin;
        image->end = end > image->end ? end : image->end;
        return !(p->p_flags & PF_X) || add_range(&images->next, begin, end);
    case PT_GNU_EH_FRAME:
        image->eh_frame_hdr = begin;
        image->eh_frame_hdr_size = p->p_memsz;
        return true;
    case PT_NOTE:
        if (image->build_id_size == 0)
            read_build_id(images, image, begin, p->p_memsz);
        return true;
    default: return true;
    }
}

static bool add_image(struct images *images, const struct dl_phdr_info *info)
{
    struct list *list = &images->next;
    struct image image = {.bias = info->dlpi_addr, .begin = UINT64_MAX};
    size_t ranges = list->range_count;
    if (list->count == IMAGES_MAX || !grow((void **)&list->image, &list->room, list->count, sizeof *list->image))
        return false;
    for (unsigned i = 0; i < info->dlpi_phnum && i < SEGMENTS_MAX; i++)
        if (!add_segment(images, &image, &info->dlpi_phdr[i]))
            return false;
    if (list->range_count == ranges)
        return true; /* no code */
    image.path = path_of(info, image.begin, image.end);
    if (!image.path) {
        list->range_count = ranges;
        return false;
    }
    list->image[list->count++] = image;
    return true;
}

struct visit {
    struct images *images;
    bool first, changed;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    struct visit *v = data;
    struct images *images = v->images;
    if (v->first) {
        bool counted = size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs;
        v->first = false;
        if (counted && images->known && images->adds == info->dlpi_adds && images->subs == info->dlpi_subs)
            return 1;
        v->changed = true;
        images->adds = counted ? info->dlpi_adds : 0;
        images->subs = counted ? info->dlpi_subs : 0;
    }
    if (!add_image(images, info))
        images->failed = true;
    return 0;
}

static int by_begin(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static bool same(const struct image *a, const struct image *b)
{
    return a->bias == b->bias && a->begin == b->begin && a->end == b->end && a->build_id_size == b->build_id_size &&
           memcmp(a->build_id, b->build_id, a->build_id_size) == 0 && strcmp(a->path, b->path) == 0;
}

/* Its id in the list before, or a new one. */
static uint64_t id_of(struct images *images, const struct image *image, size_t *stayed)
{
    for (size_t i = 0; i < images->now.count; i++)
        if (same(&images->now.image[i], image)) {
            ++*stayed;
            return images->now.image[i].id;
        }
    return ++images->last_id;
}

bool images_refresh(struct images *images)
{
    struct visit v = {.images = images, .first = true};
    size_t stayed = 0;
    dl_iterate_phdr(visit, &v);
    if (!v.changed)
        return false;
    images->known = !images->failed; /* with too little memory: once more next time */
    images->failed = false;
    for (size_t i = 0; i < images->next.count; i++)
        images->next.image[i].id = id_of(images, &images->next.image[i], &stayed);
    if (images->next.range_count > 0)
        qsort(images->next.range, images->next.range_count, sizeof *images->next.range, by_begin);
    struct list old = images->now;
    images->now = images->next;
    images->next = old;
    bool gone = stayed < old.count;
    clear(&images->next);
    return gone;
}

const struct image *images_find(const struct images *images, uint64_t address)
{
    size_t low = 0, high = images->now.range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct range *range = &images->now.range[middle];
        if (address < range->begin)
            high = middle;
        else if (address >= range->end)
            low = middle + 1;
        else
            return &images->now.image[range->image];
    }
    return NULL;
}
