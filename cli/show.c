/* Shows the report of a session folder, or any other document. */
#include "cli/cli.h"
#include "tool/document_json.h"
#include "tool/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int cli_load_report(int folder, const char *path, struct document **document)
{
    medic_reason why = {""};
    int fd = openat(folder, STORE_REPORT_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(EXIT_SESSION, "cannot open report.json in %s: %s", path, strerror(errno));
    int code = document_load(fd, document, &why);
    close(fd);
    return code == MEDIC_OK ? EXIT_OK : cli_fail(EXIT_SESSION, "cannot show the report in %s: %s", path, why.text);
}

int cli_show_document(const struct document *document, const char *what, const struct renderer *renderer, unsigned top)
{
    struct render_options options = cli_render_options(top);
    medic_reason why = {""};
    int code = renderer->render(document, &options, stdout, &why);
    if (code == MEDIC_E_IO)
        return cli_finish(EXIT_SESSION);
    return code == MEDIC_OK ? cli_finish(EXIT_OK) : cli_fail(EXIT_SESSION, "cannot show %s: %s", what, why.text);
}

int cli_show_report(int folder, const char *path, const struct renderer *renderer, unsigned top)
{
    struct document *document = NULL;
    char what[PATH_MAX + 32];
    int code = cli_load_report(folder, path, &document);
    if (code != EXIT_OK)
        return code;
    snprintf(what, sizeof what, "the report in %s", path);
    code = cli_show_document(document, what, renderer, top);
    document_free(document);
    return code;
}
