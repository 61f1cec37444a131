/* SPDX-License-Identifier: MIT */
#include "model/network/precision.h"

#define NAMED_LAYERS 4 /* that a line has room for */

static const char *const precision_names[] = {
  [COW_PRECISION_AUTO] = "auto",
  [COW_PRECISION_FP32] = "fp32",
  [COW_PRECISION_INT16] = "int16",
  [COW_PRECISION_FP16] = "fp16",
  [COW_PRECISION_BF16] = "bf16",
  [COW_PRECISION_INT8] = "int8",
  NULL,
};

const char *
cow_precision_name (CowPrecision precision)
{
  return precision_names[precision];
}

const char *const *
cow_precision_names (void)
{
  return precision_names;
}

gboolean
cow_precision_parse (const char *name, CowPrecision *precision, GError **error)
{
  for (guint i = 0; precision_names[i]; i++)
    if (!name || g_str_equal (name, precision_names[i])) {
      *precision = (CowPrecision)i;
      return TRUE;
    }
  g_autofree char *names = g_strjoinv (", ", (char **)precision_names);
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "precision \"%s\" is unknown; this build offers: %s", name, names);
  return FALSE;
}

const char *
cow_precision_label (CowPrecision precision, CowPrecision finer, gboolean mixed)
{
  g_autofree char *text =
      g_strconcat (cow_precision_name (precision), "+", cow_precision_name (finer), NULL);
  return mixed ? g_intern_string (text) : cow_precision_name (precision);
}

char *
cow_precision_text (CowPrecision precision, CowPrecision finer, const char *const *raised,
                    guint n_linear)
{
  const guint n = raised ? g_strv_length ((char **)raised) : 0;
  GString *text = g_string_new (cow_precision_name (precision));
  if (n > 0)
    g_string_append_printf (text, ", with %u of %u layers in %s:", n, n_linear,
                            cow_precision_name (finer));
  for (guint i = 0; i < MIN (n, NAMED_LAYERS); i++)
    g_string_append_printf (text, "%s %s", i > 0 ? "," : "", raised[i]);
  if (n > NAMED_LAYERS)
    g_string_append_printf (text, " and %u more", n - NAMED_LAYERS);
  return g_string_free (text, FALSE);
}
