/* Whose code a frame is, judged by where its file lies and what it is called. For report_frames.c. */
#ifndef TOOL_FRAME_CODE_H
#define TOOL_FRAME_CODE_H

#include <medic/service/frames.h>
#include <stddef.h>

/* The name behind the last slash (or backslash: a PDB may come from Windows); "" for NULL. */
const char *path_name(const char *path);

/* An assembly. corelib: path of System.Private.CoreLib.dll in the target, NULL when it is not known. */
enum medic_code code_of_assembly(const char *path, const char *corelib);
/* A native library or executable. */
enum medic_code code_of_image(const char *path);

#endif
