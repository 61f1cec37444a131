/* SPDX-License-Identifier: MIT */
/*
 * The other half of nf4.h: a weight of a checkpoint, dense or NF4, as the kernels take it. An NF4
 * weight X is up to six tensors: X (codes), X.absmax, X.quant_map, X.nested_absmax,
 * X.nested_quant_map and X.quant_state.bitsandbytes__nf4 (bytes of JSON). The maps and the offset
 * are the file's own, never ours; each length is checked against the shape before anything is
 * computed from it.
 */
#include <math.h>
#include <string.h>

#include "model/files/floats.h"
#include "model/files/json-object.h"
#include "model/files/nf4.h"

#define STATE_KEY "quant_state.bitsandbytes__nf4"
#define MAX_STATE 65536 /* bytes of JSON; bitsandbytes writes about 170 */
#define MIN_BLOCK 32
#define MAX_BLOCK 4096

typedef struct {
  gint64 block, nested_block;
  double offset;
} State;

static const CowTensor *
part (const CowCheckpoint *checkpoint, const char *name, const char *suffix)
{
  g_autofree char *full = g_strconcat (name, ".", suffix, NULL);
  return cow_checkpoint_find (checkpoint, full);
}

/* A part that must be there with `count` elements; any shape, since bitsandbytes itself writes [n]
 * and [n, 1]. */
static const CowTensor *
part_of_count (const CowCheckpoint *checkpoint, const char *name, const char *suffix, gsize count,
               GError **error)
{
  const CowTensor *tensor = part (checkpoint, name, suffix);
  if (tensor == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: NF4 weight %s has no %s.%s",
                 cow_checkpoint_path (checkpoint), name, name, suffix);
    return NULL;
  }
  if (cow_tensor_count (tensor) != count) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: %s has shape %s, expected %" G_GSIZE_FORMAT " values",
                 cow_checkpoint_file_of (checkpoint, tensor), tensor->name, shape, count);
    return NULL;
  }
  return tensor;
}

/* The values of a part, which are the caller's. */
static float *
part_floats (const CowCheckpoint *checkpoint, const char *name, const char *suffix, gsize count,
             GError **error)
{
  const CowTensor *tensor = part_of_count (checkpoint, name, suffix, count, error);
  if (tensor == NULL)
    return NULL;
  return cow_tensor_dup_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor), error);
}

static gboolean
check_shape (JsonObject *object, const char *where, gint64 out, gint64 in, GError **error)
{
  JsonArray *shape = NULL;
  if (!cow_json_require (object, where, "shape", error) ||
      !cow_json_get_array (object, where, "shape", &shape, error))
    return FALSE;
  const gint64 expected[2] = { out, in };
  gboolean same = json_array_get_length (shape) == 2;
  for (guint i = 0; same && i < 2; i++) {
    JsonNode *node = json_array_get_element (shape, i);
    same = cow_json_holds (node, G_TYPE_INT64) && json_node_get_int (node) == expected[i];
  }
  if (same)
    return TRUE;
  g_autofree char *found = cow_json_describe (json_object_get_member (object, "shape"));
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: \"shape\" is %s, expected [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]", where,
               found, out, in);
  return FALSE;
}

static gboolean
check_word (JsonObject *object, const char *where, const char *key, const char *expected,
            GError **error)
{
  const char *word = NULL;
  if (!cow_json_require (object, where, key, error) ||
      !cow_json_get_string (object, where, key, &word, error))
    return FALSE;
  if (strcmp (word, expected) == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"%s\" is \"%s\", only \"%s\" is supported", where, key, word, expected);
  return FALSE;
}

static gboolean
get_block (JsonObject *object, const char *where, const char *key, gint64 *block, GError **error)
{
  if (!cow_json_require (object, where, key, error) ||
      !cow_json_get_int (object, where, key, MIN_BLOCK, MAX_BLOCK, block, error))
    return FALSE;
  if ((*block & (*block - 1)) == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: \"%s\" is %" G_GINT64_FORMAT ", expected a power of two", where, key, *block);
  return FALSE;
}

static gboolean
parse_state (JsonObject *object, const char *where, gint64 out, gint64 in, gboolean nested,
             State *state, GError **error)
{
  if (!check_word (object, where, "quant_type", "nf4", error) ||
      !check_shape (object, where, out, in, error) ||
      !get_block (object, where, "blocksize", &state->block, error))
    return FALSE;
  return !nested || (get_block (object, where, "nested_blocksize", &state->nested_block, error) &&
                     check_word (object, where, "nested_dtype", "float32", error) &&
                     cow_json_require (object, where, "nested_offset", error) &&
                     cow_json_get_double (object, where, "nested_offset", &state->offset, error));
}

