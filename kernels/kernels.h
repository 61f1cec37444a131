/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of vision transformers, their adapters and small convolutional networks, as one
 * table of operations for each kind of device.
 *
 * A caller writes a network once against CkStream; the device that the stream belongs to computes
 * it. Neither this header nor anything below it knows GLib or a network: it has raw pointers,
 * explicit shapes and status codes.
 *
 * Conventions
 *  - Matrices are row-major and dense; [rows, cols] in a comment gives their shape. Sizes are
 *    int64_t and are never negative.
 *  - Every pointer in an operation's struct is device memory, unless its name begins with host_.
 *    Device memory comes from ck_alloc (). The host touches it by ck_upload () and ck_download ()
 *    alone, even where CkDevice.host_memory says that it could read it.
 *  - Outputs are the caller's memory. Unless an operation says otherwise they may not overlap an
 *    input.
 *  - The status of an operation says whether it was enqueued. CK_BAD_SHAPE and CK_UNSUPPORTED are
 *    found before that, and nothing is enqueued then. What goes wrong in the work itself is sticky:
 *    the stream skips what was enqueued behind it, and every wait reports the first failure, until
 *    ck_stream_reset ().
 *  - An operation's struct is copied when it is enqueued, with everything that it points to on the
 *    host; so is the source of an upload. Device memory and weights must stay as they are until a
 *    wait for the stream, or for an event recorded behind the operation, has returned.
 *  - Nothing here checks values for NaN: what comes out of a file is checked where it is loaded,
 *    and what comes out of a network where it is read (model/).
 *
 * The same bits
 *  - With the same features of a device, the numbers of a picture depend neither on the other
 *    pictures of its batch, nor on its place in the batch, nor on the number of threads. The same
 *    holds for a row of an operation that works on rows, and for the gradients with respect to
 *    activations (training.h). So a picture may be computed alone or with others, and a result that
 *    was kept is the one that would be computed again.
 *  - What is summed over a batch (gradients of parameters, batch statistics, the loss) depends on
 *    all pictures of the call and on their order, but not on the number of threads.
 *  - Features differ from one another in their last bits, and level "c" is the definition.
 *  - check-bits.c (tests/kernels) tests it for operations, test-network-bits.c (tests/model) for
 *    networks.
 *
 * Threads: a device and its weights may be used by several threads at once. A stream, its memory
 * and its events belong to one thread at a time.
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
  CK_UNSUPPORTED, /* this device has no such operation, type or feature */
  CK_DEVICE_ERROR /* the library or device below reported a failure */
} CkStatus;

/*
 * The number of the rules by which results are rounded. It is raised when the last bits of any
 * result change with the same features, so that what was kept can say by which rules it was
 * computed. 1: products by oneDNN, which depended on the batch; 2: the same bits as above; 3:
 * attention in tiles, and q and k in training as the linear layers gave them; 4: GELU by one
 * exponential; 5: adapters and attention in whole numbers, where the linear layers are; 6: GELU by
 * tables with AVX-512.
 */
#define CK_ARITHMETIC 6

/* A short English description of a status; static storage. */
const char *ck_status_text (CkStatus status);

typedef struct CkDevice CkDevice;
typedef struct CkStream CkStream;
typedef struct CkEvent CkEvent;
typedef struct CkWeight CkWeight;
typedef struct CkOperations CkOperations;
typedef struct CkTraining CkTraining;       /* kernels/training.h */
typedef struct CkDeviceClass CkDeviceClass; /* kernels/device.h, for implementations */

/* ---- devices --------------------------------------------------------------------------------- */

struct CkDevice {
  const CkDeviceClass *klass;
  const char *name;     /* "cpu", "cuda:0": opens the same one again */
  const char *features; /* what it found and uses: "c", "avx2", "neon", "sm_89", ... */
  int threads;          /* that an operation of a stream with its default team is cut for */
  bool host_memory;     /* device memory is the host's, so that uploads are plain copies */
  int products;         /* CkWeightUses that change how a linear layer computes */
  bool keeps_dropout;   /* whether it reads and writes CkAdapter.mask and .low */
  void *native;         /* what others know its memory by: CUDA's CUcontext; NULL on the CPU */
  int ordinal;          /* of the GPU, as its driver counts; 0 */
};

