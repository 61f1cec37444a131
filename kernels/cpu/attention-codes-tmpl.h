/* SPDX-License-Identifier: MIT */
/*
 * attention-codes.h over vectors of any width, out of the products that quantised-tmpl.h made.
 *
 * The keys of a chunk are packed into strips, and its values into others; both stay in the L2 cache
 * while all queries go by, a few rows at a time. Their scores become codes of exponentials in the
 * L1 cache, and these are multiplied with the values. Where a later chunk has a larger score, the
 * sums so far are scaled down to it.
 */
#include "kernels/cpu/attention-types-tmpl.h"

#include <math.h>

/* The head's parts of the memory, or their size; for so many queries. */
static void
divide_coded (CodedHead *head, const MixOps *ops, const CkAttention *op, int64_t rows,
              CkParts *memory)
{
  const size_t blocks = (size_t)ck_ceil_div (op->head_dim, CK_CODE_BLOCK), score = sizeof (int16_t),
               mix = (size_t)ops->code_size, cols = (size_t)ck_round_up (op->head_dim, STRIP),
               depth = blocks * CK_CODE_BLOCK, n = (size_t)ck_round_up (rows, ROWS),
               row = CK_PARTS * sizeof (float);

  head->blocks = (int64_t)blocks;
  head->keys = ck_parts_take (memory, depth, CK_CHUNK_KEYS * score);
  head->key_scales = ck_parts_take (memory, blocks, CK_CHUNK_KEYS * sizeof (float));
  head->values = ck_parts_take (memory, cols, CK_CHUNK_KEYS * mix);
  head->value_scales = ck_parts_take (memory, cols, CK_PARTS * sizeof (float));
  head->rotated = ck_parts_take (memory, (size_t)op->head_dim, BATCH * sizeof (float));
  head->rows.blocks = head->blocks;
  head->rows.codes = ck_parts_take (memory, depth, BATCH * score);
  head->rows.scales = ck_parts_take (memory, blocks, BATCH * sizeof (float));
  head->scores = ck_parts_take (memory, ROWS, CK_CHUNK_KEYS * sizeof (float));
  head->exps = ck_parts_take (memory, ROWS, CK_CHUNK_KEYS * mix);
  head->part_most = ck_parts_take (memory, ROWS, row);
  head->part_sums = ck_parts_take (memory, ROWS, row);
  head->scale = ck_parts_take (memory, ROWS, row);
  head->keep = ck_parts_take (memory, ROWS, row);
  head->most = ck_parts_take (memory, n, row);
  head->sum = ck_parts_take (memory, n, row);
}

static bool
coded_scratch (const MixOps *ops, const CkAttention *op, int64_t rows, size_t *floats)
{
  CkParts memory = { 0 };
  CodedHead head;

  if (op->head_dim > INT64_MAX - CK_CODE_BLOCK || rows > INT64_MAX - ROWS)
    return false; /* rounding up would overflow */
  divide_coded (&head, ops, op, rows, &memory);
  *floats = memory.bytes / sizeof (float);
  return memory.bytes <= PTRDIFF_MAX;
}

/* Whether a score of row i may be too large for a float, or is made of numbers that are not finite.
 */
static bool
is_bad (const CodedHead *head, int64_t i)
{
  const float most = (float)CK_CODE_MAX_16 * CK_CODE_MAX_16 * (float)(head->blocks * CK_CODE_BLOCK);
  float largest = 0;

  for (int64_t block = 0; block < head->blocks; block++)
    largest = ck_larger_scale (largest, head->rows.scales[i * head->blocks + block]);
  return !(largest * head->largest * most < INFINITY);
}

/* What codes of exponentials are worth in each part, and how what came before and the result are
 * scaled; of rows, the first of which is query `first`. */
static void
weigh (const CodedHead *head, const CkKeyChunk *chunk, int64_t first, int64_t rows)
{
  float *most = head->most + first * CK_PARTS, *sum = head->sum + first * CK_PARTS;

  for (int64_t i = 0; i < rows; i++)
    if (is_bad (head, i))
      head->part_sums[i * CK_PARTS] = NAN;
  for (int64_t i = 0; i < rows * CK_PARTS; i += W) {
    const vf maxima = v_load (head->part_most + i, W, 0), before = v_load (most + i, W, 0);
    vf all = v_max (maxima, v_swap_pairs (maxima)), worth, total;

    all = v_max (all, v_swap_neighbours (all));
    if (!chunk->is_first)
      all = v_max (all, before);
    worth = v_exp2_negative (v_sub (maxima, all));
    total = v_mul (worth, v_load (head->part_sums + i, W, 0));
    total = v_add (total, v_swap_pairs (total));
    total = v_add (total, v_swap_neighbours (total));
    if (!chunk->is_first) {
      const vf keep = v_exp2_negative (v_sub (before, all));

      v_store (head->keep + i, W, keep);
      total = v_add (v_mul (keep, v_load (sum + i, W, 0)), total);
    }
    v_store (most + i, W, all);
    v_store (sum + i, W, total);
    v_store (head->part_most + i, W, worth);
    v_store (head->scale + i, W, chunk->is_last ? v_div (v_set (1), total) : v_set (1));
  }
}

static CkStatus
attend_coded (const MixOps *ops, const CkAttention *op, const CkQueries *queries, float *scratch)
{
  const int64_t from = ck_key_offset (op, queries), first = ck_query_offset (op, queries),
                width = op->heads * op->head_dim;
  CkParts memory = { .memory = (char *)scratch };
  CodedHead head = { .op = op,
                     .queries = queries,
                     .parts = ck_key_parts (op),
                     .k = op->k + from,
                     .v = op->v + from,
                     .q = op->q + first,
                     .out = (float *)op->out.data + first };

  divide_coded (&head, ops, op, queries->rows, &memory);
  for (int64_t part = 0; part < head.parts.n; part += CK_PARTS) {
    const CkKeyChunk chunk = ck_key_chunk (&head.parts, part);

    pack_keys_16 (&head, &chunk);
    ops->pack (&head, &chunk);
    for (int64_t row = 0; row < queries->rows; row += ROWS) {
      const int64_t rows = ck_min (ROWS, queries->rows - row);

      score_16 (&head, &chunk, row, rows);
      ops->soften (&head, &chunk, rows);
      weigh (&head, &chunk, row, rows);
      ops->mix (&head, &chunk, rows, head.out + row * width);
    }
  }
  return CK_OK;
}

/* NAME_attention with one second product. */
#define DEFINE_ATTENTION(name, ops)                                                                \
  static bool name##_scratch (const CkAttention *op, int64_t rows, size_t *floats)                 \
  {                                                                                                \
    return coded_scratch (&ops, op, rows, floats);                                                 \
  }                                                                                                \
  static CkStatus name##_attend (const CkAttention *op, const CkQueries *queries, float *scratch)  \
  {                                                                                                \
    return attend_coded (&ops, op, queries, scratch);                                              \
  }                                                                                                \
  static const CkAttentionOps name##_attention = { name##_scratch, name##_attend };
