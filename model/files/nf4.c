/* SPDX-License-Identifier: MIT */
/*
 * Quantising to NF4 with double quantisation as bitsandbytes does. Weights in blocks of 64 become
 * 4-bit indices into cow_nf4_code times the block's absmax, bit for bit; the absmax, less their
 * mean, become 8-bit indices into the dynamic map times a second absmax of 256 of them. Those are
 * the nearest entries; bitsandbytes' builds for CPUs search less exactly and choose the neighbour
 * for some in a thousand. Formulas: bitsandbytes functional.py (quantize_4bit, quantize_blockwise,
 * create_dynamic_map). weight-find.c reads what this writes.
 */
#include "model/files/nf4.h"

#include <math.h>
#include <string.h>

#include "model/files/error.h"

/* Quantiles of the normal distribution, scaled to [-1, 1] with an exact zero. */
const float cow_nf4_code[16] = {
  -0x1.0p+0f,      -0x1.647362p-1f, -0x1.0cd66p-1f,  -0x1.94654p-2f,
  -0x1.23449ap-2f, -0x1.7a6a7ep-3f, -0x1.74f0e2p-4f, 0x0.0p+0f,
  0x1.45f5fep-4f,  0x1.4995c6p-3f,  0x1.f809bap-3f,  0x1.5a0674p-2f,
  0x1.c3497p-2f,   0x1.200f56p-1f,  0x1.722766p-1f,  0x1.0p+0f,
};

/* The upper half of the signed 8-bit dynamic map; the lower 127 mirror it without 1, and index 127
 * is 0. */
static const float dynamic_map[128] = {
  0x1.27476ep-21f, 0x1.b43528p-19f, 0x1.040bfep-17f, 0x1.64840cp-16f, 0x1.6f0068p-15f,
  0x1.15df66p-14f, 0x1.743e96p-14f, 0x1.47ae16p-13f, 0x1.19ce0ap-12f, 0x1.8fc506p-12f,
  0x1.02de02p-11f, 0x1.3dd982p-11f, 0x1.78d5p-11f,   0x1.b3d07cp-11f, 0x1.eecbfep-11f,
  0x1.4fdf3ap-10f, 0x1.e353f8p-10f, 0x1.3b645ap-9f,  0x1.851eb8p-9f,  0x1.ced914p-9f,
  0x1.0c49bap-8f,  0x1.3126e8p-8f,  0x1.56041ap-8f,  0x1.7ae148p-8f,  0x1.9fbe76p-8f,
  0x1.c49ba6p-8f,  0x1.e978d4p-8f,  0x1.072b02p-7f,  0x1.19999ap-7f,  0x1.2c083p-7f,
  0x1.3e76c8p-7f,  0x1.75c29p-7f,   0x1.d1eb86p-7f,  0x1.170a3ep-6f,  0x1.451ebap-6f,
  0x1.733334p-6f,  0x1.a147aep-6f,  0x1.cf5c2ap-6f,  0x1.fd70a4p-6f,  0x1.15c29p-5f,
  0x1.2ccccep-5f,  0x1.43d70ap-5f,  0x1.5ae146p-5f,  0x1.71eb86p-5f,  0x1.88f5c2p-5f,
  0x1.ap-5f,       0x1.b70a3ep-5f,  0x1.ce147ap-5f,  0x1.e51ebap-5f,  0x1.fc28f6p-5f,
  0x1.09999ap-4f,  0x1.151ebap-4f,  0x1.20a3d6p-4f,  0x1.2c28f6p-4f,  0x1.37ae14p-4f,
  0x1.433334p-4f,  0x1.4eb854p-4f,  0x1.5a3d7p-4f,   0x1.65c29p-4f,   0x1.7147aep-4f,
  0x1.7ccccep-4f,  0x1.8851eep-4f,  0x1.93d70ap-4f,  0x1.b66668p-4f,  0x1.fp-4f,
  0x1.14ccccp-3f,  0x1.31999ap-3f,  0x1.4e6666p-3f,  0x1.6b3334p-3f,  0x1.88p-3f,
  0x1.a4ccccp-3f,  0x1.c1999ap-3f,  0x1.de6666p-3f,  0x1.fb3332p-3f,  0x1.0cp-2f,
  0x1.1a6668p-2f,  0x1.28ccccp-2f,  0x1.373334p-2f,  0x1.459998p-2f,  0x1.54p-2f,
  0x1.626666p-2f,  0x1.70ccccp-2f,  0x1.7f3334p-2f,  0x1.8d9998p-2f,  0x1.9cp-2f,
  0x1.aa6666p-2f,  0x1.b8ccccp-2f,  0x1.c73334p-2f,  0x1.d59998p-2f,  0x1.e4p-2f,
  0x1.f26664p-2f,  0x1.006666p-1f,  0x1.079998p-1f,  0x1.0eccccp-1f,  0x1.16p-1f,
  0x1.1d3334p-1f,  0x1.246668p-1f,  0x1.2b999ap-1f,  0x1.32ccccp-1f,  0x1.3ap-1f,
  0x1.413334p-1f,  0x1.486668p-1f,  0x1.4f999ap-1f,  0x1.56ccccp-1f,  0x1.5ep-1f,
  0x1.653334p-1f,  0x1.6c6668p-1f,  0x1.73999ap-1f,  0x1.7accccp-1f,  0x1.82p-1f,
  0x1.893334p-1f,  0x1.906666p-1f,  0x1.97999ap-1f,  0x1.9eccccp-1f,  0x1.a6p-1f,
  0x1.ad3334p-1f,  0x1.b46666p-1f,  0x1.bb999ap-1f,  0x1.c2ccccp-1f,  0x1.cap-1f,
  0x1.d13334p-1f,  0x1.d86666p-1f,  0x1.df999ap-1f,  0x1.e6ccccp-1f,  0x1.eep-1f,
  0x1.f53334p-1f,  0x1.fc6666p-1f,  0x1.0p+0f,
};

