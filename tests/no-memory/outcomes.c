/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create */
#include "tests/no-memory/outcomes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACES  12   /* that are tried of each kind */
#define SECONDS 120  /* after which a child counts as hanging, also on a busy machine */
#define STEPS   48   /* and of memory: the libraries' own shares of it are small */
#define SIZES   1000 /* of memory that are tried at most */

/* What a child leaves; in memory of both. */
typedef struct {
  gboolean ended, ok;
  char message[512];
  char said[4096]; /* on standard output and error */
  FailingCounts counts;
  guint omp_threads;
  Answer answer;
} Outcome;

void
answer_add (Answer *self, gconstpointer data, gsize n_bytes)
{
  g_assert_cmpuint (n_bytes, <=, OUTCOMES_MOST - self->n_bytes);
  memcpy (self->bytes + self->n_bytes, data, n_bytes);
  self->n_bytes += n_bytes;
}

/* Fails the test and goes on. */
static void G_GNUC_PRINTF (1, 2) fail (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_test_message ("%s", text);
  g_test_fail ();
}

/* ---- one child ------------------------------------------------------------------------------- */

static void
work_in_child (const Work *work, const FailingHow *how, int said, Outcome *outcome)
{
  g_autoptr (GError) error = NULL;
  gpointer begun;

  alarm (SECONDS);
  dup2 (said, STDERR_FILENO);
  dup2 (said, STDOUT_FILENO);
  begun = work->begin ? work->begin (work->data) : NULL;
  failing_start (how);
  outcome->ok = work->run (work->data, begun, &outcome->answer, &error);
  outcome->counts = failing_end ();
  outcome->omp_threads = failing_n_omp_threads ();
  if (!outcome->ok)
    g_strlcpy (outcome->message, error ? error->message : "", sizeof outcome->message);
  outcome->ended = TRUE;
  _exit (0); /* what a failure left behind is not looked at again */
}

/* Runs the work in a child; FALSE, and the test fails, where the child did not end by itself. */
static gboolean
try (const Work *work, const FailingHow *how, const char *where, Outcome *outcome)
{
  int status;
  const int said = memfd_create ("said", 0);

  *outcome = (Outcome){ 0 };
  fflush (NULL);
  const pid_t child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    work_in_child (work, how, said, outcome);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  const ssize_t n = pread (said, outcome->said, sizeof outcome->said - 1, 0);
  outcome->said[MAX (n, 0)] = '\0';
  close (said);
  if (outcome->ended && WIFEXITED (status))
    return TRUE;
  fail ("%s, %s: the process ended by %s %d: %s", work->name, where,
        WIFSIGNALED (status) ? "signal" : "exit status",
        WIFSIGNALED (status) ? WTERMSIG (status) : WEXITSTATUS (status), outcome->said);
  return FALSE;
}

/* ---- many ------------------------------------------------------------------------------------ */

static void
judge (const Work *work, const char *where, const Outcome *outcome, const Outcome *right)
{
  if (!outcome->ok && !*outcome->message)
    fail ("%s, %s: it failed without a word: %s", work->name, where, outcome->said);
  if (outcome->ok &&
      (outcome->answer.n_bytes != right->answer.n_bytes ||
       memcmp (outcome->answer.bytes, right->answer.bytes, right->answer.n_bytes) != 0))
    fail ("%s, %s: another answer, and no error: %s", work->name, where, outcome->said);
}

static Outcome *
outcome_new (void)
{
  Outcome *outcome =
      mmap (NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (outcome != MAP_FAILED);
  return outcome;
}

/* Tries places spread over 1 to n, each as `how_of` says; how many ended with an error. */
static guint
try_places (const Work *work, const char *what, guint64 n, guint64 most,
            FailingHow (*how_of) (guint64 place), const Outcome *right, guint *n_tried)
{
  const guint64 n_places = g_strcmp0 (g_getenv ("COW_NO_MEMORY"), "all") == 0 ? n : MIN (n, most);
  Outcome *outcome = outcome_new ();
  guint n_errors = 0;

  for (guint64 i = 0; i < n_places; i++) {
    const guint64 place = 1 + (n - 1) * i / MAX (n_places - 1, 1);
    const FailingHow how = how_of (place);
    g_autofree char *where =
        g_strdup_printf ("%s %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, what, place, n);
    if (try (work, &how, where, outcome))
      judge (work, where, outcome, right);
    n_errors += !outcome->ok;
    ++*n_tried;
  }
  munmap (outcome, sizeof *outcome);
  return n_errors;
}

static FailingHow
once (guint64 place)
{
  return (FailingHow){ .nth = place };
}

static FailingHow
for_good (guint64 place)
{
  return (FailingHow){ .nth = place, .for_good = TRUE };
}

static gint64 budget_step; /* bytes */

static FailingHow
budget (guint64 place)
{
  return (FailingHow){ .budget = (gint64)place * budget_step };
}

/* What the work does where nothing is refused, which must be the same twice. */
static Outcome *
find_right (const Work *work)
{
  Outcome *right = outcome_new (), *again = outcome_new ();

  try (work, &(FailingHow){ 0 }, "nothing refused", right);
  if (!right->ok)
    g_error ("%s: %s", work->name, right->message);
  try (work, &(FailingHow){ 0 }, "nothing refused", again);
  judge (work, "nothing refused", again, right);
  g_assert_cmpuint (right->answer.n_bytes, >, 0);
  munmap (again, sizeof *again);
  return right;
}

void
outcomes_without (const Work *work)
{
  Outcome *right = find_right (work);

  munmap (right, sizeof *right);
}

static void
refuse_memory (const Work *work, gboolean singly)
{
  guint n = 0, n_errors = 0;

  if (!failing_can ()) {
    g_test_skip ("a sanitizer has taken the allocator's place");
    return;
  }
  Outcome *right = find_right (work);
  budget_step = MAX (right->counts.peak / SIZES, 1024);
  if (singly) {
    n_errors += try_places (work, "allocation", right->counts.n, PLACES, once, right, &n);
    n_errors += try_places (work, "from allocation", right->counts.n, PLACES, for_good, right, &n);
  }
  n_errors += try_places (work, "memory", (guint64)(right->counts.peak / budget_step), STEPS,
                          budget, right, &n);
  g_test_message ("%s: %" G_GUINT64_FORMAT " allocations, oneDNN's %" G_GUINT64_FORMAT
                  ", at most %" G_GINT64_FORMAT " bytes; %u places, %u errors",
                  work->name, right->counts.n, right->counts.onednn, right->counts.peak, n,
                  n_errors);
  g_assert_cmpuint (n_errors, >, 0);
  munmap (right, sizeof *right);
}

void
outcomes_of_memory (const Work *work)
{
  refuse_memory (work, TRUE);
}

void
outcomes_of_sizes (const Work *work)
{
  refuse_memory (work, FALSE);
}

void
outcomes_of_threads (const Work *work)
{
  Outcome *right, *outcome;

  if (!failing_can ()) {
    g_test_skip ("a sanitizer has taken the allocator's place");
    return;
  }
  right = find_right (work);
  outcome = outcome_new ();
  if (try (work, &(FailingHow){ .threads = TRUE }, "no threads", outcome))
    judge (work, "no threads", outcome, right);
  g_test_message ("%s: %s", work->name, outcome->ok ? "as before" : outcome->message);
  g_assert_cmpuint (right->omp_threads + outcome->omp_threads, ==, 0);
  munmap (right, sizeof *right);
  munmap (outcome, sizeof *outcome);
}
