/* SPDX-License-Identifier: MIT */
#include "model/network/device.h"

static CkStatus
open_cpu (int threads, CkBackend **backend)
{
  return ck_cpu_open (NULL, threads, backend);
}

/* The devices of this build, the fastest first: that is what "auto" takes. */
static const struct {
  const char *name;
  CkStatus (*open) (int threads, CkBackend **backend);
} devices[] = { { "cpu", open_cpu } };

static const char *const precision_names[] = {
  [COW_PRECISION_AUTO] = "auto",
  [COW_PRECISION_FP32] = "fp32",
};

/* The index of the device that a name stands for, or -1. */
static int
find_device (const char *name)
{
  if (!name || !*name || g_str_equal (name, "auto"))
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (devices); i++)
    if (g_str_equal (name, devices[i].name))
      return (int)i;
  return -1;
}

static int
require_device (const char *name, GError **error)
{
  const int i = find_device (name);
  if (i >= 0)
    return i;
  g_autoptr (GString) names = g_string_new ("auto");
  for (guint d = 0; d < G_N_ELEMENTS (devices); d++)
    g_string_append_printf (names, ", %s", devices[d].name);
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "device \"%s\" is unknown; this build offers: %s", name, names->str);
  return -1;
}

const char *
cow_device_resolve (const char *name, GError **error)
{
  const int i = require_device (name, error);
  return i < 0 ? NULL : devices[i].name;
}

CkBackend *
cow_device_open (const char *name, int threads, GError **error)
{
  CkBackend *backend = NULL;
  const int i = require_device (name, error);
  if (i < 0)
    return NULL;
  const CkStatus status = devices[i].open (threads, &backend);
  if (status == CK_UNSUPPORTED) {
    const char *level = g_getenv ("COWBEHAVIOR_CPU");
    g_autofree char *levels = g_strjoinv (", ", (char **)ck_cpu_levels ());
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "COWBEHAVIOR_CPU=\"%s\": this processor offers: auto, %s", level ? level : "",
                 levels);
    return NULL;
  }
  return cow_check (status, error, "opening device \"%s\"", devices[i].name) ? backend : NULL;
}

const char *
cow_precision_name (CowPrecision precision)
{
  return precision_names[precision];
}

gboolean
cow_precision_parse (const char *name, CowPrecision *precision, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (precision_names); i++)
    if (!name || g_str_equal (name, precision_names[i])) {
      *precision = (CowPrecision)i;
      return TRUE;
    }
  g_autoptr (GString) names = g_string_new (precision_names[0]);
  for (guint i = 1; i < G_N_ELEMENTS (precision_names); i++)
    g_string_append_printf (names, ", %s", precision_names[i]);
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "precision \"%s\" is unknown; this build offers: %s", name, names->str);
  return FALSE;
}

CowPrecision
cow_precision_resolve (CowPrecision wanted)
{
  return wanted == COW_PRECISION_AUTO ? COW_PRECISION_FP32 : wanted;
}
