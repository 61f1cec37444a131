/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: libFuzzer's entry point, which driver.c calls too, and the promises
 * that every reader makes. */
#ifndef COW_TEST_FUZZ_H
#define COW_TEST_FUZZ_H

#include <stddef.h>

#include "model/files/error.h"
#include "model/files/tensor.h"

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

/* Either a result or an error of our domain with a printable message. */
static inline void
fuzz_check_outcome (gboolean opened, const GError *error)
{
  g_assert_true (opened == (error == NULL));
  g_assert_true (opened ||
                 (error->domain == COW_ERROR && g_utf8_validate (error->message, -1, NULL)));
}

/* Touches all of a tensor's bytes, so that the sanitizers see a view that leaves the file. */
static inline void
fuzz_read_tensor (const CowTensor *tensor)
{
  volatile guint8 sum = 0;
  gsize count, n_bytes;

  g_assert_true (g_utf8_validate (tensor->name, -1, NULL));
  g_assert_true (cow_shape_count (tensor->dims, tensor->n_dims, tensor->dtype, &count, &n_bytes));
  g_assert_true (n_bytes == tensor->n_bytes && count == cow_tensor_count (tensor));
  for (gsize i = 0; i < tensor->n_bytes; i++)
    sum += tensor->data[i];
  (void)sum;
  cow_tensor_check_finite (tensor, "fuzz", NULL);
}

#endif
