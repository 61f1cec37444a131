/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the kernels share: TAP output, buffers with guards around them, fills, and
 * comparison. In the spirit of dav1d's checkasm and ggml's test-backend-ops.
 */
#ifndef CHECK_HARNESS_H
#define CHECK_HARNESS_H

#include "kernels/kernels.h"
#include "kernels/training.h"

/* ---- results: a case is a line of TAP; it fails if any check in it did ----------------------- */

/* Only cases whose names one of n patterns of fnmatch () matches are run; all without this call, or
 * with n = 0. The patterns must stay. */
void cases_choose (int n, char *const *patterns);
/* Whether a case is run. */
bool is_chosen (const char *name);
/* Random numbers begin anew, so they do not depend on what else is run. */
void case_begin (void);
void case_end (const char *name, const char *where);
/* Ends the output with the plan; the exit status. That a pattern matched nothing is a failure. */
int cases_end (void);
/* Records a failure of the current case, with a line that says which. Only the first few are
 * printed. */
void fail (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      fail ("%s:%d: %s", __FILE__, __LINE__, #condition);                                          \
  } while (0)

/* ---- buffers --------------------------------------------------------------------------------- */

typedef enum { FILL_RANDOM, FILL_ZERO, FILL_MIN, FILL_MAX, N_FILLS } Fill;
#define EXTREME 1e4f /* FILL_MIN is all -EXTREME, FILL_MAX all EXTREME */

/*
 * n floats, aligned to no more than 4 bytes, between sentinels; contents are NaN, so that an
 * element that an operation leaves out shows. Free with floats_free, which fails the case if a
 * sentinel was overwritten.
 */
float *floats_new (int64_t n);
float *floats_filled (int64_t n, Fill fill);
float *floats_copy (const float *from, int64_t n);
void floats_free (float *floats, int64_t n);
/* Whether buffers that are made from now on are aligned to 64 bytes, as what ck_alloc () gives. */
void floats_align (bool aligned);
/* Random numbers in [-1, 1), or bits; the same in every run. */
float random_float (void);
uint32_t random_bits (void);

/*
 * Fails the case unless |got - want| <= limit * magnitude everywhere; a NaN in got fails. The
 * magnitude is that of the terms whose sum the result is: where they cancel, the result is smaller,
 * but fp32 cannot be more exact. largest () where nothing cancels.
 */
void compare (const char *what, const float *got, const double *want, int64_t n, double limit,
              double magnitude);
void compare_floats (const char *what, const float *got, const float *want, int64_t n, double limit,
                     double magnitude);
double largest (const double *values, int64_t n);

/* ---- streams --------------------------------------------------------------------------------- */

/* A stream of a device of its own; ends the program when there is no such device. */
CkStream *stream_open (const char *device, const char *features, int threads);
void stream_close (CkStream *stream);
/* Where it computes, for messages: "avx2", "test-device avx2". */
const char *stream_name (const CkStream *stream);
/* Whether a name is that of a GPU, real or emulated: "cuda", "cuda:1", "cuda-emulated". */
bool is_gpu (const char *device);
bool is_emulated_gpu (const char *device);
/* Whether the stream's device computes a test of so many multiply-adds in reasonable time: an
 * emulated GPU needs a fraction of a second for a million. */
bool is_affordable (const CkStream *stream, double multiply_adds);

/*
 * What an operation sees of a test's memory. Each call gives the place on the device of a pointer
 * into a buffer of floats_new (), or of so many bytes; what lies there is what the host's memory
 * held when it was first asked for. settle () waits for the stream, copies everything back with its
 * sentinels, and frees it with the weights. NULL stays NULL.
 */
float *on_device (CkStream *stream, const float *floats);
void *bytes_on_device (CkStream *stream, const void *bytes, size_t n);
#define D(floats)            on_device (stream, floats)
#define D_BYTES(bytes, size) bytes_on_device (stream, bytes, size)
CkStatus settle (CkStream *stream);
/* The status of what was enqueued, or else of the wait. */
CkStatus settled (CkStream *stream, CkStatus enqueued);

/* A weight of a source in the host's memory, for all uses; gone after settle (). `trains`: as
 * parameters on the device. */
const CkWeight *weight_on_device (CkStream *stream, const CkWeightSource *source, bool trains);
#define ALL_USES ((CkWeightUses)(CK_USE_FORWARD | CK_USE_BACKWARD | CK_USE_DEQUANTISE))
/* The same for other products: one of CK_USE_PRODUCTS, or 0, for fp32. */
const CkWeight *weight_for_products (CkStream *stream, const CkWeightSource *source, int products);
/* The same as parameters on the device, of a source in fp32. */
const CkWeight *parameters_for_products (CkStream *stream, const CkWeightSource *source,
                                         int products);
/* Those that linear layers and attention have, of which the first may be in whole numbers, and what
 * they are called; of which numbers attention's are. */
enum { N_PRODUCTS = 3, N_LINEAR_PRODUCTS = 5 };
extern const int all_products[N_LINEAR_PRODUCTS];
extern const CkType product_types[N_LINEAR_PRODUCTS];
extern const char *const product_names[N_LINEAR_PRODUCTS];
/* Whether the stream's device multiplies so. */
bool has_products (const CkStream *stream, int products);

/* ---- the tests; `oracle` is level "c" -------------------------------------------------------- */

void check_weights (CkStream *stream);
void check_linear (CkStream *stream, CkStream *oracle);
void check_coded (CkStream *stream);
void check_activations (CkStream *stream);
void check_norm (CkStream *stream, CkStream *oracle);
void check_attention (CkStream *stream, CkStream *oracle);
void check_embed (CkStream *stream, CkStream *oracle);
void check_resample (CkStream *stream, CkStream *oracle);
void check_bad_shapes (CkStream *stream);
void check_peak (CkStream *stream);
void check_colours (void); /* at all levels */

/* ---- --bench --------------------------------------------------------------------------------- */

void bench (CkStream *stream);
void bench_training (CkStream *stream);
/* Prints the best time of a few runs of an operation that computes so much and moves so many bytes.
 */
typedef CkStatus (*Measured) (CkStream *stream, void *data);
void measure (CkStream *stream, const char *name, double flop, double bytes, Measured operation,
              void *data);

/* A weight in one of the four formats, with random contents, and its format's exact values. */
typedef struct {
  CkWeightSource source;
  void *memory;
  float *absmax;
  double *values; /* [out, in] */
} TestWeight;

/* The formats of weights, and their names by CkType. */
extern const CkType weight_types[4];
extern const char *const type_names[CK_NF4 + 1];
/* Elements of a block of NF4 weights that are made from now on; 64 at first. */
void test_weight_blocks (int64_t block);
void test_weight_init (TestWeight *test, CkType type, int64_t out, int64_t in, Fill fill);
void test_weight_clear (TestWeight *test);

#endif /* CHECK_HARNESS_H */