typedef struct {
  /* Of "cpu": a set of instructions that it may use ("c", "avx2", "neon"; ck_cpu_levels () lists
   * them). NULL or "auto" reads the environment variable COWBEHAVIOR_CPU, and without that takes
   * the best that this processor and operating system offer, but for untried ones. */
  const char *features;
  int threads; /* of a stream's team; 0: one a processor that this process may use */
  /* Where ck_device_open () leaves an English sentence without a full stop that says why it failed,
   * if there is more to say than its status does, or why "auto" did not take a GPU that there is;
   * else "". CK_DEVICE_REASON bytes of the caller, or NULL. */
  char *reason;
} CkDeviceOptions;

#define CK_DEVICE_REASON 256

/*
 * Opens a device by its name; "auto" takes the best that this machine has. `options` may be NULL.
 * CK_UNSUPPORTED: there is no such device here, or it lacks the features; CK_DEVICE_ERROR: there is
 * one, which cannot be used. *device is the caller's,
 * to be given back with ck_device_close () once its streams and weights are gone; closing NULL does
 * nothing.
 */
CkStatus ck_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device);
void ck_device_close (CkDevice *device);

/* The names of this build's devices, but those for tests, ended by NULL; static storage. */
const char *const *ck_device_names (void);

/* The sets of instructions that "cpu" can be opened with on this machine, slowest first, ended by
 * NULL; static storage. */
const char *const *ck_cpu_levels (void);
/* The last of them if it is taken only where it is named, because our tests have run on no machine
 * that has it yet; else NULL. Static storage. */
const char *ck_cpu_untried_level (void);

/* How many devices a name means: of "cuda", which stands for "cuda:0", the GPUs that the driver
 * finds; 1 of any other device that this build has, 0 of names that it does not know. */
int ck_device_count (const char *name);

/* What a device with memory of its own says of itself. */
typedef struct {
  char model[128];    /* "NVIDIA L4" */
  char driver[64];    /* "CUDA 13.0" */
  size_t total_bytes; /* of its memory */
  char failure[160];  /* the first of its driver's, by its name and where: or "" */
  bool is_lost;       /* nothing works until all devices of this process on it are closed */
} CkDeviceState;

/* False, and all empty, where device memory is the host's. */
bool ck_device_state (CkDevice *device, CkDeviceState *state);

/* Bytes of device memory that are free now, or SIZE_MAX where the device does not know. */
size_t ck_device_free_bytes (CkDevice *device);

/* Memory of the host from which uploads, and to which downloads, are fastest (pinned on a GPU);
 * NULL when there is none. Freeing NULL does nothing. */
void *ck_host_alloc (CkDevice *device, size_t bytes);
void ck_host_free (CkDevice *device, void *memory);

/* ---- streams --------------------------------------------------------------------------------- */

struct CkStream {
  CkDevice *device;
  const CkOperations *operations;
  const CkTraining *training; /* NULL where the device cannot train */
};

/*
 * A queue of work, computed in the order in which it was enqueued. `threads` is the size of the
 * CPU's team for it: 0 for the device's, 1 for work in the calling thread alone (a camera's crops).
 * *stream is the caller's, to be given back with ck_stream_free (), which waits for its work;
 * freeing NULL does nothing.
 */
CkStatus ck_stream_new (CkDevice *device, int threads, CkStream **stream);
void ck_stream_free (CkStream *stream);

/* Waits until everything enqueued so far is done; the first failure since the last reset. */
CkStatus ck_synchronize (CkStream *stream);
/* Waits, then forgets the failure and what it left undone. */
void ck_stream_reset (CkStream *stream);

/*
 * Device memory aligned to 64 bytes, contents undefined, for operations that are enqueued from now
 * on; NULL when there is none, or when bytes is 0. ck_free () gives it back behind what has been
 * enqueued. Memory of one stream may be used on another that waits for an event of the first.
 * Freeing NULL does nothing.
 */
void *ck_alloc (CkStream *stream, size_t bytes);
void ck_free (CkStream *stream, void *memory);

