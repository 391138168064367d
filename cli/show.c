/* Shows the report of a session folder. */
#include "cli/cli.h"
#include "tool/capture.h"
#include "tool/document_json.h"
#include "tool/store.h"

#include <medic/session.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A format of the document. */
static int show_document(int fd, const struct renderer *renderer, unsigned top, medic_reason *why)
{
    struct render_options options = cli_render_options(top);
    struct document *document = NULL;
    int code = document_load(fd, &document, why);
    if (code == MEDIC_OK) {
        code = renderer->render(document, &options, stdout, why);
        document_free(document);
    }
    return code;
}

/* A format of the capture. */
static int show_capture(int fd, const struct renderer *renderer, medic_reason *why)
{
    struct capture *capture = NULL;
    int code = capture_open(fd, &capture, why);
    if (code == MEDIC_OK) {
        code = renderer->render_capture(capture, stdout, why);
        capture_close(capture);
    }
    return code;
}

int cli_show_report(int folder, const char *path, const struct renderer *renderer, unsigned top)
{
    const char *name = renderer->render ? STORE_REPORT_FILE : MEDIC_CAPTURE_FILE;
    medic_reason why = {""};
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && !renderer->render)
        return cli_fail(EXIT_SESSION, "%s has no capture", path);
    if (fd < 0)
        return cli_fail(EXIT_SESSION, "cannot open report.json in %s: %s", path, strerror(errno));
    int code = renderer->render ? show_document(fd, renderer, top, &why) : show_capture(fd, renderer, &why);
    close(fd);
    if (code == MEDIC_E_IO && ferror(stdout))
        return cli_finish(EXIT_SESSION);
    return code == MEDIC_OK ? cli_finish(EXIT_OK)
                            : cli_fail(EXIT_SESSION, "cannot show the report in %s: %s", path, why.text);
}
