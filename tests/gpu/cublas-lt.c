/* SPDX-License-Identifier: MIT */
#include "tests/gpu/cublas-lt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT(name, result, parameters) { #name, offsetof (CublasLt, name) },

static const struct {
  const char *name;
  size_t offset;
} slots[] = { CUBLAS_LT_FUNCTIONS (SLOT) };

static void *
open_library (void)
{
  static const char *const names[] = { "libcublasLt.so.13", "libcublasLt.so.12",
                                       "libcublasLt.so.11" };
  const char *named = getenv ("COWBEHAVIOR_CUBLASLT");
  void *library = NULL;

  if (named != NULL)
    return dlopen (named, RTLD_NOW | RTLD_LOCAL);
  for (size_t i = 0; library == NULL && i < sizeof names / sizeof *names; i++)
    library = dlopen (names[i], RTLD_NOW | RTLD_LOCAL);
  return library;
}

bool
cublas_lt_open (CublasLt *lt, char *reason, size_t reason_bytes)
{
  lt->library = open_library ();
  if (lt->library == NULL) {
    snprintf (reason, reason_bytes, "%s", dlerror ());
    return false;
  }
  for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
    void *function = dlsym (lt->library, slots[i].name);

    if (function == NULL) {
      snprintf (reason, reason_bytes, "libcublasLt has no %s", slots[i].name);
      return false;
    }
    memcpy ((char *)lt + slots[i].offset, &function, sizeof function);
  }
  return true;
}