/* Enqueues a copy; the source may change as soon as the call returns. */
CkStatus ck_upload (CkStream *stream, void *to, const void *host_from, size_t bytes);
/* Waits for what was enqueued before, copies, and returns when the bytes are there. */
CkStatus ck_download (CkStream *stream, void *host_to, const void *from, size_t bytes);

/*
 * An event marks a place in a stream. ck_event_record () marks the place behind what is enqueued
 * now, and may be called again; ck_stream_wait () makes another stream of the same device go on
 * only behind that place, without holding up the host; ck_event_synchronize () holds up the host.
 * A stream that waits for a failed one fails with it. An event that was never recorded has passed.
 */
CkStatus ck_event_new (CkDevice *device, CkEvent **event);
void ck_event_free (CkEvent *event);
CkStatus ck_event_record (CkEvent *event, CkStream *stream);
CkStatus ck_stream_wait (CkStream *stream, CkEvent *event);
CkStatus ck_event_synchronize (CkEvent *event);

/* ---- replays --------------------------------------------------------------------------------- */

/*
 * Work that comes again and again may be recorded and then enqueued at once, where launching its
 * operations one by one takes longer than computing them:
 *   do {
 *     if (ck_replay_begin (stream, key))
 *       break;
 *     ... operations of the stream ...
 *   } while (!ck_replay_end (stream));
 * `key` stands for the operations and all of their arguments, but not for what the memory holds. It
 * is the device's choice when it records and when it replays: ck_replay_begin () says whether the
 * work has been enqueued, ck_replay_end () whether it was; where not, the same has to be enqueued
 * again. Between the two are no copies, waits and events, or nothing is recorded. What was recorded
 * is forgotten when memory of the stream or a weight of the device comes or goes.
 */
bool ck_replay_begin (CkStream *stream, uint64_t key);
bool ck_replay_end (CkStream *stream);

/* ---- weights --------------------------------------------------------------------------------- */

/* How numbers lie in memory. */
typedef enum {
  CK_F32,
  CK_F16,
  CK_BF16,
  CK_I16, /* activations only: whole numbers with their scales */
  CK_I8,  /* likewise */
  CK_NF4  /* weights only: two 4-bit codes a byte, the even element in the high nibble; blocks of
             the row-major flattened matrix share one absmax */
} CkType;

/*
 * A weight matrix [out, in], either as a file holds it, in the memory of the host, or as parameters
 * that train, in fp32 in device memory. The memory stays the caller's and must outlive the
 * CkWeight: a device whose memory is the host's may compute straight from it.
 */
typedef struct {
  CkType type;
  int64_t out, in;
  const void *host_data; /* or NULL, and then: */
  const float *parameters;
  /* CK_NF4 only: */
  const float *host_absmax; /* [ceil (out * in / block)] */
  int64_t block;            /* elements that share an absmax; even, 64 in bitsandbytes */
  float code[16];           /* the value of each 4-bit code, before the absmax */
} CkWeightSource;

/* The products that a weight will serve, so that a device can repack it for them. */
typedef enum {
  CK_USE_FORWARD = 1 << 0,    /* x W^T: linear, embed */
  CK_USE_BACKWARD = 1 << 1,   /* dy W: linear_backward */
  CK_USE_DEQUANTISE = 1 << 2, /* weight_dequantise */
  /* With CK_USE_FORWARD: linear multiplies whole numbers of so many bits, one scale a block of 64
   * elements of weights and activations, in place of fp32. With
   * CK_USE_BACKWARD linear_backward does so for dx if they are 16 bits. */
  CK_USE_INT16 = 1 << 3,
  CK_USE_INT8 = 1 << 4,
  /* With CK_USE_FORWARD: linear rounds weights and activations to bf16 or fp16 and adds products
   * up in fp32; what is beyond the largest fp16 becomes it. At most one of these four. With
   * CK_USE_BACKWARD linear_backward does so for all its products in bf16, and in fp16, whose
   * range gradients leave, has those of fp32. */
  CK_USE_BF16 = 1 << 5,
  CK_USE_F16 = 1 << 6,
  /* The weight may stay in the host's memory and come to the device's whenever it is used, with
   * the same results. Devices whose memory is the host's keep all weights there anyway. */
  CK_USE_STREAMED = 1 << 7
} CkWeightUses;

