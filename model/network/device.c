/* SPDX-License-Identifier: MIT */
#include "model/network/device.h"

static gboolean
fail_name (const char *name, GError **error)
{
  g_autofree char *names = g_strjoinv (", ", (char **)ck_device_names ());
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "device \"%s\" is unknown; this build offers: auto, %s", name, names);
  return FALSE;
}

/* Whether this build offers a device of that name, or of the name before its number. */
static gboolean
is_known (const char *name)
{
  const gsize n = strcspn (name, ":");
  const char *const *known = ck_device_names ();
  if (g_str_equal (name, "auto"))
    return TRUE;
  for (; *known; known++)
    if (strlen (*known) == n && strncmp (*known, name, n) == 0)
      return TRUE;
  return FALSE;
}

/* Of a name that this build knows; `reason` is the device's own, or empty. */
static gboolean
fail_absent (const char *name, const char *reason, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "device \"%s\": %s", name,
               *reason ? reason : "this machine has no such device");
  return FALSE;
}

static gboolean
fail_level (GError **error)
{
  const char *level = g_getenv ("COWBEHAVIOR_CPU");
  g_autofree char *levels = g_strjoinv (", ", (char **)ck_cpu_levels ());
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "COWBEHAVIOR_CPU=\"%s\": this processor offers: auto, %s", level ? level : "",
               levels);
  return FALSE;
}

/* Whether the CPU opens, which fails where the environment names a level that it lacks. */
static gboolean
cpu_opens (void)
{
  CkDevice *device;
  const CkStatus status = ck_device_open ("cpu", NULL, &device);
  ck_device_close (device);
  return status != CK_UNSUPPORTED;
}

/* Says once that the processor could do more, which somebody has to try first. */
static void
tell_untried_level (void)
{
  static gsize told = 0;
  const char *level = ck_cpu_untried_level ();
  if (!g_once_init_enter (&told))
    return;
  if (level && !g_getenv ("COWBEHAVIOR_CPU"))
    g_message ("this processor has instructions that were not tried yet; COWBEHAVIOR_CPU=%s uses "
               "them, and whole numbers are faster then",
               level);
  g_once_init_leave (&told, 1);
}

/* Why a device cannot be opened. */
static gboolean
fail_open (const char *name, CkStatus status, const char *reason, GError **error)
{
  if (*reason)
    return fail_absent (name, reason, error);
  if (status != CK_UNSUPPORTED)
    return cow_check (status, error, "opening device \"%s\"", name);
  if (!is_known (name))
    return fail_name (name, error);
  return cpu_opens () ? fail_absent (name, reason, error) : fail_level (error);
}

/* Says once why there is a GPU and "auto" does not take it. */
static void
tell_passed_over (const char *reason)
{
  static gsize told = 0;
  if (!*reason || !g_once_init_enter (&told))
    return;
  g_message ("the CPU computes, not the GPU: %s", reason);
  g_once_init_leave (&told, 1);
}

CkDevice *
cow_device_open (const char *name, int threads, GError **error)
{
  char reason[CK_DEVICE_REASON];
  const CkDeviceOptions options = { .threads = threads, .reason = reason };
  CkDevice *device = NULL;
  if (!name || !*name)
    name = "auto";
  const CkStatus status = ck_device_open (name, &options, &device);
  if (status != CK_OK) {
    fail_open (name, status, reason, error);
    return NULL;
  }
  tell_passed_over (reason);
  tell_untried_level ();
  return device;
}

/* A GPU's name says which one it is, and to open it takes long. */
static const char *
resolve_gpu (const char *name)
{
  g_autofree char *numbered = strchr (name, ':') ? g_strdup (name) : g_strconcat (name, ":0", NULL);
  return g_intern_string (numbered);
}

const char *
cow_device_resolve (const char *name, GError **error)
{
  if (name && is_known (name) && !g_str_equal (name, "auto") && !g_str_has_prefix (name, "cpu"))
    return resolve_gpu (name);
  g_autoptr (CkDevice) device = cow_device_open (name, 0, error);
  return device ? g_intern_string (device->name) : NULL;
}

char *
cow_device_text (const CkDevice *device)
{
  return g_strdup_printf ("%s (%s)", device->name, device->features);
}

static double
gibibytes (gsize bytes)
{
  return (double)bytes / (1 << 30);
}

void
cow_device_explain (CkDevice *device, GError **error)
{
  CkDeviceState state;
  g_autofree char *text = NULL;
  if (!device || !error || !*error || !ck_device_state (device, &state) ||
      strstr ((*error)->message, state.model))
    return; /* nothing to say, or said already */
  /* What allocates cannot tell why there is nothing. */
  if (g_error_matches (*error, COW_ERROR, COW_ERROR_MEMORY) && state.is_lost)
    (*error)->code = COW_ERROR_DEVICE;
  if (g_error_matches (*error, COW_ERROR, COW_ERROR_MEMORY))
    text = g_strdup_printf ("%.2f of %.2f GiB are free", gibibytes (ck_device_free_bytes (device)),
                            gibibytes (state.total_bytes));
  else if (g_error_matches (*error, COW_ERROR, COW_ERROR_DEVICE) && *state.failure)
    text = g_strdup (state.failure);
  if (!text)
    return;
  g_autofree char *message = g_steal_pointer (&(*error)->message);
  (*error)->message = g_strdup_printf ("%s (%s, %s: %s)", message, device->name, state.model, text);
}

CkStream *
cow_stream_new (CkDevice *device, int threads, GError **error)
{
  CkStream *stream;
  if (cow_check (ck_stream_new (device, threads, &stream), error, "a stream of device \"%s\"",
                 device->name))
    return stream;
  cow_device_explain (device, error);
  return NULL;
}

CkWeightUses
cow_precision_uses (CowPrecision precision)
{
  switch (precision) {
  case COW_PRECISION_INT16:
    return CK_USE_INT16;
  case COW_PRECISION_FP16:
    return CK_USE_F16;
  case COW_PRECISION_BF16:
    return CK_USE_BF16;
  case COW_PRECISION_INT8:
    return CK_USE_INT8;
  case COW_PRECISION_AUTO:
  case COW_PRECISION_FP32:
    break;
  }
  return (CkWeightUses)0;
}

static gboolean
offers (const CkDevice *device, CowPrecision precision)
{
  const int uses = cow_precision_uses (precision);
  return (uses & ~device->products) == 0;
}

gboolean
cow_precision_check (const CkDevice *device, CowPrecision precision, GError **error)
{
  if (offers (device, precision))
    return TRUE;
  g_autofree char *text = cow_device_text (device);
  const char *const *all = cow_precision_names ();
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = COW_PRECISION_FP32; all[i]; i++)
    if (offers (device, (CowPrecision)i))
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", all[i]);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "precision %s: %s has no instructions for it; it offers: %s",
               cow_precision_name (precision), text, names->str);
  return FALSE;
}

CowPrecision
cow_precision_finer (const CkDevice *device, CowPrecision precision)
{
  while (precision > COW_PRECISION_FP32)
    if (offers (device, --precision))
      return precision;
  return COW_PRECISION_FP32;
}
