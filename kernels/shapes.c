/* SPDX-License-Identifier: MIT */
#include "kernels/shapes.h"

#include "kernels/sizes.h"

/* ---- elements and rows ----------------------------------------------------------------------- */

CkStatus
ck_check_elements (int64_t n)
{
  return ck_check_matrix (n, 1);
}

CkStatus
ck_check_matrix (int64_t rows, int64_t cols)
{
  size_t bytes;

  return ck_size_product (rows, cols, sizeof (float), &bytes) ? CK_OK : CK_BAD_SHAPE;
}

CkStatus
ck_check_pictures (int64_t batch, int64_t height, int64_t width, int64_t channels)
{
  size_t pixels, bytes;

  return batch >= 1 && height >= 1 && width >= 1 && channels >= 1 &&
                 ck_size_product (batch, height, width, &pixels) &&
                 ck_size_product ((int64_t)pixels, channels, sizeof (float), &bytes)
             ? CK_OK
             : CK_BAD_SHAPE;
}

CkStatus
ck_check_copy_rows (int64_t rows, int64_t cols, int64_t src_stride, int64_t dst_stride)
{
  size_t bytes;

  /* Rows of the copy must not overlap. */
  return ck_size_product (rows, cols, sizeof (float), &bytes) &&
                 ck_size_product (rows, src_stride, sizeof (float), &bytes) &&
                 ck_size_product (rows, dst_stride, sizeof (float), &bytes) && dst_stride >= cols
             ? CK_OK
             : CK_BAD_SHAPE;
}

