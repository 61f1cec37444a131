/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic that a vision transformer and its adapter need, as one table of operations.
 *
 * A caller writes one network against CkBackend; which processor computes it is a matter of the
 * table that it was handed. This header and everything below it know neither GLib nor a network:
 * raw pointers, explicit shapes, status codes.
 *
 * Conventions
 *  - Matrices are row-major and dense; [rows, cols] in a comment gives their shape. Sizes are
 * int64_t and are never negative.
 *  - "device memory" is what CkBackend.alloc returns. For the CPU it is host memory, and any host
 * pointer will do.
 *  - Outputs are caller-owned; unless said otherwise they may not overlap an input.
 *  - A backend is used by one thread at a time (the engine's worker or the trainer's main thread);
 * it brings its own team of threads. Different backends may be used by different threads at the
 * same time.
 *  - Nothing here checks values for NaN: what comes out of a file is checked where it is loaded
 * (model/).
 *
 * The same bits
 *  - At one level, the numbers of a picture depend neither on the other pictures of its batch, nor
 * on its place in the batch, nor on the number of threads. The same holds for a row of an operation
 * that works on rows, and for the gradients with respect to activations (training.h). So a picture
 * may be computed alone or with others, and a result that was kept is the one that would be
 * computed again.
 *  - What is summed over a batch (gradients of parameters, batch statistics, the loss) depends on
 * all pictures of the call and on their order, but not on the number of threads.
 *  - Levels differ from one another in their last bits, and level "c" is the definition.
 *  - check-bits.c (tests/kernels) tests it for operations, test-network-bits.c (tests/model) for
 * networks.
 */
#ifndef CK_KERNELS_H
#define CK_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  CK_OK = 0,
  CK_NO_MEMORY,   /* an allocation failed; nothing was changed */
  CK_BAD_SHAPE,   /* shapes that contradict one another or overflow */
  CK_UNSUPPORTED, /* this backend has no such operation, type or level */
  CK_DEVICE_ERROR /* the library or device below reported a failure */
} CkStatus;

/* A short English description of a status; static storage. */
const char *ck_status_text (CkStatus status);

/* How the numbers of a weight lie in memory. */
typedef enum {
  CK_F32,
  CK_F16,
  CK_BF16,
  CK_NF4 /* two 4-bit codes a byte, the even element in the high nibble; blocks of the row-major
            flattened matrix share one absmax */
} CkType;

/*
 * A weight matrix [out, in] as a file holds it. The memory that data and absmax point to stays the
 * caller's and must outlive the CkWeight: a backend may compute straight from it (a mapped file)
 * instead of copying.
 */
typedef struct {
  CkType type;
  int64_t out, in;
  const void *data;
  /* CK_NF4 only: */
  const float *absmax; /* [ceil (out * in / block)] */
  int64_t block;       /* elements that share an absmax; even, 64 in bitsandbytes */
  float code[16];      /* the value of each 4-bit code, before the absmax */
} CkWeightSource;

/* A weight made ready by one backend for its linear (). */
typedef struct CkWeight CkWeight;

typedef enum {
  CK_IDENTITY,
  CK_GELU, /* exact: x (1 + erf (x / sqrt 2)) / 2 */
  CK_SILU, /* x / (1 + exp (-x)) */
  CK_RELU
} CkActivation;

/* A low-rank adapter on a linear layer, in device memory: adds scale * (x down^T) up^T. */
typedef struct {
  int64_t rank;
  float scale;
  const float *down; /* [rank, in]   PEFT's lora_A */
  const float *up;   /* [out, rank]  PEFT's lora_B */
  const float *gain; /* [out] DoRA's magnitude / norm, which multiplies W x + scale B A x (not the
                        bias); NULL for LoRA */
  float dropout; /* in training: share of the adapter's inputs x that are zeroed, the others over (1
                    - dropout); 0 for none */
  uint64_t key;  /* which ones: as CkTraining.dropout chooses */
} CkAdapter;

/*
 * What goes into a linear layer. Only CK_F32 exists today; it is a struct so that a norm can hand
 * on activations that are already quantised for the linear that follows.
 */
typedef struct {
  CkType type;
  const void *data; /* [rows, in] */
} CkInput;