/* Those that change the numbers that a layer multiplies. */
#define CK_USE_PRODUCTS (CK_USE_INT16 | CK_USE_INT8 | CK_USE_BF16 | CK_USE_F16)

/* Prepares a weight for the uses named. *weight is the caller's, to be given back with
 * ck_weight_free (); freeing NULL does nothing. CK_UNSUPPORTED: uses that are not among the
 * device's products, or whole numbers for parameters that train. */
CkStatus ck_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                        CkWeight **weight);
void ck_weight_free (CkDevice *device, CkWeight *weight);
/*
 * Bytes that such a weight would take of the device's memory, or of the host's pinned memory if it
 * is streamed; of the source no pointer counts. Where device memory is the host's: those of the
 * source, from which it is computed.
 */
CkStatus ck_weight_bytes (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                          size_t *bytes);
/* The shape [out, in] of its source. */
void ck_weight_shape (const CkWeight *weight, int64_t *out, int64_t *in);
/*
 * Whether operations read host_data of the source, be it for the columns of outliers alone. Where
 * not, the device has copied it: its owner may let go of it, so that it is not in memory twice.
 */
bool ck_weight_reads_source (const CkWeight *weight);
/* The type of the activations that linear multiplies without converting them: CK_I16 or CK_I8 of
 * weights for such products, else CK_F32. */
CkType ck_weight_product (const CkWeight *weight);
/* The type of the numbers that linear multiplies: that, or CK_BF16 or CK_F16, to which it rounds
 * activations in fp32 itself. */
CkType ck_weight_factors (const CkWeight *weight);
/* The same of a weight that would be prepared for these uses. */
CkType ck_uses_factors (CkWeightUses uses);

/* ---- peak ------------------------------------------------------------------------------------ */

/*
 * Enqueues `rounds` rounds of the fastest multiply-adds that this device has for factors of a type,
 * by the stream's whole team and with operands in registers alone: no product can be faster.
 * *operations: how many that are, a multiply-add counted as two. CK_UNSUPPORTED where the device
 * has no products of this type.
 */
CkStatus ck_peak (CkStream *stream, CkType type, int64_t rounds, double *operations);

/* ---- activations ----------------------------------------------------------------------------- */

/*
 * What goes from layer to layer, [rows, cols]. CK_F32: floats. CK_I16 and CK_I8: the whole numbers
 * that linear multiplies, with their scales and outliers, in a form of the device's own; linear and
 * norm write them for linear layers whose weights have that product, and nothing else reads them.
 * Such layers give the bits that they give for the same values in fp32, except that an adapter
 * multiplies the whole numbers too.
 */
typedef struct {
  CkType type;
  void *data; /* ck_activations_bytes () of device memory, aligned as ck_alloc () gives it */
} CkActivations;

/* *bytes that [rows, cols] of a type take; the same sizes must be named by who writes and who reads
 * them. CK_UNSUPPORTED: the device writes none of this type; CK_BAD_SHAPE: sizes that nothing can
 * have. */
CkStatus ck_activations_bytes (const CkDevice *device, CkType type, int64_t rows, int64_t cols,
                               size_t *bytes);

/* fp32 activations that lie at `data`. */
static inline CkActivations
ck_f32 (const float *data)
{
  CkActivations activations = { CK_F32, (void *)data };

  return activations;
}

typedef enum {
  CK_IDENTITY,
  CK_GELU, /* exact: x (1 + erf (x / sqrt 2)) / 2 */
  CK_SILU, /* x / (1 + exp (-x)) */
  CK_RELU
} CkActivation;

