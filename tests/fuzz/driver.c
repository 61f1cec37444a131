/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without libFuzzer: `driver N FOLDER` feeds it each file of the folder, by
 * name, then N mutations of them, the same ones at every run. Blind mutations find less than
 * coverage-guided ones (run-libfuzzer.sh), but they are part of every test run.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define MAX_GROWTH 512

typedef struct {
  char *bytes;
  gsize size;
} Seed;

/* Values that sit at the edges of lengths and counts. */
static const guint64 edges[] = { 0,          1,          0x7f,       0xff,        0x7fff,   0xffff,
                                 0x7fffffff, 0xffffffff, G_MAXINT64, G_MAXUINT64, 100000000 };

static gsize
place (GRand *random, gsize size)
{
  return size > 0 ? g_rand_int (random) % size : 0;
}

/* One change somewhere; the buffer has room for MAX_GROWTH more bytes than the seed. */
static gsize
mutate_once (GRand *random, guint8 *bytes, gsize size, gsize room)
{
  gsize at = place (random, size), from = place (random, size), n = 1 + place (random, 16);
  guint64 edge = edges[place (random, G_N_ELEMENTS (edges))];

  n = MIN (n, size - MAX (at, from));
  switch (size > 0 ? g_rand_int (random) % 7 : 0) {
  case 0: /* insert a byte */
    if (size == room)
      return size;
    memmove (bytes + at + 1, bytes + at, size - at);
    bytes[at] = (guint8)g_rand_int (random);
    return size + 1;
  case 1: /* remove some */
    memmove (bytes + at, bytes + at + n, size - at - n);
    return size - n;
  case 2: /* cut the end off */
    return g_rand_int (random) % 8 == 0 ? at : size;
  case 3:
    bytes[at] ^= (guint8)(1u << g_rand_int (random) % 8);
    return size;
  case 4:
    bytes[at] = (guint8)g_rand_int (random);
    return size;
  case 5: /* copy some from elsewhere */
    memmove (bytes + at, bytes + from, n);
    return size;
  default: /* a number at the edge of what fits */
    n = (gsize)1 << g_rand_int (random) % 4;
    memcpy (bytes + at, &edge, MIN (n, size - at));
    return size;
  }
}

static void
run_mutation (GRand *random, const Seed *seed)
{
  gsize room = seed->size + MAX_GROWTH, size = seed->size;
  g_autofree guint8 *bytes = g_malloc (room);
  g_autofree guint8 *exact = NULL;
  guint n_changes = 1u << g_rand_int (random) % 5;

  memcpy (bytes, seed->bytes, size);
  for (guint i = 0; i < n_changes; i++)
    size = mutate_once (random, bytes, size, room);
  exact = g_malloc (MAX (size, 1)); /* of that size, so that a read beyond it is seen */
  memcpy (exact, bytes, size);
  LLVMFuzzerTestOneInput (exact, size);
}

static void
seed_free (gpointer data)
{
  g_free (((Seed *)data)->bytes);
  g_free (data);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The files of a folder by name, so that each machine runs the same; NULL on error. */
static GPtrArray *
read_seeds (const char *folder, GError **error)
{
  g_autoptr (GPtrArray) seeds = g_ptr_array_new_with_free_func (seed_free),
                        names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, error);

  if (!dir)
    return NULL;
  for (const char *name = g_dir_read_name (dir); name; name = g_dir_read_name (dir))
    g_ptr_array_add (names, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (names, compare);
  for (guint i = 0; i < names->len; i++) {
    Seed *seed = g_new0 (Seed, 1);

    g_ptr_array_add (seeds, seed);
    if (!g_file_get_contents (names->pdata[i], &seed->bytes, &seed->size, error))
      return NULL;
  }
  return g_steal_pointer (&seeds);
}

int
main (int argc, char **argv)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (20240607);
  const gint64 n_runs = argc == 3 ? g_ascii_strtoll (argv[1], NULL, 10) : 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) seeds = n_runs > 0 ? read_seeds (argv[2], &error) : NULL;

  if (!seeds || seeds->len == 0) {
    g_printerr ("%s\n", error        ? error->message
                        : n_runs > 0 ? "the folder has no inputs"
                                     : "Usage: fuzz-TARGET RUNS FOLDER");
    return 2;
  }
  for (guint i = 0; i < seeds->len; i++) {
    const Seed *seed = seeds->pdata[i];

    LLVMFuzzerTestOneInput ((const guint8 *)seed->bytes, seed->size);
  }
  for (gint64 run = 0; run < n_runs; run++)
    run_mutation (random, seeds->pdata[g_rand_int (random) % seeds->len]);
  return 0;
}
