/* SPDX-License-Identifier: MIT */
/* The order and sizes of the tensors that make up a quantised weight; they follow from its shape
 * alone. */
#include "model/files/nf4-write.h"

#include <string.h>

#define N_PARTS   6
#define MIN_STATE 256 /* bytes: the JSON of a quant state is always shorter */

/*
 * Bytes of the quant state's tensor. Its JSON is followed by spaces, which JSON ignores: they make
 * the size known before the weight is read, and round the three byte tensors of a weight up to a
 * multiple of 4, so that all F32 tensors of the file stay aligned for whoever maps it.
 */
static gsize
state_size (gsize n_codes, gsize n_blocks)
{
  return MIN_STATE + (4 - (n_codes + n_blocks) % 4) % 4;
}

gsize
cow_nf4_declare (CowSafetensorsWriter *writer, const char *name, gint64 out, gint64 in)
{
  gsize n_codes, n_blocks, n_nested;
  cow_nf4_sizes (out, in, &n_codes, &n_blocks, &n_nested);
  const struct {
    const char *suffix;
    CowDtype dtype;
    guint n_dims;
    gint64 dims[2];
  } parts[N_PARTS] = {
    { ".quant_map", COW_F32, 1, { 16 } },
    { ".nested_absmax", COW_F32, 1, { (gint64)n_nested } },
    { ".nested_quant_map", COW_F32, 1, { 256 } },
    { "", COW_U8, 2, { (gint64)n_codes, 1 } },
    { ".absmax", COW_U8, 1, { (gint64)n_blocks } },
    { ".quant_state.bitsandbytes__nf4", COW_U8, 1, { (gint64)state_size (n_codes, n_blocks) } },
  };
  for (int i = 0; i < N_PARTS; i++) {
    g_autofree char *part = g_strconcat (name, parts[i].suffix, NULL);
    cow_safetensors_writer_declare (writer, part, parts[i].dtype, parts[i].dims, parts[i].n_dims);
  }
  return 4 * (16 + n_nested + 256) + n_codes + n_blocks + state_size (n_codes, n_blocks);
}

gboolean
cow_nf4_write (CowSafetensorsWriter *writer, const CowNf4 *nf4, const char *dtype, GError **error)
{
  gsize n_state = state_size (nf4->n_codes, nf4->n_blocks);
  g_autofree char *json = cow_nf4_state_json (nf4, dtype);
  g_autofree char *state = g_strdup_printf ("%-*s", (int)n_state, json);
  g_return_val_if_fail (strlen (state) == n_state, FALSE);
  return cow_safetensors_writer_write (writer, cow_nf4_code, sizeof cow_nf4_code, error) &&
         cow_safetensors_writer_write (writer, nf4->nested_absmax, nf4->n_nested * sizeof (float),
                                       error) &&
         cow_safetensors_writer_write (writer, nf4->nested_map, sizeof nf4->nested_map, error) &&
         cow_safetensors_writer_write (writer, nf4->codes, nf4->n_codes, error) &&
         cow_safetensors_writer_write (writer, nf4->absmax, nf4->n_blocks, error) &&
         cow_safetensors_writer_write (writer, state, n_state, error);
}
