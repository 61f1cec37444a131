/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the kernels share: TAP output, buffers with guards around them, fills, and
 * comparison. In the spirit of dav1d's checkasm and ggml's test-backend-ops.
 */
#ifndef CHECK_HARNESS_H
#define CHECK_HARNESS_H

#include "kernels/kernels.h"

/* ---- results: a case is a line of TAP; it fails if any check in it did ----------------------- */

void case_begin (void);
void case_end (const char *name, const char *level);
/* Ends the output with the plan; the exit status. */
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

/* ---- the tests; `oracle` is level "c" -------------------------------------------------------- */

void check_weights (CkBackend *backend);
void check_linear (CkBackend *backend, CkBackend *oracle);
void check_activations (CkBackend *backend);
void check_norm (CkBackend *backend, CkBackend *oracle);
void check_attention (CkBackend *backend, CkBackend *oracle);
void check_embed (CkBackend *backend, CkBackend *oracle);
void check_bad_shapes (CkBackend *backend);

/* ---- --bench --------------------------------------------------------------------------------- */

void bench (CkBackend *backend);
void bench_training (CkBackend *backend);
/* Prints the best time of a few runs of an operation that computes so much and moves so many bytes.
 */
typedef void (*Measured) (CkBackend *backend, void *data);
void measure (CkBackend *backend, const char *name, double flop, double bytes, Measured operation,
              void *data);

/* A weight in one of the four formats, with random contents, its format's exact values, and itself
 * made ready. */
typedef struct {
  CkWeightSource source;
  CkWeight *weight;
  void *memory;
  float *absmax;
  double *values; /* [out, in] */
} TestWeight;

extern const char *const type_names[4]; /* by CkType */
void test_weight_init (TestWeight *test, CkBackend *backend, CkType type, int64_t out, int64_t in,
                       Fill fill);
void test_weight_clear (TestWeight *test, CkBackend *backend);

#endif /* CHECK_HARNESS_H */
