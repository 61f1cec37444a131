/* SPDX-License-Identifier: MIT */
#include "model/files/error.h"

G_DEFINE_QUARK (cow - error - quark, cow_error)

static CowError
code_of (CkStatus status)
{
  switch (status) {
  case CK_NO_MEMORY:
    return COW_ERROR_MEMORY;
  case CK_BAD_SHAPE:
    return COW_ERROR_MISMATCH;
  case CK_UNSUPPORTED:
    return COW_ERROR_UNSUPPORTED;
  default:
    return COW_ERROR_DEVICE;
  }
}

gboolean
cow_check (CkStatus status, GError **error, const char *doing, ...)
{
  if (status == CK_OK)
    return TRUE;
  va_list arguments;
  va_start (arguments, doing);
  g_autofree char *what = g_strdup_vprintf (doing, arguments);
  va_end (arguments);
  g_set_error (error, COW_ERROR, code_of (status), "%s: %s", what, ck_status_text (status));
  return FALSE;
}
