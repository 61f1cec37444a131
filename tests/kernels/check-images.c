/* SPDX-License-Identifier: MIT */
/*
 * check-images [ARCHITECTURE...]: the module of kernels for GPUs opens, others are refused, and
 * each of its images has code for these architectures and PTX for the last of them, which drivers
 * compile for GPUs that come later. Without arguments there is no such module. TAP.
 */
#include "kernels/cuda/images.h"
#include "tests/kernels/harness.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "COWBEHAVIOR_CUDA_KERNELS"

/* What nvcc writes, as far as we read it: a header, and for each architecture one more before its
 * code. */
typedef struct {
  uint32_t magic;
  uint16_t version, header_bytes;
  uint64_t bytes; /* that follow the header */
} Fatbin;

typedef struct {
  uint16_t kind, version;
  uint32_t header_bytes;
  uint64_t bytes; /* that follow it */
  uint32_t compressed_bytes, more;
  uint16_t minor, major;
  uint32_t architecture; /* 86 */
} Code;

enum { MAGIC = (int)0xba55ed50, PTX = 1, MACHINE_CODE = 2 };

static void
check_refused (const char *path, const char *why)
{
  char reason[256];

  setenv (VARIABLE, path, 1);
  CHECK (ck_cuda_images_open (reason, sizeof reason) == NULL);
  if (strstr (reason, why) == NULL)
    fail ("%s: the reason is \"%s\", without \"%s\"", path, reason, why);
}

static void
check_others (void)
{
  check_refused ("nowhere.so", "nowhere.so: cannot open shared object file");
  check_refused ("nowhere.so", "install cowbehavior-cuda, or build with nvcc");
  check_refused ("libm.so.6", "libm.so.6 has kernels of another version");
}

/* Whether an image has code of a kind for an architecture. */
static bool
has_code (const CkCudaImage *image, int kind, uint32_t architecture)
{
  const char *at = image->data;
  Fatbin fatbin;
  Code code;

  memcpy (&fatbin, at, sizeof fatbin);
  if (fatbin.magic != (uint32_t)MAGIC)
    return false;
  at += fatbin.header_bytes;
  for (uint64_t left = fatbin.bytes; left >= sizeof code;) {
    memcpy (&code, at, sizeof code);
    if (code.kind == kind && code.architecture == architecture)
      return true;
    if (code.header_bytes < sizeof code || code.header_bytes + code.bytes > left)
      return false;
    at += code.header_bytes + code.bytes;
    left -= code.header_bytes + code.bytes;
  }
  return false;
}

static void
check_module (const char *path, char **architectures, int n)
{
  char reason[256];
  const CkCudaImages *images;

  setenv (VARIABLE, path, 1);
  images = ck_cuda_images_open (reason, sizeof reason);
  if (images == NULL) {
    fail ("%s", reason);
    return;
  }
  CHECK (images->version >= 11080 && images->n > 0 && images->n <= CK_CUDA_MOST_IMAGES);
  for (int i = 0; i < images->n; i++) {
    for (int a = 0; a < n; a++)
      if (!has_code (&images->images[i], MACHINE_CODE, (uint32_t)atoi (architectures[a])))
        fail ("%s has no code for sm_%s", images->images[i].name, architectures[a]);
    if (!has_code (&images->images[i], PTX, (uint32_t)atoi (architectures[n - 1])))
      fail ("%s has no PTX for compute_%s", images->images[i].name, architectures[n - 1]);
  }
}

int
main (int argc, char **argv)
{
  const char *named = getenv (VARIABLE);
  char *path = named != NULL ? strdup (named) : NULL;

  case_begin ();
  check_others ();
  case_end ("others", "images");
  if (path != NULL && argc > 1) {
    case_begin ();
    check_module (path, argv + 1, argc - 1);
    case_end ("module", "images");
  }
  free (path);
  return cases_end ();
}