/*
 * One linear layer and all that follows it up to the residual stream, in the order of the fields:
 *   t = x W^T                       [rows, out]
 *   t += adapter; t *= adapter.gain
 *   t += bias
 *   t = activation (t)
 *   t *= times        elementwise, the other half of a gated MLP
 *   t *= scale        a channel, DINOv3's layer scale
 *   y = t + residual
 */
typedef struct {
  const CkWeight *weight;
  const CkAdapter *adapter; /* or NULL */
  const float *bias;        /* [out] or NULL */
  CkActivation activation;
  const float *times;    /* [rows, out] or NULL; may be y itself */
  const float *scale;    /* [out] or NULL */
  const float *residual; /* [rows, out] or NULL; may be y itself */
} CkLinear;

/* Layer norm over the last dimension: (x - mean) / sqrt (variance + epsilon) * weight + bias,
 * variance biased. */
typedef struct {
  const float *weight; /* [cols] */
  const float *bias;   /* [cols] */
  float epsilon;
} CkNorm;

/*
 * Attention with rotary position embedding: for each of batch pictures and heads, softmax (q k^T /
 * sqrt (head_dim)) v, where q and k of every token from `prefix` on are turned first: rotate (v)[c]
 * = v[c] cos[c] + (c < d/2 ? -v[c + d/2] : v[c - d/2]) sin[c]. q, k, v and out are [batch * tokens,
 * heads * head_dim]; q and k are turned in place. No [tokens, tokens] matrix of all heads is ever
 * held.
 */
typedef struct {
  int64_t batch, tokens, heads, head_dim;
  int64_t prefix;         /* the class token and registers, which have no position */
  const float *cos, *sin; /* [tokens - prefix, head_dim]; NULL: nothing is turned */
  float *q, *k;
  const float *v;
  float *out;
} CkAttention;

/* Pixels to tokens: a patch x patch convolution with that stride, and the prefix tokens before the
 * result. */
typedef struct {
  int64_t batch, channels, height, width, patch; /* height and width are multiples of patch */
  const CkWeight *weight;                        /* [dim, channels * patch * patch] */
  const float *bias;                             /* [dim] or NULL */
  int64_t dim, n_prefix;
  const float *prefix; /* [n_prefix, dim] */
  const float
      *position;       /* [n_prefix + patches, dim], added to all tokens of each picture; or NULL */
  const float *pixels; /* [batch, channels, height, width] */
  float *tokens;       /* [batch, n_prefix + (height / patch) (width / patch), dim] */
} CkEmbed;

/* ---- pictures -------------------------------------------------------------------------------- */

typedef enum {
  CK_RGB8, /* plane 0: 3 or 4 bytes a pixel, the places of R, G, B in `offset` */
  CK_NV12, /* plane 0: Y; plane 1: U V interleaved, half width and height */
  CK_I420, /* plane 0: Y; plane 1: U; plane 2: V, half width and height */
  CK_YUY2, /* plane 0: Y0 U Y1 V for each two pixels of a row */
  CK_UYVY, /* plane 0: U Y0 V Y1 */
  CK_P010, /* as CK_NV12 with 16-bit little-endian samples, of which the upper 10 bits count */
  CK_GRAY8 /* plane 0: Y alone */
} CkPixelLayout;

/*
 * A decoded picture in host or device memory; borrowed for the length of a call. Chroma planes have
 * (width + 1) / 2 columns and (height + 1) / 2 rows; rows of CK_YUY2 and CK_UYVY have (width + 1) /
 * 2 groups of four bytes. A Y'CbCr pixel becomes R'G'B' by y' = (Y - y_offset) y_gain;  R = y' +
 * r_v (V - 128);  G = y' + g_u (U - 128) + g_v (V - 128);  B = y' + b_u (U - 128) in units of
 * 0..255 (samples of 10 bits are a quarter of their value), rounded to nearest and clamped, with
 * the chroma sample of the pixel's own 2 x 2 or 2 x 1 block; U and V of CK_GRAY8 are 128.
 */
typedef struct {
  CkPixelLayout layout;
  int width, height;
  const uint8_t *plane[3];
  int64_t stride[3];                          /* bytes from a row to the next */
  int pixel_stride;                           /* CK_RGB8: 3 or 4 */
  int offset[3];                              /* CK_RGB8: byte of R, of G, of B in a pixel */
  float y_offset, y_gain, r_v, g_u, g_v, b_u; /* the others */
} CkPicture;