/* A low-rank adapter on a linear layer: adds scale * (x down^T) up^T. Rank 0 adds nothing. */
typedef struct {
  int64_t rank;
  float scale;
  const float *down; /* [rank, in]   PEFT's lora_A */
  const float *up;   /* [out, rank]  PEFT's lora_B */
  /* [out] DoRA's magnitude / norm, which multiplies W x + scale B A x (not the bias); NULL for
   * LoRA. */
  const float *gain;
  /* In training: the share of the adapter's inputs x that are zeroed, the others over
   * (1 - dropout); 0 for none. */
  float dropout;
  const uint64_t
      *key; /* [1] which ones: as CkTraining.dropout chooses; may be NULL without dropout */
  /* With dropout, what a layer's forward leaves to those that come after it with the same x: a
   * forward that repeats it, and its backward. Both, or NULL: nothing is left, and each chooses and
   * multiplies anew, with the same bits. A device to which random numbers cost nothing (a GPU) does
   * that always, leaves both alone, and says so (CkDevice.keeps_dropout). */
  uint8_t *mask; /* [rows, ck_mask_bytes (in)]: a bit for each input, set where it was not zeroed */
  float *low;    /* [rows, rank]: x after the dropout, times down^T */
  bool kept;     /* they are there; else the forward writes them, and a backward refuses them */
} CkAdapter;

/* Bytes of a mask's row: whole pairs, the first bits in the lowest bits of the first. */
static inline int64_t
ck_mask_bytes (int64_t in)
{
  return in / 16 * 2 + (in % 16 != 0 ? 2 : 0);
}

/* ---- operations ------------------------------------------------------------------------------ */

/*
 * One linear layer and all that follows it up to the residual stream, in the order of the fields:
 *   t = x W^T                       [rows, out]
 *   t += adapter; t *= adapter.gain
 *   t += bias
 *   t = activation (t)
 *   t *= multiplier   elementwise, the other half of a gated MLP
 *   t *= scale        a channel, DINOv3's layer scale
 *   y = t + residual
 */
typedef struct {
  const CkWeight *weight;
  CkAdapter adapter;
  const float *bias; /* [out] or NULL */
  CkActivation activation;
  const float *multiplier; /* [rows, out] or NULL; may be y itself */
  const float *scale;      /* [out] or NULL */
  const float *residual;   /* [rows, out] or NULL; may be y itself */
  int64_t rows;
  CkActivations x; /* [rows, in], fp32 or of the weight's product */
  CkActivations y; /* [rows, out]; `multiplier` and `residual` may be y only where it is fp32 */
} CkLinear;

/* Layer norm over the last dimension: (x - mean) / sqrt (variance + epsilon) * weight + bias, with
 * the biased variance. */
typedef struct {
  const float *weight; /* [cols] */
  const float *bias;   /* [cols] */
  float epsilon;
  int64_t rows, cols;
  const float *x;  /* [rows, cols] */
  CkActivations y; /* [rows, cols]; its data may be x where it is fp32 */
} CkNorm;

/*
 * Attention with rotary position embedding: for each picture of the batch and each head,
 * softmax (q k^T / sqrt (head_dim)) v, where q and k of every token from `prefix` on are rotated
 * first: rotated (v)[c] = v[c] cos[c] + (c < d/2 ? -v[c + d/2] : v[c - d/2]) sin[c].
 * k and v are [batch * tokens, heads * head_dim], as the linear layers gave them: the rotation
 * happens on the way into the product and is not written back. With `queries` only the first so
 * many tokens of each picture attend (to all tokens), and q and out are
 * [batch * queries, heads * head_dim]; their rows have the bits that they have among all tokens. No
 * [tokens, tokens] matrix of all heads is ever held.
 */
typedef struct {
  int64_t batch, tokens, heads, head_dim;
  int64_t queries;        /* tokens of a picture that attend, or 0 for all */
  int64_t prefix;         /* the class token and registers, which have no position */
  const float *cos, *sin; /* [tokens - prefix, head_dim]; NULL: nothing is rotated */
  const float *q, *k, *v;
  /* Of which numbers the two products are made: CK_F32, or CK_I16, CK_I8, CK_BF16 or CK_F16 where
   * the device's products have CK_USE_INT16, etc. The scores are of CK_I16 in CK_I8 too. In halves
   * q, k, v and exponentials are rounded as CK_USE_BF16 and CK_USE_F16 round, but that heads of
   * more than 128 elements may be computed in fp32. The softmax is always fp32's. */
  CkType products;
  CkActivations out;
} CkAttention;

/* How many tokens of each picture attend. */
static inline int64_t
ck_attention_queries (const CkAttention *op)
{
  return op->queries != 0 ? op->queries : op->tokens;
}

