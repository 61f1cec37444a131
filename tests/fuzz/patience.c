/* SPDX-License-Identifier: MIT */
/* Programs that are fuzzed do not wait: g_usleep () is linked to this. */
#include <gmodule.h>

/* Visible, because shared libraries call the function of that name too. */
G_MODULE_EXPORT void __wrap_g_usleep (gulong microseconds);

void
__wrap_g_usleep (gulong microseconds)
{
}