/* bitsandbytes divides by no less than this, which also keeps the reciprocal finite. */
#define SMALLEST_ABSMAX 1e-38f

static void
fill_dynamic_map (float map[256])
{
  for (int i = 0; i < 127; i++)
    map[i] = -dynamic_map[126 - i];
  map[127] = 0;
  memcpy (map + 128, dynamic_map, sizeof dynamic_map);
}

static float
absmax_of (const float *x, gsize n)
{
  float most = 0;
  for (gsize i = 0; i < n; i++)
    most = fabsf (x[i]) > most ? fabsf (x[i]) : most;
  return most;
}

/* The boundaries between neighbouring codes, in fp32 as bitsandbytes has them. */
static void
fill_midpoints (const float *code, int n, float *midpoints)
{
  for (int i = 0; i < n - 1; i++)
    midpoints[i] = (code[i] + code[i + 1]) / 2;
}

/*
 * One full block: the index of the nearest code is the number of midpoints strictly below the
 * value. Counting them has no branch and the length is a constant, so compilers make vectors of
 * it: 6.7e9 weights of a 7B take seconds, not hours.
 */
static void
quantise_block (const float x[COW_NF4_BLOCK], float absmax, const float midpoints[15],
                guint8 codes[COW_NF4_BLOCK / 2])
{
  float scale = 1.0f / fmaxf (absmax, SMALLEST_ABSMAX);
  float scaled[COW_NF4_BLOCK];
  gint32 index[COW_NF4_BLOCK] = { 0 };
  for (int i = 0; i < COW_NF4_BLOCK; i++)
    scaled[i] = x[i] * scale;
  for (int m = 0; m < 15; m++)
    for (int i = 0; i < COW_NF4_BLOCK; i++)
      index[i] += scaled[i] > midpoints[m];
  for (int i = 0; i < COW_NF4_BLOCK / 2; i++)
    codes[i] = (guint8)(index[2 * i] << 4 | index[2 * i + 1]);
}

/* All 4-bit codes; absmax [n_blocks] is for quantise_absmax (). */
static void
quantise_weights (const float *weight, gsize count, guint8 *codes, float *absmax)
{
  float midpoints[15];
  fill_midpoints (cow_nf4_code, 16, midpoints);
  for (gsize first = 0; first < count; first += COW_NF4_BLOCK) {
    gsize n = MIN (COW_NF4_BLOCK, count - first);
    float most = absmax_of (weight + first, n);
    absmax[first / COW_NF4_BLOCK] = most;
    if (n == COW_NF4_BLOCK) {
      quantise_block (weight + first, most, midpoints, codes + first / 2);
    } else {
      float rest[COW_NF4_BLOCK] = { 0 };
      guint8 rest_codes[COW_NF4_BLOCK / 2];
      memcpy (rest, weight + first, n * sizeof *rest);
      quantise_block (rest, most, midpoints, rest_codes);
      memcpy (codes + first / 2, rest_codes, (n + 1) / 2);
    }
  }
}