/* Pixels to tokens: a patch x patch convolution with that stride, and the prefix tokens before the
 * result. */
typedef struct {
  int64_t batch, channels, height, width, patch; /* height and width are multiples of patch */
  const CkWeight *weight;                        /* [dim, channels * patch * patch] */
  const float *bias;                             /* [dim] or NULL */
  int64_t dim, n_prefix;
  const float *prefix;   /* [n_prefix, dim] */
  const float *position; /* [n_prefix + patches, dim], added to each picture's tokens; or NULL */
  const float *pixels;   /* [batch, channels, height, width] */
  float *tokens;         /* [batch, n_prefix + (height / patch) (width / patch), dim] */
} CkEmbed;

/*
 * Activations of convolutional networks lie channels last, [batch, height, width, channels]: every
 * operation then works on rows of channels, and neither oneDNN nor cuDNN has to move them. Weights
 * stay as torch has them, [out, in, kernel, kernel].
 */

/* Convolution without bias (ResNet's): x [batch, height, width, in] -> y [batch, out height,
 * out width, out], where out height = (height + 2 padding - kernel) / stride + 1 (integer
 * division), likewise the width. Padding is less than the kernel. */
typedef struct {
  int64_t batch, in, height, width; /* of the input */
  int64_t out, kernel, stride, padding;
} CkConvolution;

/*
 * y = activation (batch norm (x) + residual) for x [rows, channels]. In training: statistics of the
 * batch (rows at least 2), and the running ones are updated (momentum .1, unbiased variance; Ioffe
 * & Szegedy, 2015); else the running ones.
 */
typedef struct {
  int64_t rows, channels; /* rows: batch * height * width */
  float epsilon;
  const float *weight, *bias;             /* [channels] */
  const float *residual;                  /* [rows, channels] or NULL */
  CkActivation activation;                /* CK_IDENTITY or CK_RELU */
  float *running_mean, *running_variance; /* [channels] */
  /* [channels]: the batch's mean and 1 / sqrt (variance + epsilon), for the backward operation. */
  float *saved_mean, *saved_inverse;
} CkBatchNorm;

/* ---- plans of memory ------------------------------------------------------------------------- */

/* A linear layer as far as scratch memory goes: shape and type of the source count. */
typedef struct {
  CkWeightSource source;
  CkWeightUses uses;
  int64_t rows, rank; /* rank 0: no adapter */
  bool dropout;       /* of the adapter */
  bool trains;        /* the weight itself */
} CkLinearShape;

/* What a network is made of, with no pointer to anything; counts of 0 and NULL: none of these. */
typedef struct {
  int n_linear, n_convolutions;
  const CkLinearShape *linear;
  const CkConvolution *convolutions;
  const CkAttention *attention; /* its shape and products */
  int64_t rows, cols;           /* of the largest norm */
  bool training;                /* backward, too */
} CkMemoryPlan;

/*
 * Bytes of scratch memory that a stream with the device's team holds once it has run these
 * operations. Of the CPU they are those of convolutions, besides which it needs a few MB.
 */
size_t ck_scratch_bytes (CkDevice *device, const CkMemoryPlan *plan);

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

typedef enum {
  CK_ON_HOST,  /* a mapped frame */
  CK_ON_DEVICE /* memory of the stream's device */
} CkPlace;

/*
 * A decoded picture, borrowed: its planes stay as they are until an event that was recorded behind
 * the operation has passed. Chroma planes have (width + 1) / 2 columns and (height + 1) / 2 rows;
 * rows of CK_YUY2 and CK_UYVY have (width + 1) / 2 groups of four bytes. A Y'CbCr pixel becomes
 * R'G'B' by
 *   y' = (Y - y_offset) y_gain
 *   R = y' + r_v (V - 128);  G = y' + g_u (U - 128) + g_v (V - 128);  B = y' + b_u (U - 128)
 * in units of 0..255 (samples of 10 bits are a quarter of their value), rounded to nearest and
 * clamped, with the chroma sample of the pixel's own 2 x 2 or 2 x 1 block; U and V of CK_GRAY8 are
 * 128.
 */
