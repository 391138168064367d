#include "tool/render.h"

#include <string.h>

static const struct renderer RENDERERS[] = {
    {"text", "for the terminal", "txt", "text/plain; charset=utf-8", false, render_text, NULL},
    {"json", "for scripts: the whole document", "json", "application/json", false, render_json, NULL},
    {"markdown", "for an issue tracker", "md", "text/markdown; charset=utf-8", false, render_markdown, NULL},
    {"html", "one file for a browser, without scripts", "html", "text/html; charset=utf-8", false, render_html, NULL},
    {"collapsed", "stacks, a line each, for flame graphs", "collapsed", "text/plain; charset=utf-8", false,
     render_collapsed, NULL},
    {"speedscope", "stacks for speedscope.app", "speedscope.json", "application/json", false, render_speedscope, NULL},
    {"pprof", "stacks for pprof and what reads its format", "pb.gz", "application/octet-stream", true, render_pprof,
     NULL},
    {"heapsnapshot", "the photograph of the heap for Chrome's DevTools", "heapsnapshot", "application/json", true, NULL,
     render_heapsnapshot},
};

const struct renderer *renderer_at(unsigned index)
{
    return index < sizeof RENDERERS / sizeof *RENDERERS ? &RENDERERS[index] : NULL;
}

const struct renderer *renderer_find(const char *name)
{
    const struct renderer *renderer;
    for (unsigned i = 0; (renderer = renderer_at(i)) != NULL; i++)
        if (strcmp(renderer->name, name) == 0)
            return renderer;
    return NULL;
}
