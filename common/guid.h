/* GUIDs as text. */
#ifndef COMMON_GUID_H
#define COMMON_GUID_H

#include <medic/clr/types.h>
#include <medic/result.h>

#define GUID_TEXT_SIZE 37 /* with its NUL */

/* "01234567-89ab-cdef-0123-456789abcdef", lower case. */
void guid_format(const GUID *guid, char text[GUID_TEXT_SIZE]);
/* Either case, with or without braces; nothing before or after. MEDIC_E_ARGUMENT. */
int guid_parse(const char *text, GUID *guid, medic_reason *why);
int guid_equal(const GUID *a, const GUID *b);

#endif
