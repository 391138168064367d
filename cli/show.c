/* Shows the report of a session folder. */
#include "cli/cli.h"
#include "tool/document_json.h"
#include "tool/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int cli_show_report(int folder, const char *path, const struct renderer *renderer, unsigned top)
{
    struct render_options options = cli_render_options(top);
    struct document *document = NULL;
    medic_reason why = {""};
    int fd = openat(folder, STORE_REPORT_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(EXIT_SESSION, "cannot open report.json in %s: %s", path, strerror(errno));
    int code = document_load(fd, &document, &why);
    close(fd);
    if (code == MEDIC_OK) {
        code = renderer->render(document, &options, stdout, &why);
        document_free(document);
        if (code == MEDIC_E_IO)
            return cli_finish(EXIT_SESSION);
    }
    return code == MEDIC_OK ? cli_finish(EXIT_OK)
                            : cli_fail(EXIT_SESSION, "cannot show the report in %s: %s", path, why.text);
}
