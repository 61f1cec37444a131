/* SPDX-License-Identifier: MIT */
#include "tests/gpu/panels.h"

#include "kernels/cuda/cuda-stream.h"
#include "kernels/sizes.h"
#include "tests/gpu/halves.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  L2_CACHE_BYTES = 38,  /* CUdevice_attribute */
  LEAST_PANEL = 64,     /* rows of a weight */
  CHOSEN_FOR = 1600,    /* rows: 8 pictures */
  MOST_ALGORITHMS = 32, /* that are asked for */
  WORKSPACE = 32 << 20  /* bytes, as cuBLAS has on large GPUs */
};

struct Panels {
  CublasLt lt;
  CublasLtHandle handle;
  CublasLtDesc desc;
  CublasLtAlgo algo, last_algo; /* of whole panels, and of the last one */
  CkCudaStream *stream;
  const CkWeight *weight;
  int64_t out, in, panel, rows;
  bool is_bf16;
  uint16_t *x, *w; /* device memory: [rows, in], [panel, in] */
  void *workspace;
};

/* ---- the algorithm --------------------------------------------------------------------------- */

typedef struct {
  CublasLtLayout w, x, y;
} Layouts;

static int
half_type (const Panels *panels)
{
  return panels->is_bf16 ? CUBLAS_LT_BF16 : CUBLAS_LT_F16;
}

/* cuBLAS has columns behind each other: y^T [n, rows] = (w [in, n])^T x^T [in, rows]. */
static bool
layouts_new (const Panels *panels, int64_t n, int64_t rows, Layouts *layouts)
{
  const CublasLt *lt = &panels->lt;
  const uint64_t in = (uint64_t)panels->in;

  *layouts = (Layouts){ NULL, NULL, NULL };
  return lt->cublasLtMatrixLayoutCreate (&layouts->w, half_type (panels), in, (uint64_t)n,
                                         panels->in) == 0 &&
         lt->cublasLtMatrixLayoutCreate (&layouts->x, half_type (panels), in, (uint64_t)rows,
                                         panels->in) == 0 &&
         lt->cublasLtMatrixLayoutCreate (&layouts->y, CUBLAS_LT_F32, (uint64_t)n, (uint64_t)rows,
                                         panels->out) == 0;
}

static void
layouts_free (const Panels *panels, Layouts *layouts)
{
  CublasLtLayout all[] = { layouts->w, layouts->x, layouts->y };

  for (int i = 0; i < 3; i++)
    if (all[i] != NULL)
      panels->lt.cublasLtMatrixLayoutDestroy (all[i]);
}

static bool
splits_k (const CublasLt *lt, const CublasLtAlgo *algo)
{
  int32_t shares = 0;
  size_t written;

  return lt->cublasLtMatmulAlgoConfigGetAttribute (algo, CUBLAS_LT_ALGO_SPLIT_K, &shares,
                                                   sizeof shares, &written) != 0 ||
         shares > 1;
}

/* The best that does not split k, for panels of n rows of the weight. */
static bool
choose (const Panels *panels, int64_t n, CublasLtAlgo *algo)
{
  const CublasLt *lt = &panels->lt;
  const size_t workspace = WORKSPACE;
  const uint32_t reductions = CUBLAS_LT_NO_REDUCTION;
  CublasLtFound found[MOST_ALGORITHMS];
  CublasLtPreference preference = NULL;
  Layouts layouts;
  int n_found = 0;
  bool chosen = false;

  if (layouts_new (panels, n, CHOSEN_FOR, &layouts) &&
      lt->cublasLtMatmulPreferenceCreate (&preference) == 0 &&
      lt->cublasLtMatmulPreferenceSetAttribute (preference, CUBLAS_LT_PREFERENCE_WORKSPACE,
                                                &workspace, sizeof workspace) == 0 &&
      lt->cublasLtMatmulPreferenceSetAttribute (preference, CUBLAS_LT_PREFERENCE_REDUCTIONS,
                                                &reductions, sizeof reductions) == 0)
    lt->cublasLtMatmulAlgoGetHeuristic (panels->handle, panels->desc, layouts.w, layouts.x,
                                        layouts.y, layouts.y, preference, MOST_ALGORITHMS, found,
                                        &n_found);
  for (int i = 0; i < n_found && !chosen; i++)
    if (found[i].state == 0 && !splits_k (lt, &found[i].algo)) {
      *algo = found[i].algo;
      chosen = true;
    }
  if (preference != NULL)
    lt->cublasLtMatmulPreferenceDestroy (preference);
  layouts_free (panels, &layouts);
  return chosen;
}

/* ---- what it needs --------------------------------------------------------------------------- */

/* halves.cu becomes one of the device's modules. */
static bool
load_kernels (CkCudaDevice *device, const char *path)
{
  FILE *file = fopen (path, "rb");
  void *image = NULL;
  long bytes = -1;
  bool loaded = false;

  if (file != NULL && fseek (file, 0, SEEK_END) == 0)
    bytes = ftell (file);
  if (bytes > 0 && device->n_modules < CK_CUDA_MOST_IMAGES)
    image = malloc ((size_t)bytes);
  if (image != NULL && fseek (file, 0, SEEK_SET) == 0 && fread (image, (size_t)bytes, 1, file) == 1)
    loaded = device->driver.cuModuleLoadData (&device->modules[device->n_modules], image) == 0;
  device->n_modules += loaded;
  free (image);
  if (file != NULL)
    fclose (file);
  return loaded;
}

/* Half of the cache, the other is for activations. */
static int64_t
panel_rows (const CkCudaDevice *device, int64_t out, int64_t in)
{
  int bytes = 0;
  int64_t rows;

  device->driver.cuDeviceGetAttribute (&bytes, L2_CACHE_BYTES, device->gpu);
  rows = bytes / 2 / (in * (int64_t)sizeof (uint16_t)) / LEAST_PANEL * LEAST_PANEL;
  rows = ck_max (rows, LEAST_PANEL);
  return ck_min (rows, out);
}

