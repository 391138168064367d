/* Shows the report of a session folder, or any other document. */
#include "cli/cli.h"
#include "tool/capture.h"
#include "tool/document_json.h"
#include "tool/store.h"

#include <medic/session.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int cli_load_report(int folder, const char *path, struct document **document)
{
    medic_reason why = {""};
    int fd = openat(folder, STORE_REPORT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(EXIT_SESSION, "cannot open report.json in %s: %s", path, strerror(errno));
    int code = document_load(fd, document, &why);
    close(fd);
    return code == MEDIC_OK ? EXIT_OK : cli_fail(EXIT_SESSION, "cannot show the report in %s: %s", path, why.text);
}

/* What writing to the standard output came to. */
static int shown(int code, const char *what, const medic_reason *why)
{
    if (code == MEDIC_OK)
        return cli_finish(EXIT_OK);
    if (code == MEDIC_E_IO && ferror(stdout))
        return cli_finish(EXIT_SESSION);
    return cli_fail(EXIT_SESSION, "cannot show %s: %s", what, why->text);
}

int cli_show_document(const struct document *document, const char *what, const struct renderer *renderer, unsigned top)
{
    struct render_options options = cli_render_options(top);
    medic_reason why = {""};
    int code = renderer->render(document, &options, stdout, &why);
    return shown(code, what, &why);
}

/* A format of the capture. */
static int show_capture(int folder, const char *path, const char *what, const struct renderer *renderer)
{
    struct capture *capture = NULL;
    medic_reason why = {""};
    int fd = openat(folder, MEDIC_CAPTURE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(EXIT_SESSION, "%s has no capture", path);
    int code = capture_open(fd, &capture, &why);
    if (code == MEDIC_OK) {
        code = renderer->render_capture(capture, stdout, &why);
        capture_close(capture);
    }
    close(fd);
    return shown(code, what, &why);
}

int cli_show_report(int folder, const char *path, const struct renderer *renderer, unsigned top)
{
    struct document *document = NULL;
    char what[PATH_MAX + 32];
    snprintf(what, sizeof what, "the report in %s", path);
    if (!renderer->render)
        return show_capture(folder, path, what, renderer);
    int code = cli_load_report(folder, path, &document);
    if (code != EXIT_OK)
        return code;
    code = cli_show_document(document, what, renderer, top);
    document_free(document);
    return code;
}