static gboolean
read_state (const CowCheckpoint *checkpoint, const CowTensor *tensor, gint64 out, gint64 in,
            gboolean nested, State *state, GError **error)
{
  g_autofree char *where =
      g_strdup_printf ("%s: %s", cow_checkpoint_file_of (checkpoint, tensor), tensor->name);
  if (tensor->dtype != COW_U8 || tensor->n_bytes > MAX_STATE) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: %" G_GSIZE_FORMAT " bytes of type %s, expected at most %d of U8", where,
                 tensor->n_bytes, cow_dtype_name (tensor->dtype), MAX_STATE);
    return FALSE;
  }
  g_autofree char *text = g_malloc (tensor->n_bytes);
  if (!cow_tensor_copy (tensor, 0, tensor->n_bytes, text, error))
    return FALSE;
  g_autoptr (JsonObject) object = cow_json_parse_object (text, tensor->n_bytes, where, error);
  return object != NULL && parse_state (object, where, out, in, nested, state, error);
}

static gsize
ceil_div (gsize a, gsize b)
{
  return a / b + (a % b != 0);
}

/* map[q8] * absmax2[i / nested_block] + offset, each step rounded to fp32 by itself as bitsandbytes
 * does. */
static gboolean
restore_absmax (const guint8 *codes, gsize n_blocks, const float map[256], const float *absmax2,
                const State *state, float *absmax)
{
  float offset = (float)state->offset;
  gboolean finite = TRUE;
  for (gsize i = 0; i < n_blocks; i++)
    absmax[i] = map[codes[i]] * absmax2[i / (gsize)state->nested_block];
  /* A loop of its own, so that no compiler fuses product and sum into one rounding. */
  for (gsize i = 0; i < n_blocks; i++) {
    absmax[i] += offset;
    finite &= absmax[i] - absmax[i] == 0;
  }
  return finite;
}

static float *
no_memory (const char *file, gsize n_blocks, const char *name, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_MEMORY,
               "%s: no memory for the %" G_GSIZE_FORMAT " scales of %s", file, n_blocks, name);
  return NULL;
}

static float *
read_nested_absmax (const CowCheckpoint *checkpoint, const char *name, gsize n_blocks,
                    const State *state, GError **error)
{
  const CowTensor *codes = part_of_count (checkpoint, name, "absmax", n_blocks, error);
  if (codes == NULL)
    return NULL;
  const char *file = cow_checkpoint_file_of (checkpoint, codes);
  if (codes->dtype != COW_U8) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: %s is of type %s, expected U8 beside a nested_absmax", file, codes->name,
                 cow_dtype_name (codes->dtype));
    return NULL;
  }
  g_autofree float *map = part_floats (checkpoint, name, "nested_quant_map", 256, error);
  g_autofree float *absmax2 =
      map == NULL ? NULL
                  : part_floats (checkpoint, name, "nested_absmax",
                                 ceil_div (n_blocks, (gsize)state->nested_block), error);
  if (absmax2 == NULL)
    return NULL;
  g_autofree float *absmax = g_try_new (float, n_blocks);
  if (absmax == NULL)
    return no_memory (file, n_blocks, name, error);
  g_autofree guint8 *bytes = g_try_malloc (n_blocks);
  if (bytes == NULL)
    return no_memory (file, n_blocks, name, error);
  if (!cow_tensor_copy (codes, 0, n_blocks, bytes, error))
    return NULL;
  if (!restore_absmax (bytes, n_blocks, map, absmax2, state, absmax)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: the scales of %s, decoded, are not finite", file, name);
    return NULL;
  }
  return g_steal_pointer (&absmax);
}

/* Finite codes times finite scales may still leave fp32's range. */
static gboolean
check_range (const CkWeightSource *source, gsize n_blocks, const char *file, const char *name,
             GError **error)
{
  float code = 0, scale = 0;
  for (int i = 0; i < 16; i++)
    code = MAX (code, fabsf (source->code[i]));
  for (gsize i = 0; i < n_blocks; i++)
    scale = MAX (scale, fabsf (source->host_absmax[i]));
  if (isfinite (code * scale))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: %s decodes to values beyond fp32 (scales up to %g, codes up to %g)", file, name,
               scale, code);
  return FALSE;
}