static const char *
prepare (Panels *panels, const char *kernels)
{
  CkStream *stream = &panels->stream->base;
  CkCudaDevice *device = ck_cuda_device_of (panels->stream);
  const int32_t transposed = CUBLAS_LT_TRANSPOSED;
  const int64_t last = panels->out % panels->panel;

  panels->x = ck_alloc (stream, (size_t)(panels->rows * panels->in) * sizeof (uint16_t));
  panels->w = ck_alloc (stream, (size_t)(panels->panel * panels->in) * sizeof (uint16_t));
  panels->workspace = ck_alloc (stream, WORKSPACE);
  if (panels->x == NULL || panels->w == NULL || panels->workspace == NULL)
    return "there is no memory for it";
  if (!load_kernels (device, kernels))
    return "the kernels of halves.cu cannot be loaded";
  if (panels->lt.cublasLtCreate (&panels->handle) != 0)
    return "cublasLtCreate failed";
  if (panels->lt.cublasLtMatmulDescCreate (&panels->desc, CUBLAS_LT_COMPUTE_F32, CUBLAS_LT_F32) !=
          0 ||
      panels->lt.cublasLtMatmulDescSetAttribute (panels->desc, CUBLAS_LT_DESC_TRANSPOSE_A,
                                                 &transposed, sizeof transposed) != 0)
    return "cublasLtMatmulDescCreate failed";
  if (!choose (panels, panels->panel, &panels->algo) ||
      (last > 0 && !choose (panels, last, &panels->last_algo)))
    return "cuBLASLt has no algorithm without split-K for this shape";
  return NULL;
}

Panels *
panels_new (CkStream *stream, const CkWeight *weight, int64_t rows, const char *kernels,
            char *reason, size_t reason_bytes)
{
  Panels *panels = calloc (1, sizeof *panels);
  CkCudaDevice *device = (CkCudaDevice *)stream->device;
  const char *why;

  if (panels == NULL || !cublas_lt_open (&panels->lt, reason, reason_bytes)) {
    free (panels);
    return NULL;
  }
  panels->stream = (CkCudaStream *)stream;
  panels->weight = weight;
  ck_weight_shape (weight, &panels->out, &panels->in);
  panels->rows = ck_ceil_div (rows, PANELS_ROWS) * PANELS_ROWS;
  panels->is_bf16 = (stream->device->products & CK_USE_BF16) != 0;
  panels->panel = panel_rows (device, panels->out, panels->in);
  ck_cuda_enter (device);
  why = prepare (panels, kernels);
  ck_cuda_leave (device);
  if (why == NULL)
    return panels;
  snprintf (reason, reason_bytes, "%s", why);
  panels_free (panels);
  return NULL;
}

void
panels_free (Panels *panels)
{
  CkStream *stream;

  if (panels == NULL)
    return;
  stream = &panels->stream->base;
  ck_synchronize (stream);
  ck_cuda_enter ((CkCudaDevice *)stream->device);
  if (panels->desc != NULL)
    panels->lt.cublasLtMatmulDescDestroy (panels->desc);
  if (panels->handle != NULL)
    panels->lt.cublasLtDestroy (panels->handle);
  ck_cuda_leave ((CkCudaDevice *)stream->device);
  ck_free (stream, panels->x);
  ck_free (stream, panels->w);
  ck_free (stream, panels->workspace);
  free (panels);
}

/* ---- the product ----------------------------------------------------------------------------- */

static void
round_to_halves (const Panels *panels, CkCudaValues values, int64_t first, int64_t n, uint16_t *out)
{
  const HalvesArguments arguments = { values, first, n, panels->is_bf16, out };
  const uint32_t blocks = (uint32_t)ck_ceil_div (n, 4 * HALVES_THREADS);

  ck_cuda_launch (panels->stream, "ck_cuda_halves", (CkCudaGrid){ blocks, 1, 1 }, HALVES_THREADS,
                  sizeof values.code, &arguments, sizeof arguments);
}

static int
multiply (const Panels *panels, int64_t n, int64_t rows, float *y)
{
  const CublasLtAlgo *algo = n == panels->panel ? &panels->algo : &panels->last_algo;
  const float one = 1, zero = 0;
  Layouts layouts;
  int status = -1;

  if (layouts_new (panels, n, rows, &layouts))
    status = panels->lt.cublasLtMatmul (panels->handle, panels->desc, &one, panels->w, layouts.w,
                                        panels->x, layouts.x, &zero, y, layouts.y, y, layouts.y,
                                        algo, panels->workspace, WORKSPACE, panels->stream->handle);
  layouts_free (panels, &layouts);
  return status;
}

int
panels_run (Panels *panels, const float *x, float *y, int64_t rows)
{
  const CkCudaValues weight = ck_cuda_weight_values (panels->stream, panels->weight);
  CkCudaDevice *device = ck_cuda_device_of (panels->stream);
  int status = 0;

  rows = ck_ceil_div (rows, PANELS_ROWS) * PANELS_ROWS;
  round_to_halves (panels, ck_cuda_floats (x, rows, panels->in), 0, rows * panels->in, panels->x);
  ck_cuda_enter (device);
  for (int64_t first = 0; first < panels->out && status == 0; first += panels->panel) {
    const int64_t n = ck_min (panels->panel, panels->out - first);

    round_to_halves (panels, weight, first * panels->in, n * panels->in, panels->w);
    status = multiply (panels, n, rows, y + first);
  }
  ck_cuda_leave (device);
  return status;
}
