/* SPDX-License-Identifier: MIT */
/* Devices by name, and the CPU's levels. */
#define _GNU_SOURCE /* MADV_HUGEPAGE */
#include "kernels/cpu/cpu-features.h"
#include "tests/kernels/devices.h"
#include "tests/kernels/harness.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static CkStatus
open_cpu (const char *level, int threads, CkDevice **device)
{
  return ck_device_open ("cpu", &(CkDeviceOptions){ .features = level, .threads = threads },
                         device);
}

static void
check_level_is (const char *name, const char *want)
{
  CkDevice *device = NULL;

  CHECK (open_cpu (name, 0, &device) == CK_OK);
  if (device != NULL && strcmp (device->features, want) != 0)
    fail ("asked for level %s and got %s, not %s", name != NULL ? name : "NULL", device->features,
          want);
  ck_device_close (device);
}

static void
check_refused (const char *level, int threads)
{
  CkDevice *device = NULL;

  CHECK (open_cpu (level, threads, &device) == CK_UNSUPPORTED);
  CHECK (device == NULL);
}

/* Whether a machine that has a level and no more takes it only where it is named. */
static bool
is_untried (const char *name)
{
  CkCpuFeatures features = (CkCpuFeatures)0;

  CHECK (ck_cpu_level_find (name, &features, &name));
  return ck_cpu_untried_of (features) != NULL;
}

static void
check_levels (void)
{
  const char *const *levels = ck_cpu_levels ();
  const char *best = levels[0];

  CHECK (strcmp (levels[0], "c") == 0);
  unsetenv ("COWBEHAVIOR_CPU");
  for (int i = 0; levels[i] != NULL; i++) {
    check_level_is (levels[i], levels[i]);
    if (!is_untried (levels[i]))
      best = levels[i];
  }
  check_level_is (NULL, best);
  check_level_is ("auto", best);
  setenv ("COWBEHAVIOR_CPU", "c", 1);
  check_level_is (NULL, "c");
  check_level_is ("auto", "c");
  check_level_is (best, best);
  setenv ("COWBEHAVIOR_CPU", "auto", 1);
  check_level_is (NULL, best);
  setenv ("COWBEHAVIOR_CPU", "mmx", 1);
  check_refused (NULL, 0);
  unsetenv ("COWBEHAVIOR_CPU");
  check_refused ("", 0);
  check_refused ("avx", 0);
  check_refused (strcmp (best, "neon") == 0 ? "avx2" : "neon", 0); /* of other processors */
  check_refused ("c", -1);
  check_refused ("c", 1025);
}

/* On a machine with these features a level is found by its name, and "auto" is `best`. */
static void
check_machine (int machine, const char *name, bool found, const char *best, const char *untried)
{
  const char *level = NULL, *last = ck_cpu_untried_of ((CkCpuFeatures)machine);
  CkCpuFeatures features;

  CHECK (ck_cpu_level_of ((CkCpuFeatures)machine, name, &features, &level) == found);
  CHECK (!found || (strcmp (level, name) == 0 && (features & ~machine) == 0));
  CHECK (ck_cpu_level_of ((CkCpuFeatures)machine, "auto", &features, &level));
  CHECK (strcmp (level, best) == 0 && (features & ~machine) == 0);
  CHECK (untried != NULL ? last != NULL && strcmp (last, untried) == 0 : last == NULL);
}

static void
check_machines (void)
{
  const int n100 = CK_CPU_AVX2 | CK_CPU_AVX_VNNI, skylake = CK_CPU_AVX2 | CK_CPU_AVX512,
            sapphire_rapids = n100 | skylake | CK_CPU_AVX512_VNNI | CK_CPU_AVX512_BF16,
            pi_5 = CK_CPU_NEON | CK_CPU_NEON_DOTPROD, graviton_3 = pi_5 | CK_CPU_NEON_I8MM;

  check_machine (0, "avx2", false, "c", NULL);
  check_machine (CK_CPU_AVX2, "avx2-vnni", false, "avx2", NULL);
  check_machine (CK_CPU_AVX_VNNI, "avx2-vnni", false, "c", NULL);
  check_machine (n100, "avx2-vnni", true, "avx2", "avx2-vnni");
  check_machine (n100, "avx512", false, "avx2", "avx2-vnni");
  check_machine (skylake, "avx512", true, "avx512", NULL);
  check_machine (sapphire_rapids, "avx2-vnni", true, "avx512-vnni", NULL);
  check_machine (CK_CPU_NEON, "neon", true, "neon", NULL);
  check_machine (pi_5, "neon-dotprod", true, "neon", "neon-dotprod");
  check_machine (pi_5, "neon-i8mm", false, "neon", "neon-dotprod");
  check_machine (graviton_3, "neon-dotprod", true, "neon", "neon-i8mm");
}

static bool
is_listed (const char *name)
{
  for (const char *const *names = ck_device_names (); *names != NULL; names++)
    if (strcmp (*names, name) == 0)
      return true;
  return false;
}

