/* SPDX-License-Identifier: MIT */
/* Any bytes as what an earlier run left of its spool: a part that is mlflow.json, and the lines. A
 * spool that opens gives lines until it is empty, takes a new one, and that one comes out. */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "trainer/tracking/spool.h"

#define LINE "{\"metric\":1}"

/* Takes everything off it; the last line, or NULL, and how many there were. */
static char *
drain (Spool *spool, guint *n_lines)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *last = NULL;

  *n_lines = 0;
  while (!spool_is_empty (spool)) {
    const guint64 before = spool_unsent_bytes (spool);
    g_autoptr (GPtrArray) lines = spool_next (spool, 3, &error);

    g_assert_no_error (error);
    g_assert_true (lines->len > 0);
    for (guint i = 0; i < lines->len; i++)
      g_assert_true (!strchr (lines->pdata[i], '\n'));
    g_free (last);
    last = g_strdup (lines->pdata[lines->len - 1]);
    g_assert_true (spool_sent (spool, lines, lines->len, &error));
    g_assert_no_error (error);
    g_assert_true (spool_unsent_bytes (spool) < before);
    *n_lines += lines->len;
  }
  return g_steal_pointer (&last);
}

/* The lines that are whole in the last n_bytes before the last of them ends. */
static guint
count_lines (FuzzInput lines, guint64 n_bytes)
{
  guint n = 0;

  while (lines.left > 0 && lines.next[lines.left - 1] != '\n')
    lines.left--;
  for (guint64 i = 0; i < n_bytes; i++)
    n += lines.next[lines.left - 1 - i] == '\n';
  return n;
}

static void
check_run (const SpoolRun *run)
{
  const char *const texts[] = { run->uri, run->experiment, run->run_name,
                                run->key, run->run_id,     run->artifact_uri };

  g_assert_true (run->uri && run->experiment && g_uuid_string_is_valid (run->key));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_true (!texts[i] || g_utf8_validate (texts[i], -1, NULL));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  const FuzzInput state = fuzz_part (&input);
  g_autoptr (GError) error = NULL;

  fuzz_put ("mlflow.json", state.next, state.left);
  fuzz_put ("mlflow-spool.jsonl", input.next, input.left);
  g_autoptr (Spool) spool = spool_open (fuzz_folder (), TRUE, &error);

  fuzz_check_outcome (spool != NULL, error);
  if (!spool)
    return 0;
  check_run (spool_run (spool));
  g_assert_true (spool_unsent_bytes (spool) <= input.left);
  const guint expected = count_lines (input, spool_unsent_bytes (spool));
  guint n_lines;
  g_free (drain (spool, &n_lines));
  g_assert_cmpuint (n_lines, ==, expected);
  g_assert_true (spool_append (spool, LINE, &error));
  g_autofree char *last = drain (spool, &n_lines);
  g_assert_cmpstr (last, ==, LINE);
  return 0;
}
