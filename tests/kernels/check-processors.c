/* SPDX-License-Identifier: MIT */
/* Quotas as the kernel writes them, in folders made up for it. */
#define _GNU_SOURCE /* nftw's FTW_DEPTH, sched_setaffinity */
#include "kernels/cpu/processors.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/team.h"

#include <ftw.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/check-processors-XXXXXX";

/* Writes root/name, and the folders above it. %R in the text is root. */
static void
put (const char *name, const char *text)
{
  char path[512];
  FILE *file;

  snprintf (path, sizeof path, "%s/%s", root, name);
  for (char *slash = strchr (path + strlen (root) + 1, '/'); slash != NULL;
       slash = strchr (slash + 1, '/')) {
    *slash = '\0';
    mkdir (path, 0700);
    *slash = '/';
  }
  file = fopen (path, "w");
  if (file == NULL)
    abort ();
  for (; *text != '\0'; text++) {
    if (strncmp (text, "%R", 2) == 0) {
      fputs (root, file);
      text++;
    } else
      fputc (*text, file);
  }
  fclose (file);
}

static double
quota (const char *proc)
{
  char path[512];

  snprintf (path, sizeof path, "%s/%s", root, proc);
  return ck_processors_quota (path);
}

#define MOUNT_2 "30 25 0:26 / %R/two rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void
check_version_2 (void)
{
  put ("a/cgroup", "0::/system.slice/cow.service\n");
  put ("a/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n" MOUNT_2);
  CHECK (isinf (quota ("a")));
  put ("two/system.slice/cow.service/cpu.max", "max 100000\n");
  CHECK (isinf (quota ("a")));
  put ("two/system.slice/cow.service/cpu.max", "150000 100000\n");
  CHECK (quota ("a") == 1.5);
  /* The group above grants less; one beside it does not count. */
  put ("two/system.slice/cpu.max", "50000 100000\n");
  put ("two/system.slice/cow/cpu.max", "1000 100000\n");
  CHECK (quota ("a") == .5);
  put ("two/cpu.max", "200000 1000000\n");
  CHECK (quota ("a") == .2);
  /* Whatever else is there. */
  put ("two/cpu.max", "0 100000\n");
  CHECK (quota ("a") == .5);
  put ("two/cpu.max", "100000\n");
  CHECK (quota ("a") == .5);
  put ("two/cpu.max", "");
  put ("two/system.slice/cpu.max", "-3 0\n");
  CHECK (quota ("a") == 1.5);
}

/* Version 1, with the mount of a container, which begins at its own group. */
static void
check_version_1 (void)
{
  put ("b/cgroup", "12:cpuset:/docker/77\n4:cpu,cpuacct:/docker/77/inner\n2:cpuacct:/other\n");
  put ("b/mountinfo",
       "33 32 0:29 /docker/77 %R/sets rw - cgroup cgroup rw,cpuset\n"
       "34 32 0:30 /docker/77 %R/one rw,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct\n");
  put ("one/inner/cpu.cfs_quota_us", "-1\n");
  put ("one/inner/cpu.cfs_period_us", "100000\n");
  CHECK (isinf (quota ("b")));
  put ("one/cpu.cfs_quota_us", "250000\n");
  put ("one/cpu.cfs_period_us", "100000\n");
  put ("sets/cpu.cfs_quota_us", "1000\n");
  put ("sets/cpu.cfs_period_us", "100000\n");
  CHECK (quota ("b") == 2.5);
  put ("one/inner/cpu.cfs_quota_us", "50000\n");
  CHECK (quota ("b") == .5);
  /* A name that only begins like the mount's group; what is mounted counts all the same. */
  put ("c/cgroup", "4:cpu,cpuacct:/docker/778\n");
  put ("c/mountinfo", "34 32 0:30 /docker/77 %R/one rw - cgroup cgroup rw,cpuacct,cpu\n");
  CHECK (quota ("c") == 2.5);
}

/* Both versions at once; damaged files. */
static void
check_rest (void)
{
  put ("d/cgroup", "1:name=systemd:/x\n3:cpu:/\n0::/\n");
  put ("d/mountinfo", "35 32 0:30 / %R/v1 rw - cgroup cgroup rw,cpu\n"
                      "30 25 0:26 / %R/v2 rw - cgroup2 cgroup2 rw\n");
  put ("v1/cpu.cfs_quota_us", "300000\n");
  put ("v1/cpu.cfs_period_us", "100000\n");
  put ("v2/cpu.max", "400000 100000\n");
  CHECK (quota ("d") == 3);
  put ("v2/cpu.max", "70000 100000\n");
  CHECK (quota ("d") == .7);
  CHECK (isinf (quota ("nothing")));
  put ("e/cgroup", "0::/\n");
  CHECK (isinf (quota ("e")));
  put ("e/mountinfo", "1\n - \n1 2 3 - cgroup2\n1 2 - cgroup2 x y\n");
  CHECK (isinf (quota ("e")));
  put ("e/cgroup", "\n:\n::\n4\n0:cpu\n");
  CHECK (isinf (quota ("e")));
}

static void
check_count (void)
{
  cpu_set_t before, one;
  int first = 0;

  setenv ("OMP_NUM_THREADS", "5", 1);
  CHECK (ck_processors (1000) == 5 && ck_processors (5) == 5 && ck_processors (4) <= 4);
  setenv ("OMP_NUM_THREADS", "3,2", 1);
  CHECK (ck_processors (1000) == 3);
  CHECK (sched_getaffinity (0, sizeof before, &before) == 0);
  while (!CPU_ISSET (first, &before))
    first++;
  CPU_ZERO (&one);
  CPU_SET (first, &one);
  CHECK (sched_setaffinity (0, sizeof one, &one) == 0);
  setenv ("OMP_NUM_THREADS", "many", 1);
  CHECK (ck_processors (1000) == 1);
  unsetenv ("OMP_NUM_THREADS");
  CHECK (ck_processors (1000) == 1);
  CHECK (sched_setaffinity (0, sizeof before, &before) == 0);
  CHECK (ck_processors (1000) >= 1 && ck_processors (1000) <= CPU_COUNT (&before));
}

static int
remove_entry (const char *path, const struct stat *status, int type, struct FTW *place)
{
  return remove (path);
}

void
check_processors (void)
{
  if (mkdtemp (root) == NULL)
    abort ();
  case_begin ();
  check_version_2 ();
  case_end ("quotas of control groups", "version 2");
  case_begin ();
  check_version_1 ();
  case_end ("quotas of control groups", "version 1");
  case_begin ();
  check_rest ();
  case_end ("quotas of control groups", "both, damaged");
  case_begin ();
  check_count ();
  case_end ("processors", "environment, affinity");
  nftw (root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
