/* SPDX-License-Identifier: MIT */
/* The formula of formula.h. A 7B model has 6.7e9 values, so the loop is one that compilers
 * vectorise, and it is divided among threads. */
#include "pipelines/demo/formula.h"

#include "kernels/cpu/processors.h"
#include "kernels/cpu/team.h"

#include <math.h>
#include <string.h>

guint32
cow_formula_hash (const char *name)
{
  guint32 hash = 0x811c9dc5u;
  for (; *name; name++)
    hash = (hash ^ (guint8)*name) * 0x01000193u;
  return hash;
}

/* x / 2^31 - 1 in double, rounded to float, is the same number as the signed integer x - 2^31
 * rounded to float and multiplied by 2^-31. */
static inline float
value_u (guint32 hash, guint32 i)
{
  guint32 x = i * 0x9e3779b9u + hash;
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  x ^= x >> 16;
  return (float)(gint32)(x ^ 0x80000000u) * 0x1p-31f;
}

typedef struct {
  guint32 hash, start;
  float scale, offset;
  float *out;
} Values;

static CkStatus
fill_part (const void *data, int64_t first, int64_t end, int member)
{
  const Values *v = data;

#pragma omp simd
  for (gint64 i = first; i < end; i++)
    v->out[i] = value_u (v->hash, v->start + (guint32)i) * v->scale + v->offset;
  return CK_OK;
}

static void
fill (const char *name, guint64 first, gsize count, float scale, float offset, float *out)
{
  const Values values = { cow_formula_hash (name), (guint32)first, scale, offset, out };

  ck_team_open ();
  ck_team_run_chunks (ck_processors (CK_TEAM_MOST), (gint64)count, 65536, fill_part, &values);
  ck_team_close ();
}

void
cow_formula_u (const char *name, guint64 first, gsize count, float *out)
{
  fill (name, first, count, 1.0f, 0.0f, out);
}

static void
scale_of (const char *name, const gint64 *dims, guint n_dims, float *scale, float *offset)
{
  const char *dot = strrchr (name, '.');
  const char *last = dot ? dot + 1 : name;

  *offset = 0.0f;
  if (g_str_equal (last, "lambda1")) {
    *scale = 0.05f;
    *offset = 0.1f;
  } else if (g_str_equal (last, "running_var") || g_str_equal (last, "lora_magnitude_vector") ||
             (g_str_equal (last, "weight") && n_dims == 1)) {
    *scale = 0.2f;
    *offset = 1.0f;
  } else if (g_str_equal (last, "bias") || g_str_equal (last, "running_mean")) {
    *scale = 0.1f;
  } else if (g_str_has_suffix (last, "_token") || g_str_has_suffix (last, "_tokens") ||
             g_str_equal (last, "pos_embed")) {
    *scale = 0.5f;
  } else {
    gint64 fan_in = 1;
    for (guint i = 1; i < n_dims; i++)
      fan_in *= dims[i];
    *scale = (float)sqrt (3.0 / (double)fan_in);
  }
}

void
cow_formula_fill (const char *name, const gint64 *dims, guint n_dims, float *out)
{
  float scale, offset;
  gsize count = 1;
  for (guint i = 0; i < n_dims; i++)
    count *= (gsize)dims[i];
  scale_of (name, dims, n_dims, &scale, &offset);
  fill (name, 0, count, scale, offset, out);
}
