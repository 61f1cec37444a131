/* SPDX-License-Identifier: MIT */
/* The table of devices: the only place where a device is found by its name. */
#include "kernels/cpu/device-cpu.h"
#ifdef CK_CUDA_HOST
#  include "kernels/cuda/device-cuda.h"
#endif
#include "kernels/device.h"
#ifdef CK_TEST_DEVICE
#  include "kernels/test-device/test-device.h"
#endif

#include <stdlib.h>
#include <string.h>

/* name, open, what opens it for "auto" (NULL: nothing), and what counts them (NULL: there is one);
 * the best comes first. */
#ifdef CK_TEST_DEVICE
#  define TEST_DEVICES(ROW)                                                                        \
    ROW ("test", ck_test_device_open, NULL, NULL)                                                  \
    ROW ("cuda-emulated", ck_cuda_emulated_open, NULL, ck_cuda_emulated_count)
#else
#  define TEST_DEVICES(ROW)
#endif
#ifdef CK_CUDA
#  define GPUS(ROW) ROW ("cuda", ck_cuda_device_open, ck_cuda_automatic_open, ck_cuda_device_count)
#else
#  define GPUS(ROW)
#endif
#define DEVICES(ROW) GPUS (ROW) ROW ("cpu", ck_cpu_device_open, ck_cpu_device_open, NULL)

typedef struct {
  const char *name; /* of CkDevice, or its part before a colon: "cuda" of "cuda:1" */
  CkDeviceOpen open;
  CkDeviceOpen automatic;
  int (*count) (void);
} Row;

#define ROW_OF(name, open, automatic, count)  { name, open, automatic, count },
#define NAME_OF(name, open, automatic, count) name,

static const Row rows[] = { DEVICES (ROW_OF) TEST_DEVICES (ROW_OF) };
static const char *const names[] = { DEVICES (NAME_OF) NULL };

enum { N_ROWS = sizeof rows / sizeof *rows };

/* Whether a row stands for a name: for its own, and for that with a number after a colon. */
static bool
is_named (const Row *row, const char *name)
{
  const size_t n = strlen (row->name);

  return strncmp (row->name, name, n) == 0 && (name[n] == '\0' || name[n] == ':');
}

static const Row *
find_row (const char *name)
{
  for (int i = 0; i < N_ROWS; i++)
    if (is_named (&rows[i], name))
      return &rows[i];
  return NULL;
}

/* In builds with tests the environment may put test-device (1), or a device that it names, in the
 * place of the CPU, so that whole programs run on it unchanged. The row that stands there and the
 * name that it is opened by; NULL: there is none of that name. */
static const Row *
replace_cpu (const Row *row, const char **name)
{
#ifdef CK_TEST_DEVICE
  const char *wanted = getenv ("COWBEHAVIOR_TEST_DEVICE");

  if (strcmp (row->name, "cpu") != 0 || wanted == NULL || strcmp (wanted, "0") == 0)
    return row;
  if (strcmp (wanted, "1") == 0)
    return find_row ("test");
  *name = wanted;
  return find_row (wanted);
#else
  (void)name;
  return row;
#endif
}

/* A row's device, for "auto" or by its name, and its reason where there is none. */
static CkStatus
open_row (const Row *row, bool automatic, const char *name, const CkDeviceOptions *options,
          CkDevice **device)
{
  const char *const asked = name;
  const Row *const own = row;
  CkDeviceOptions with = *options;

  if (options->reason != NULL)
    options->reason[0] = '\0';
  row = replace_cpu (row, &name);
  if (name != asked)
    with.features = NULL; /* a set of the CPU's instructions */
  if (row == NULL)
    return CK_UNSUPPORTED;
  return (automatic && row == own ? row->automatic : row->open) (name, &with, device);
}

/* The first device that can be had; keeps the reason of one that is there and cannot be used. */
static CkStatus
open_best (const CkDeviceOptions *options, CkDevice **device)
{
  char reason[CK_DEVICE_REASON] = "";
  CkStatus status = CK_UNSUPPORTED;

  for (int i = 0; i < N_ROWS && status != CK_OK; i++) {
    if (rows[i].automatic == NULL)
      continue;
    status = open_row (&rows[i], true, rows[i].name, options, device);
    if (status == CK_DEVICE_ERROR && options->reason != NULL && reason[0] == '\0')
      memcpy (reason, options->reason, sizeof reason);
  }
  if (status == CK_OK && options->reason != NULL)
    memcpy (options->reason, reason, sizeof reason);
  return status;
}

CkStatus
ck_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device)
{
  static const CkDeviceOptions defaults = { .features = NULL };
  const Row *row = find_row (name);

  *device = NULL;
  if (options == NULL)
    options = &defaults;
  if (options->reason != NULL)
    options->reason[0] = '\0';
  if (strcmp (name, "auto") == 0)
    return open_best (options, device);
  return row != NULL ? open_row (row, false, name, options, device) : CK_UNSUPPORTED;
}

const char *const *
ck_device_names (void)
{
  return names;
}

int
ck_device_count (const char *name)
{
  const Row *row = find_row (name);

  if (row != NULL && strcmp (row->name, name) == 0)
    row = replace_cpu (row, &name);
  if (row == NULL || strcmp (row->name, name) != 0)
    return row != NULL;
  return row->count != NULL ? row->count () : 1;
}