static gboolean
find_nf4 (const CowCheckpoint *checkpoint, const CowTensor *codes, const char *name, gsize count,
          CkWeightSource *source, float **absmax, GError **error)
{
  State state = { 0 };
  gboolean nested = part (checkpoint, name, "nested_absmax") != NULL;
  if (!read_state (checkpoint, part (checkpoint, name, STATE_KEY), source->out, source->in, nested,
                   &state, error))
    return FALSE;
  gsize n_bytes = ceil_div (count, 2), n_blocks = ceil_div (count, (gsize)state.block);
  /* quant_storage may be any type: what counts is the bytes, padded to a whole element at most. */
  if (codes->n_bytes < n_bytes || codes->n_bytes - n_bytes >= cow_dtype_size (codes->dtype)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: NF4 weight %s has %" G_GSIZE_FORMAT " bytes, expected %" G_GSIZE_FORMAT,
                 cow_checkpoint_file_of (checkpoint, codes), name, codes->n_bytes, n_bytes);
    return FALSE;
  }
  g_autofree float *map = part_floats (checkpoint, name, "quant_map", 16, error);
  if (map == NULL)
    return FALSE;
  *absmax = nested ? read_nested_absmax (checkpoint, name, n_blocks, &state, error)
                   : part_floats (checkpoint, name, "absmax", n_blocks, error);
  if (*absmax == NULL)
    return FALSE;
  source->type = CK_NF4;
  source->host_data = codes->data;
  source->host_absmax = *absmax;
  source->block = state.block;
  memcpy (source->code, map, sizeof source->code);
  if (check_range (source, n_blocks, cow_checkpoint_file_of (checkpoint, codes), name, error) &&
      cow_tensor_read (codes, error))
    return TRUE;
  g_clear_pointer (absmax, g_free);
  return FALSE;
}

/* bitsandbytes' other formats, recognised by what lies beside the weight. */
static gboolean
refuse_other_formats (const CowCheckpoint *checkpoint, const CowTensor *tensor, const char *name,
                      GError **error)
{
  const char *file = cow_checkpoint_file_of (checkpoint, tensor);
  g_autofree char *module = g_str_has_suffix (name, ".weight")
                                ? g_strndup (name, strlen (name) - strlen (".weight"))
                                : g_strdup (name);
  if (part (checkpoint, name, "quant_state.bitsandbytes__fp4") != NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: %s is quantised as bitsandbytes' fp4; of its formats only NF4 is supported",
                 file, name);
    return FALSE;
  }
  if (tensor->dtype == COW_I8 || part (checkpoint, module, "SCB") != NULL ||
      part (checkpoint, module, "weight_format") != NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: %s is quantised as bitsandbytes' int8; of its formats only NF4 is supported",
                 file, name);
    return FALSE;
  }
  return TRUE;
}

static gboolean
find_dense (const CowCheckpoint *checkpoint, const CowTensor *tensor, CkWeightSource *source,
            GError **error)
{
  const char *file = cow_checkpoint_file_of (checkpoint, tensor);
  switch (tensor->dtype) {
  case COW_F32:
    source->type = CK_F32;
    break;
  case COW_F16:
    source->type = CK_F16;
    break;
  case COW_BF16:
    source->type = CK_BF16;
    break;
  case COW_U8:
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: %s is of type U8 without a %s." STATE_KEY
                 " beside it: quantised weights need their quant state",
                 file, tensor->name, tensor->name);
    return FALSE;
  default:
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: %s is of type %s, a weight is F32, F16, BF16 or NF4", file, tensor->name,
                 cow_dtype_name (tensor->dtype));
    return FALSE;
  }
  /* The kernels take a matrix; a convolution's [out, channels, height, width] is one, row by row.
   */
  gsize row = 1;
  gboolean fits = tensor->n_dims >= 2 && tensor->dims[0] == source->out;
  for (guint i = 1; fits && i < tensor->n_dims; i++)
    fits = g_size_checked_mul (&row, row, (gsize)tensor->dims[i]);
  if (!fits || row != (gsize)source->in) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: %s has shape %s, expected [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]", file,
                 tensor->name, shape, source->out, source->in);
    return FALSE;
  }
  source->host_data = tensor->data;
  return cow_tensor_read (tensor, error) && cow_tensor_check_finite (tensor, file, error);
}

gboolean
cow_weight_find (const CowCheckpoint *checkpoint, const char *name, gint64 out, gint64 in,
                 CkWeightSource *source, float **absmax, GError **error)
{
  gint64 count;
  *absmax = NULL;
  *source = (CkWeightSource){ .out = out, .in = in };
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, name);
  if (tensor == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: no tensor %s",
                 cow_checkpoint_path (checkpoint), name);
    return FALSE;
  }
  if (out < 1 || in < 1 || __builtin_mul_overflow (out, in, &count)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "] is no shape of a weight", name,
                 out, in);
    return FALSE;
  }
  if (part (checkpoint, name, STATE_KEY) != NULL)
    return find_nf4 (checkpoint, tensor, name, (gsize)count, source, absmax, error);
  return refuse_other_formats (checkpoint, tensor, name, error) &&
         find_dense (checkpoint, tensor, source, error);
}
