/* SPDX-License-Identifier: MIT */
/*
 * oneDNN 2 (Debian 12) and 3 (Debian 13) for the files that use it. A description of a tensor is a
 * struct in version 2 and a pointer in version 3, and a convolution's descriptor takes two steps in
 * version 2 and one in version 3; the rest that we use is the same.
 */
#ifndef CK_DNNL_COMPAT_H
#define CK_DNNL_COMPAT_H

#include "kernels/kernels.h"

#include <dnnl.h>

static inline CkStatus
ck_status_from_dnnl (dnnl_status_t status)
{
  switch (status) {
  case dnnl_success:
    return CK_OK;
  case dnnl_out_of_memory:
    return CK_NO_MEMORY;
  case dnnl_invalid_arguments:
    return CK_BAD_SHAPE;
  case dnnl_unimplemented:
    return CK_UNSUPPORTED;
  default:
    return CK_DEVICE_ERROR;
  }
}

typedef enum {
  CK_CONVOLUTION_FORWARD,
  CK_CONVOLUTION_TO_INPUT,  /* the gradient of x */
  CK_CONVOLUTION_TO_WEIGHTS /* the gradient of the weights */
} CkConvolutionDirection;

/* What a convolution's descriptor is made of; `hint` is the forward one, for the other directions.
 */
typedef struct {
  CkConvolutionDirection direction;
  dnnl_dims_t strides, padding;
  const_dnnl_primitive_attr_t attributes;
  const_dnnl_primitive_desc_t hint;
} CkDnnlConvolution;

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t CkDnnlDesc; /* borrowed */
#  define CK_DNNL_DESC(owned) (owned)

/* A tensor of four dimensions in fp32; *owned goes back by ck_dnnl_desc_clear (). */
static inline dnnl_status_t
ck_dnnl_desc_init (dnnl_memory_desc_t *owned, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
  return dnnl_memory_desc_create_with_tag (owned, 4, dims, dnnl_f32, tag);
}

static inline void
ck_dnnl_desc_clear (dnnl_memory_desc_t *owned)
{
  dnnl_memory_desc_destroy (*owned);
}

/* A part of a tensor, which begins at `first`, that many floats behind its start. */
static inline dnnl_status_t
ck_dnnl_desc_part (dnnl_memory_desc_t *owned, CkDnnlDesc whole, const dnnl_dims_t dims,
                   const dnnl_dims_t first, dnnl_dim_t *offset)
{
  const dnnl_status_t status = dnnl_memory_desc_create_submemory (owned, whole, dims, first);

  return status == dnnl_success
             ? dnnl_memory_desc_query (*owned, dnnl_query_submemory_offset_s64, offset)
             : status;
}

static inline dnnl_status_t
ck_dnnl_convolution (dnnl_primitive_desc_t *made, dnnl_engine_t engine, const CkDnnlConvolution *c,
                     CkDnnlDesc x, CkDnnlDesc weight, CkDnnlDesc y)
{
  const dnnl_dims_t dilation = { 0, 0 };

  switch (c->direction) {
  case CK_CONVOLUTION_TO_INPUT:
    return dnnl_convolution_backward_data_primitive_desc_create (
        made, engine, dnnl_convolution_direct, x, weight, y, c->strides, dilation, c->padding,
        c->padding, c->hint, c->attributes);
  case CK_CONVOLUTION_TO_WEIGHTS:
    return dnnl_convolution_backward_weights_primitive_desc_create (
        made, engine, dnnl_convolution_direct, x, weight, NULL, y, c->strides, dilation, c->padding,
        c->padding, c->hint, c->attributes);
  default:
    return dnnl_convolution_forward_primitive_desc_create (
        made, engine, dnnl_forward_training, dnnl_convolution_direct, x, weight, NULL, y,
        c->strides, dilation, c->padding, c->padding, c->attributes);
  }
}

#else

typedef const dnnl_memory_desc_t *CkDnnlDesc;
#  define CK_DNNL_DESC(owned) (&(owned))

static inline dnnl_status_t
ck_dnnl_desc_init (dnnl_memory_desc_t *owned, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
  return dnnl_memory_desc_init_by_tag (owned, 4, dims, dnnl_f32, tag);
}

static inline void
ck_dnnl_desc_clear (dnnl_memory_desc_t *owned)
{
}

static inline dnnl_status_t
ck_dnnl_desc_part (dnnl_memory_desc_t *owned, CkDnnlDesc whole, const dnnl_dims_t dims,
                   const dnnl_dims_t first, dnnl_dim_t *offset)
{
  const dnnl_status_t status = dnnl_memory_desc_init_submemory (owned, whole, dims, first);

  *offset = status == dnnl_success ? owned->offset0 : 0;
  return status;
}

static inline dnnl_status_t
ck_dnnl_convolution (dnnl_primitive_desc_t *made, dnnl_engine_t engine, const CkDnnlConvolution *c,
                     CkDnnlDesc x, CkDnnlDesc weight, CkDnnlDesc y)
{
  dnnl_convolution_desc_t operation;
  dnnl_status_t status;

  switch (c->direction) {
  case CK_CONVOLUTION_TO_INPUT:
    status = dnnl_convolution_backward_data_desc_init (
        &operation, dnnl_convolution_direct, x, weight, y, c->strides, c->padding, c->padding);
    break;
  case CK_CONVOLUTION_TO_WEIGHTS:
    status =
        dnnl_convolution_backward_weights_desc_init (&operation, dnnl_convolution_direct, x, weight,
                                                     NULL, y, c->strides, c->padding, c->padding);
    break;
  default:
    status = dnnl_convolution_forward_desc_init (&operation, dnnl_forward_training,
                                                 dnnl_convolution_direct, x, weight, NULL, y,
                                                 c->strides, c->padding, c->padding);
  }
  return status == dnnl_success
             ? dnnl_primitive_desc_create (made, &operation, c->attributes, engine, c->hint)
             : status;
}

#endif

#endif /* CK_DNNL_COMPAT_H */