static void
check_names (void)
{
  static const char *const known[] = { "cpu", "test" };
  static const char *const unknown[] = { "", "CPU", "cp", "cpus", "cpu:0", "cuda:99", "auto:0" };
  CkDevice *device;

  CHECK (is_listed ("cpu") && !is_listed ("test") && !is_listed ("auto"));
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    CHECK (ck_device_open (known[i], NULL, &device) == CK_OK);
    CHECK (strcmp (device->name, known[i]) == 0);
    CHECK (device->threads >= 1);
    CHECK (device->host_memory == (strcmp (known[i], "cpu") == 0));
    ck_device_close (device);
  }
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    CHECK (ck_device_open (unknown[i], NULL, &device) == CK_UNSUPPORTED);
    CHECK (device == NULL);
  }
  CHECK (ck_device_open ("auto", &(CkDeviceOptions){ .features = "c", .threads = 3 }, &device) ==
         CK_OK);
  CHECK (strcmp (device->name, "cpu") == 0 && strcmp (device->features, "c") == 0 &&
         device->threads == 3);
  ck_device_close (device);
  CHECK (ck_device_open ("auto", &(CkDeviceOptions){ .features = "mmx" }, &device) ==
         CK_UNSUPPORTED);
  ck_device_close (NULL);
}

/* The environment puts test-device in the place of the CPU, under its name. */
static void
check_replacement (void)
{
  CkDevice *device;

  for (int i = 0; i < 2; i++) {
    setenv ("COWBEHAVIOR_TEST_DEVICE", i == 0 ? "1" : "0", 1);
    CHECK (ck_device_open ("auto", NULL, &device) == CK_OK);
    CHECK (strcmp (device->name, "cpu") == 0 && device->host_memory == (i == 1));
    ck_device_close (device);
    CHECK (ck_device_open ("cpu", NULL, &device) == CK_OK);
    CHECK (strcmp (device->name, "cpu") == 0 && device->host_memory == (i == 1));
    ck_device_close (device);
  }
  unsetenv ("COWBEHAVIOR_TEST_DEVICE");
}

/* Whether the system was asked for huge pages where `memory` lies: "hg" among the flags of its
 * mapping. */
static bool
has_huge_pages (const void *memory)
{
  FILE *file = fopen ("/proc/self/smaps", "r");
  char line[4096];
  unsigned long start, end;
  bool inside = false, found = false;

  while (file != NULL && fgets (line, sizeof line, file) != NULL) {
    if (sscanf (line, "%lx-%lx ", &start, &end) == 2)
      inside = start <= (uintptr_t)memory && (uintptr_t)memory < end;
    else if (inside && strncmp (line, "VmFlags:", 8) == 0)
      found = strstr (line, " hg") != NULL;
  }
  if (file != NULL)
    fclose (file);
  return found;
}

enum { HUGE_PAGE = 2 << 20 }; /* bytes */

/* Whether the system tells that it was asked for huge pages: emulators pass that on to none, and
 * kernels may be built without. */
static bool
tells_huge_pages (void)
{
  const size_t bytes = 2 * HUGE_PAGE;
  void *memory = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool tells = memory != MAP_FAILED && madvise (memory, bytes, MADV_HUGEPAGE) == 0 &&
                     has_huge_pages (memory);

  if (memory != MAP_FAILED)
    munmap (memory, bytes);
  return tells;
}

/* Large memory is in huge pages as far as it fills them, and no further. */
static void
check_large_memory (void)
{
  const size_t huge = HUGE_PAGE, bytes = 3 * huge + 5000;
  CkDevice *device;
  CkStream *stream;
  char *memory;

  CHECK (open_cpu ("c", 1, &device) == CK_OK);
  CHECK (ck_stream_new (device, 0, &stream) == CK_OK);
  memory = ck_alloc (stream, bytes);
  CHECK (memory != NULL && (uintptr_t)memory % huge == 0);
  memory[0] = memory[bytes - 1] = 1;
  if (tells_huge_pages ()) {
    CHECK (has_huge_pages (memory) && has_huge_pages (memory + 3 * huge - 1));
    CHECK (!has_huge_pages (memory + bytes - 1));
  } else {
    printf ("# large-memory: this system does not tell of huge pages\n");
  }
  ck_free (stream, memory);
  ck_stream_free (stream);
  ck_device_close (device);
}

void
check_devices (void)
{
  case_begin ();
  check_levels ();
  check_machines ();
  case_end ("levels", "all");

  case_begin ();
  check_large_memory ();
  case_end ("large-memory", "cpu");

  case_begin ();
  check_names ();
  check_replacement ();
  for (int status = CK_OK; status <= CK_DEVICE_ERROR; status++)
    CHECK (strcmp (ck_status_text ((CkStatus)status), ck_status_text ((CkStatus)99)) != 0);
  case_end ("devices", "all");
}