typedef enum {
  CK_BILINEAR, /* two taps a direction whatever the ratio: OpenCV's INTER_LINEAR for 8 bits, bit for
                  bit */
  CK_BILINEAR_ANTIALIASED /* a triangle as wide as the ratio: Pillow's BILINEAR, bit for bit */
} CkInterpolation;

/*
 * Crops [x, x + w) x [y, y + h) from a picture, resizes it to out_width x out_height in 8-bit RGB,
 * and writes (value / 255 - mean) / std as three planes. No RGB copy of the picture is made.
 */
typedef struct {
  const CkPicture *picture;
  int x, y, w, h; /* inside the picture, w and h at least 1 */
  CkInterpolation interpolation;
  int out_width, out_height;
  float mean[3], std[3]; /* 0 and 1 for pixels in [0, 1] */
  float *out;            /* [3, out_height, out_width] */
} CkResample;

/* ---- the table ------------------------------------------------------------------------------- */

typedef struct CkBackend CkBackend;
typedef struct CkTraining CkTraining; /* kernels/training.h */

struct CkBackend {
  const char *name;  /* "cpu" */
  const char *level; /* what it found and uses: "c", "avx2", "avx512", ... */
  int threads;       /* of its team */

  void (*destroy) (CkBackend *self);

  /* Memory of the device, aligned to 64 bytes, contents undefined; NULL when there is none (or
   * bytes is 0). free (NULL) does nothing. */
  void *(*alloc) (CkBackend *self, size_t bytes);
  void (*free) (CkBackend *self, void *memory);
  CkStatus (*upload) (CkBackend *self, void *device, const void *host, size_t bytes);
  CkStatus (*download) (CkBackend *self, void *host, const void *device, size_t bytes);

  /* Prepares a weight. *weight is the caller's, to be given back with weight_free of the same
   * backend; weight_free (NULL) does nothing. */
  CkStatus (*weight_new) (CkBackend *self, const CkWeightSource *source, CkWeight **weight);
  void (*weight_free) (CkBackend *self, CkWeight *weight);
  /* Writes rows [first, first + rows) of the weight as fp32 to out [rows, in], exactly as its
   * format defines them. */
  CkStatus (*weight_decode) (CkBackend *self, const CkWeight *weight, int64_t first, int64_t rows,
                             float *out);

  /* y [rows, out]; layer->weight says out and in. */
  CkStatus (*linear) (CkBackend *self, const CkLinear *layer, int64_t rows, const CkInput *x,
                      float *y);
  /* y [rows, cols] of the type that the next linear wants; today y is fp32 and may be x itself. */
  CkStatus (*norm) (CkBackend *self, const CkNorm *norm, int64_t rows, int64_t cols, const float *x,
                    float *y);
  CkStatus (*attention) (CkBackend *self, const CkAttention *attention);
  CkStatus (*embed) (CkBackend *self, const CkEmbed *embed);
  /* Safe to call from several threads at once on one backend: cameras prepare their own crops. Runs
   * in the calling thread alone. */
  CkStatus (*resample) (CkBackend *self, const CkResample *resample);

  const CkTraining
      *training; /* backward operations and the optimiser; NULL where this backend cannot train */
};

/*
 * Opens the CPU backend at the best level that this processor and operating system offer, or at the
 * lower one that `level` names ("c", "avx2", "avx512"); NULL or "auto" reads the environment
 * variable COWBEHAVIOR_CPU, then takes the best. CK_UNSUPPORTED: the name is unknown or this
 * processor lacks the level. `threads` 0: one a core.
 */
CkStatus ck_cpu_open (const char *level, int threads, CkBackend **backend);

/* The names of the levels that ck_cpu_open () takes on this machine, slowest first, ended by NULL;
 * static storage. */
const char *const *ck_cpu_levels (void);

/* Gives back a backend and its memory; every weight and allocation of it must be gone. NULL does
 * nothing. */
void ck_backend_close (CkBackend *backend);

#ifdef __cplusplus
}
#endif

#endif /* CK_KERNELS_H */