CkStatus
ck_check_dropout (float p, int64_t n)
{
  return p >= 0 && p <= 1 ? ck_check_elements (n) : CK_BAD_SHAPE;
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* An adapter's matrices, and what comes between them for so many rows; a few of such sizes can be
 * added up. */
static CkStatus
check_adapter (const CkAdapter *adapter, const CkWeightSource *weight, int64_t rows)
{
  const int64_t few = 8 * sizeof (float);
  size_t bytes;

  if (!ck_size_product (adapter->rank, weight->in, few, &bytes) ||
      !ck_size_product (adapter->rank, weight->out, few, &bytes) ||
      !ck_size_product (adapter->rank, rows, few, &bytes))
    return CK_BAD_SHAPE;
  if (!(adapter->dropout >= 0 && adapter->dropout <= 1))
    return CK_BAD_SHAPE;
  if (adapter->rank > 0 && (adapter->down == NULL || adapter->up == NULL ||
                            (adapter->dropout > 0 && adapter->key == NULL)))
    return CK_BAD_SHAPE;
  if ((adapter->mask != NULL) != (adapter->low != NULL) ||
      (adapter->kept && adapter->mask == NULL) ||
      (adapter->mask != NULL && !(adapter->rank > 0 && adapter->dropout > 0)))
    return CK_BAD_SHAPE;
  return CK_OK;
}

static CkStatus
check_uses (const CkWeight *weight, CkWeightUses uses)
{
  return (weight->uses & uses) == uses ? CK_OK : CK_UNSUPPORTED;
}

static CkStatus
check_f32 (const CkActivations *activations)
{
  return activations->type == CK_F32 ? CK_OK : CK_UNSUPPORTED;
}

/* Activations that an operation may write. */
static CkStatus
check_written (const CkActivations *activations)
{
  return activations->type == CK_I16 || activations->type == CK_I8 ? CK_OK
                                                                   : check_f32 (activations);
}

/* Those that a linear layer reads: dropout chooses among the floats. */
static CkStatus
check_read (const CkLinear *op)
{
  return op->x.type == ck_weight_product (op->weight) && !(op->adapter.dropout > 0)
             ? CK_OK
             : check_f32 (&op->x);
}

static CkStatus
first_of (CkStatus a, CkStatus b)
{
  return a != CK_OK ? a : b;
}

CkStatus
ck_check_linear (const CkLinear *op)
{
  const CkWeightSource *weight = &op->weight->source;
  CkStatus status =
      first_of (ck_check_matrix (op->rows, weight->in), ck_check_matrix (op->rows, weight->out));

  status = first_of (status, check_adapter (&op->adapter, weight, op->rows));
  status = first_of (status, check_uses (op->weight, CK_USE_FORWARD));
  return first_of (status, first_of (check_read (op), check_written (&op->y)));
}

CkStatus
ck_check_norm (const CkNorm *op)
{
  return op->cols >= 1 ? first_of (ck_check_matrix (op->rows, op->cols), check_written (&op->y))
                       : CK_BAD_SHAPE;
}

CkStatus
ck_check_attention (const CkAttention *op)
{
  size_t width, bytes;

  if (op->batch < 1 || op->tokens < 1 || op->heads < 1 || op->head_dim < 2 || op->head_dim % 2 != 0)
    return CK_BAD_SHAPE;
  if (op->queries < 0 || op->queries > op->tokens)
    return CK_BAD_SHAPE;
  if (op->prefix < 0 || op->prefix > op->tokens ||
      (op->prefix < op->tokens && (op->cos == NULL) != (op->sin == NULL)))
    return CK_BAD_SHAPE;
  if (!ck_size_product (op->heads, op->head_dim, sizeof (float), &width) ||
      !ck_size_product (op->batch, op->tokens, (int64_t)width, &bytes))
    return CK_BAD_SHAPE;
  if (op->products < CK_F32 || op->products > CK_I8)
    return CK_UNSUPPORTED;
  return check_f32 (&op->out);
}

static CkStatus
check_embed_shape (const CkEmbed *op)
{
  size_t pixels, cols, tokens, bytes;

  if (op->batch < 1 || op->channels < 1 || op->height < 1 || op->width < 1 || op->patch < 1 ||
      op->n_prefix < 0)
    return CK_BAD_SHAPE;
  if (op->height % op->patch != 0 || op->width % op->patch != 0)
    return CK_BAD_SHAPE;
  if (!ck_size_product (op->channels, op->height, op->width, &pixels) ||
      !ck_size_product (op->batch, (int64_t)pixels, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  if (!ck_size_product (op->channels, op->patch, op->patch, &cols) ||
      op->weight->source.in != (int64_t)cols || op->weight->source.out != op->dim)
    return CK_BAD_SHAPE;
  tokens = (size_t)(op->height / op->patch * (op->width / op->patch));
  if (__builtin_add_overflow (tokens, (size_t)op->n_prefix, &tokens) || tokens > PTRDIFF_MAX ||
      !ck_size_product ((int64_t)tokens, op->dim, sizeof (float), &bytes) ||
      !ck_size_product (op->batch, (int64_t)bytes, 1, &bytes))
    return CK_BAD_SHAPE;
  return CK_OK;
}

CkStatus
ck_check_embed (const CkEmbed *op)
{
  if (op->n_prefix > 0 && op->prefix == NULL)
    return CK_BAD_SHAPE;
  return first_of (check_embed_shape (op), check_uses (op->weight, CK_USE_FORWARD));
}

CkStatus
ck_check_dequantise (const CkWeight *weight, int64_t first, int64_t rows)
{
  if (first < 0 || rows < 0 || first > weight->source.out || rows > weight->source.out - first)
    return CK_BAD_SHAPE;
  return check_uses (weight, CK_USE_DEQUANTISE);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Keeps every product of a resampling in 64 bits and every position exact in fp32. */
#define MOST_PIXELS 32768

static bool
is_side (int pixels)
{
  return pixels >= 1 && pixels <= MOST_PIXELS;
}

CkStatus
ck_check_resample (const CkResample *op)
{
  const CkPicture *picture = &op->picture;

  if (!is_side (picture->width) || !is_side (picture->height) || !is_side (op->out_width) ||
      !is_side (op->out_height))
    return CK_BAD_SHAPE;
  if (op->w < 1 || op->h < 1 || op->x < 0 || op->y < 0 || op->w > picture->width ||
      op->h > picture->height || op->x > picture->width - op->w || op->y > picture->height - op->h)
    return CK_BAD_SHAPE;
  if (op->out_row < op->out_width || op->out_row > INT32_MAX ||
      op->out_plane / op->out_row < op->out_height - 1 ||
      op->out_plane - (op->out_height - 1) * op->out_row < op->out_width)
    return CK_BAD_SHAPE;
  if (picture->layout < CK_RGB8 || picture->layout > CK_GRAY8 || picture->place < CK_ON_HOST ||
      picture->place > CK_ON_DEVICE || op->interpolation < CK_BILINEAR ||
      op->interpolation > CK_BILINEAR_ANTIALIASED)
    return CK_UNSUPPORTED;
  return CK_OK;
}

/* ---- convolutional networks ------------------------------------------------------------------ */

/* Whether each size is one that libraries, which count in int, can hold; and whether all three
 * tensors exist. */
CkStatus
ck_check_convolution (const CkConvolution *c)
{
  const int64_t sizes[] = { c->batch, c->in, c->height, c->width, c->out, c->kernel, c->stride };
  size_t taps, bytes;

  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i] < 1 || sizes[i] > INT32_MAX)
      return CK_BAD_SHAPE;
  if (c->padding < 0 || c->padding >= c->kernel || c->height + 2 * c->padding < c->kernel ||
      c->width + 2 * c->padding < c->kernel)
    return CK_BAD_SHAPE;
  if (!ck_size_product (c->in, c->kernel, c->kernel, &taps) ||
      !ck_size_product ((int64_t)taps, c->out, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
  return first_of (ck_check_pictures (c->batch, c->height, c->width, c->in),
                   ck_check_pictures (c->batch, ck_convolution_out (c, c->height),
                                      ck_convolution_out (c, c->width), c->out));
}

CkStatus
ck_check_batch_norm (const CkBatchNorm *norm, bool training)
{
  if (norm->rows < (training ? 2 : 1) || norm->channels < 1)
    return CK_BAD_SHAPE;
  if (norm->activation != CK_IDENTITY && norm->activation != CK_RELU)
    return CK_UNSUPPORTED;
  return ck_check_matrix (norm->rows, norm->channels);
}

/* ---- training -------------------------------------------------------------------------------- */

CkStatus
ck_check_linear_backward (const CkLinearBackward *op)
{
  const CkWeightSource *weight = &op->weight->source;
  const CkLinearGradients *g = &op->gradients;
  CkStatus status =
      first_of (ck_check_matrix (op->rows, weight->in), ck_check_matrix (op->rows, weight->out));

  status = first_of (status, check_adapter (&op->adapter, weight, op->rows));
  if (status != CK_OK)
    return status;
  if ((op->adapter.rank == 0 && (g->up != NULL || g->down != NULL)) ||
      (g->gain != NULL && (op->adapter.gain == NULL || op->y == NULL)) ||
      (op->adapter.mask != NULL && !op->adapter.kept))
    return CK_BAD_SHAPE;
  if (g->weight != NULL && (weight->parameters == NULL || op->adapter.gain != NULL))
    return CK_UNSUPPORTED;
  return op->dx != NULL ? check_uses (op->weight, CK_USE_BACKWARD) : CK_OK;
}

CkStatus
ck_check_norm_backward (const CkNormBackward *op)
{
  return op->cols >= 1 ? ck_check_matrix (op->rows, op->cols) : CK_BAD_SHAPE;
}

CkStatus
ck_check_embed_backward (const CkEmbedBackward *op)
{
  const CkStatus status = check_embed_shape (&op->forward);

  if (status == CK_OK && op->dweight != NULL && op->forward.weight->source.parameters == NULL)
    return CK_UNSUPPORTED;
  return status;
}

CkStatus
ck_check_cross_entropy (const CkCrossEntropy *op)
{
  return op->batch >= 1 && op->classes >= 1 && op->smoothing >= 0 && op->smoothing <= 1
             ? ck_check_matrix (op->batch, op->classes)
             : CK_BAD_SHAPE;
}

CkStatus
ck_check_binary_cross_entropy (const CkBinaryCrossEntropy *op)
{
  return op->batch >= 1 && op->classes >= 1 ? ck_check_matrix (op->batch, op->classes)
                                            : CK_BAD_SHAPE;
}
