/* SPDX-License-Identifier: MIT */
/*
 * A quota holds for a group and all below it, so that the one of a container or a service manager
 * may be any number of groups above this process. /proc/PID/cgroup names the group of each
 * hierarchy, and /proc/PID/mountinfo where hierarchies are mounted; in a container the mount often
 * begins at a group below the hierarchy's root, which has to be taken off the group's name.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "kernels/cpu/processors.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lines and paths are passed over: they are no mounts of control groups. */
#define LINE 4096
#define PATH (2 * LINE)

/* ---- quotas ---------------------------------------------------------------------------------- */

/* The numbers at the start of a file; how many there are, at most two. "max" is none. */
static int
read_numbers (const char *folder, const char *name, double numbers[2])
{
  char path[PATH + 32];
  FILE *file;
  int n;

  snprintf (path, sizeof path, "%s/%s", folder, name);
  file = fopen (path, "re");
  if (file == NULL)
    return 0;
  n = fscanf (file, "%lf %lf", &numbers[0], &numbers[1]);
  fclose (file);
  return n > 0 ? n : 0;
}

/* The quota of one group. A quota that is not positive stands for none (-1 in version 1). */
static double
group_quota (const char *folder, bool version_2)
{
  double quota[2], period[2];

  if (version_2) {
    if (read_numbers (folder, "cpu.max", quota) < 2)
      return INFINITY;
    period[0] = quota[1];
  } else if (read_numbers (folder, "cpu.cfs_quota_us", quota) < 1 ||
             read_numbers (folder, "cpu.cfs_period_us", period) < 1)
    return INFINITY;
  return quota[0] > 0 && period[0] > 0 ? quota[0] / period[0] : INFINITY;
}

/* The smallest of a group's and those above it, up to where the hierarchy is mounted. */
static double
smallest_quota (const char *mount, const char *group, bool version_2)
{
  char folder[PATH];
  double smallest = INFINITY;
  const size_t shortest = strlen (mount);
  size_t length = (size_t)snprintf (folder, sizeof folder, "%s%s", mount, group);

  while (length < sizeof folder) {
    smallest = fmin (smallest, group_quota (folder, version_2));
    while (length > shortest && folder[length - 1] != '/')
      length--;
    if (length <= shortest)
      break;
    folder[--length] = '\0';
  }
  return smallest;
}

/* ---- where groups are ------------------------------------------------------------------------ */

/* Whether a list separated by commas has a word. */
static bool
lists (const char *list, const char *word)
{
  const size_t length = strlen (word);

  for (; list != NULL; list = strchr (list, ',')) {
    list += *list == ',';
    if (strncmp (list, word, length) == 0 && (list[length] == '\0' || list[length] == ','))
      return true;
  }
  return false;
}

/* A line of mountinfo: "ID PARENT DEVICE ROOT MOUNT OPTIONS [TAGS...] - TYPE SOURCE OPTIONS".
 * Whether it mounts the hierarchy of a version that has the quotas. */
static bool
parse_mount (char *line, bool version_2, const char **root, const char **mount)
{
  char *fields = strstr (line, " - "), *rest = NULL, *type, *options;

  if (fields == NULL)
    return false;
  *fields = '\0';
  type = strtok_r (fields + 3, " \n", &rest);
  strtok_r (NULL, " \n", &rest);
  options = strtok_r (NULL, " \n", &rest);
  if (type == NULL || options == NULL || strcmp (type, version_2 ? "cgroup2" : "cgroup") != 0 ||
      (!version_2 && !lists (options, "cpu")))
    return false;
  strtok_r (line, " ", &rest);
  strtok_r (NULL, " ", &rest);
  strtok_r (NULL, " ", &rest);
  *root = strtok_r (NULL, " ", &rest);
  *mount = strtok_r (NULL, " ", &rest);
  return *root != NULL && *mount != NULL;
}

/* The smallest quota of a group by its name in the hierarchy. A group outside of what is mounted
 * (as a container without a namespace of its own sees it) is at least in the mount's root. */
static double
quota_of (const char *proc, const char *group, bool version_2)
{
  char path[PATH], line[LINE];
  double smallest = INFINITY;
  const char *root, *mount;
  FILE *file;

  snprintf (path, sizeof path, "%s/mountinfo", proc);
  file = fopen (path, "re");
  if (file == NULL)
    return INFINITY;
  while (fgets (line, sizeof line, file) != NULL) {
    const char *below = "";
    size_t length;

    if (!parse_mount (line, version_2, &root, &mount))
      continue;
    length = strcmp (root, "/") == 0 ? 0 : strlen (root);
    if (strncmp (group, root, length) == 0 && (group[length] == '/' || group[length] == '\0'))
      below = group + length;
    smallest =
        fmin (smallest, smallest_quota (mount, strcmp (below, "/") == 0 ? "" : below, version_2));
  }
  fclose (file);
  return smallest;
}

double
ck_processors_quota (const char *proc)
{
  char path[PATH], line[LINE];
  double smallest = INFINITY;
  FILE *file;

  snprintf (path, sizeof path, "%s/cgroup", proc);
  file = fopen (path, "re");
  if (file == NULL)
    return INFINITY;
  /* "HIERARCHY:CONTROLLERS:GROUP"; in version 2 the hierarchy is 0 and there are no controllers. */
  while (fgets (line, sizeof line, file) != NULL) {
    char *controllers = strchr (line, ':'), *group;

    if (controllers == NULL || (group = strchr (++controllers, ':')) == NULL)
      continue;
    *group++ = '\0';
    group[strcspn (group, "\n")] = '\0';
    if (*controllers == '\0' || lists (controllers, "cpu"))
      smallest = fmin (smallest, quota_of (proc, group, *controllers == '\0'));
  }
  fclose (file);
  return smallest;
}

/* ---- processors ------------------------------------------------------------------------------ */

/* Of the affinity mask, which may be larger than a cpu_set_t. */
static int
count_allowed (void)
{
  for (int most = CPU_SETSIZE; most <= 1 << 20; most *= 2) {
    cpu_set_t *set = CPU_ALLOC (most);
    const size_t bytes = CPU_ALLOC_SIZE (most);
    int n = 0;

    if (set == NULL)
      break;
    if (sched_getaffinity (0, bytes, set) == 0)
      n = CPU_COUNT_S (bytes, set);
    CPU_FREE (set);
    if (n > 0)
      return n;
  }
  return 1;
}

int
ck_processors (int most)
{
  const char *chosen = getenv ("OMP_NUM_THREADS");
  const long threads = chosen != NULL ? strtol (chosen, NULL, 10) : 0;
  const int allowed = count_allowed ();
  /* A part of a processor is worth a thread: less than all of the quota would be used without. */
  const double quota = fmax (ceil (ck_processors_quota ("/proc/self")), 1);

  if (threads >= 1 && threads <= most)
    return (int)threads;
  return (int)fmin (fmin (allowed, quota), most);
}