typedef struct {
  CkPixelLayout layout;
  CkPlace place;
  /* CK_ON_DEVICE: whose memory it is (CkDevice.native), if that of another context than the
   * device's own, from which it is copied; else NULL. */
  void *native;
  int width, height;
  const uint8_t *plane[3];
  int64_t stride[3];                          /* bytes from a row to the next */
  int pixel_stride;                           /* CK_RGB8: 3 or 4 */
  int offset[3];                              /* CK_RGB8: byte of R, of G, of B in a pixel */
  float y_offset, y_gain, r_v, g_u, g_v, b_u; /* the others */
} CkPicture;

typedef enum {
  /* Two taps a direction whatever the ratio: OpenCV's INTER_LINEAR for 8 bits, bit for bit. */
  CK_BILINEAR,
  /* A triangle as wide as the ratio: Pillow's BILINEAR, bit for bit. */
  CK_BILINEAR_ANTIALIASED
} CkInterpolation;

/*
 * Crops [x, x + w) x [y, y + h) from a picture, resizes it to out_width x out_height in 8-bit RGB,
 * and writes (value / 255 - mean) / std as three planes, which may lie in larger ones: what is
 * between their rows stays as it is. No RGB copy of the picture is made.
 */
typedef struct {
  CkPicture picture;
  int x, y, w, h; /* inside the picture, w and h at least 1 */
  CkInterpolation interpolation;
  int out_width, out_height;
  float mean[3], std[3]; /* 0 and 1 for pixels in [0, 1] */
  float *out;            /* [3, out_height, out_width], */
  int64_t out_row;       /* floats from a row to the next, out_width at least, */
  int64_t out_plane;     /* and from a plane to the next, behind its last row */
} CkResample;

/* ---- the table ------------------------------------------------------------------------------- */

/* What inference needs. Each enqueues its operation on a stream. */
struct CkOperations {
  CkStatus (*linear) (CkStream *stream, const CkLinear *op);
  CkStatus (*norm) (CkStream *stream, const CkNorm *op);
  CkStatus (*attention) (CkStream *stream, const CkAttention *op);
  CkStatus (*embed) (CkStream *stream, const CkEmbed *op);
  CkStatus (*resample) (CkStream *stream, const CkResample *op);

  /* y = activation (x); n elements; y may be x. */
  CkStatus (*activate) (CkStream *stream, CkActivation activation, int64_t n, const float *x,
                        float *y);
  /* Planes to channels last: x [batch, channels, area] -> y [batch, area, channels]. */
  CkStatus (*channels_last) (CkStream *stream, int64_t batch, int64_t channels, int64_t area,
                             const float *x, float *y);
  CkStatus (*convolution) (CkStream *stream, const CkConvolution *shape, const float *x,
                           const float *weight, float *y);
  CkStatus (*batch_norm) (CkStream *stream, const CkBatchNorm *norm, bool training, const float *x,
                          float *y);
  /* 3 x 3, stride 2, padding 1 on x [batch, height, width, channels]; `places`, as large as y,
   * keeps which of the nine (row by row) was the maximum, the first of equals. */
  CkStatus (*max_pool) (CkStream *stream, int64_t batch, int64_t height, int64_t width,
                        int64_t channels, const float *x, float *y, uint8_t *places);
  /* y [batch, channels] = mean of x [batch, area, channels]. */
  CkStatus (*mean_pool) (CkStream *stream, int64_t batch, int64_t area, int64_t channels,
                         const float *x, float *y);

  /* Copies rows of cols floats between matrices whose rows begin every src_stride and dst_stride
   * floats: gathers class tokens, and scatters them back. */
  CkStatus (*copy_rows) (CkStream *stream, int64_t rows, int64_t cols, const float *src,
                         int64_t src_stride, float *dst, int64_t dst_stride);
  CkStatus (*fill) (CkStream *stream, float *x, int64_t n, float value);

  /* Writes rows [first, first + rows) of a weight as fp32 to out [rows, in], exactly as its format
   * defines them. */
  CkStatus (*weight_dequantise) (CkStream *stream, const CkWeight *weight, int64_t first,
                                 int64_t rows, float *out);
};

#ifdef __cplusplus
}
#endif

#endif /* CK_KERNELS_H */