static guint8
nearest (const float midpoints[255], float x)
{
  int low = 0;
  for (int step = 128; step > 0; step /= 2)
    low += x > midpoints[low + step - 1] ? step : 0;
  return (guint8)low;
}

/* The second quantisation; takes the mean off absmax in place. */
static void
quantise_absmax (float *absmax, CowNf4 *nf4)
{
  float midpoints[255];
  double sum = 0;
  for (gsize i = 0; i < nf4->n_blocks; i++)
    sum += absmax[i];
  nf4->nested_offset = (float)(sum / (double)MAX (nf4->n_blocks, 1));
  fill_midpoints (nf4->nested_map, 256, midpoints);
  for (gsize i = 0; i < nf4->n_blocks; i++)
    absmax[i] -= nf4->nested_offset;
  for (gsize block = 0; block < nf4->n_nested; block++) {
    gsize first = block * COW_NF4_NESTED_BLOCK,
          n = MIN (COW_NF4_NESTED_BLOCK, nf4->n_blocks - first);
    nf4->nested_absmax[block] = absmax_of (absmax + first, n);
    float scale = 1.0f / fmaxf (nf4->nested_absmax[block], SMALLEST_ABSMAX);
    for (gsize i = first; i < first + n; i++)
      nf4->absmax[i] = nearest (midpoints, absmax[i] * scale);
  }
}

void
cow_nf4_sizes (gint64 out, gint64 in, gsize *n_codes, gsize *n_blocks, gsize *n_nested)
{
  gsize count = (gsize)(out * in);
  *n_codes = count / 2 + count % 2;
  *n_blocks = count / COW_NF4_BLOCK + (count % COW_NF4_BLOCK != 0);
  *n_nested = *n_blocks / COW_NF4_NESTED_BLOCK + (*n_blocks % COW_NF4_NESTED_BLOCK != 0);
}

gboolean
cow_nf4_quantise (const float *weight, gint64 out, gint64 in, CowNf4 *nf4, GError **error)
{
  *nf4 = (CowNf4){ .out = out, .in = in };
  cow_nf4_sizes (out, in, &nf4->n_codes, &nf4->n_blocks, &nf4->n_nested);
  nf4->codes = g_try_new (guint8, nf4->n_codes);
  nf4->absmax = g_try_new (guint8, nf4->n_blocks);
  nf4->nested_absmax = g_try_new (float, nf4->n_nested);
  g_autofree float *absmax = g_try_new (float, nf4->n_blocks);
  if (nf4->codes == NULL || nf4->absmax == NULL || nf4->nested_absmax == NULL || absmax == NULL)
    return cow_check (CK_NO_MEMORY, error, "4-bit codes");
  fill_dynamic_map (nf4->nested_map);
  quantise_weights (weight, (gsize)(out * in), nf4->codes, absmax);
  quantise_absmax (absmax, nf4);
  return TRUE;
}

void
cow_nf4_clear (CowNf4 *nf4)
{
  g_clear_pointer (&nf4->codes, g_free);
  g_clear_pointer (&nf4->absmax, g_free);
  g_clear_pointer (&nf4->nested_absmax, g_free);
}

char *
cow_nf4_state_json (const CowNf4 *nf4, const char *dtype)
{
  char offset[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_dtostr (offset, sizeof offset, nf4->nested_offset);
  return g_strdup_printf (
      "{\"quant_type\": \"nf4\", \"blocksize\": %d, \"dtype\": \"%s\", \"shape\": "
      "[%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
      "], \"nested_blocksize\": %d, \"nested_dtype\": \"float32\", \"nested_offset\": %s}",
      COW_NF4_BLOCK, dtype, nf4->out, nf4->in, COW_NF4_NESTED_BLOCK, offset);
}
