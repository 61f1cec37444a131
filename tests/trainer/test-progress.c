/* SPDX-License-Identifier: MIT */
/* How numbers and times are written, and the line that shows how far a long job has come, on
 * terminals of many widths and in a log. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/trainer/cli.h"
#include "trainer/host/progress.h"
#include "trainer/host/terminal.h"
#include "trainer/host/text-table.h"
#include "trainer/host/words.h"

static void
test_words (void)
{
  static const struct {
    double value;
    const char *number, *time, *clock;
  } cases[] = {
    { 0, "0.00", "less than 1 s", "0:00" },
    { 0.0016, "0.00", "less than 1 s", "0:00" },
    { 3.21, "3.21", "3.2 s", "0:03" },
    { 9.996, "10.0", "10 s", "0:10" },
    { 99.96, "100", "2 min", "1:40" },
    { 754, "754", "13 min", "12:34" },
    { 1234, "1234", "21 min", "20:34" },
    { 21600, "21600", "6.0 h", "6:00:00" },
    { 345600, "345600", "4.0 days", "96:00:00" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *number = words_number (cases[i].value), *time = words_time (cases[i].value),
                    *clock = words_clock (cases[i].value);
    g_assert_cmpstr (number, ==, cases[i].number);
    g_assert_cmpstr (time, ==, cases[i].time);
    g_assert_cmpstr (clock, ==, cases[i].clock);
  }
  g_autofree char *none = words_number (0.0 / 0.0), *negative = words_number (-12.34);
  g_assert_cmpstr (none, ==, "-");
  g_assert_cmpstr (negative, ==, "-12.3");
  static const struct {
    double value;
    guint digits;
    const char *text;
  } figures[] = { { 0, 4, "0" },
                  { 0.00123456, 4, "0.001235" },
                  { 12.3, 4, "12.30" },
                  { 9.99996, 4, "10.00" },
                  { 99.5, 2, "100" },
                  { 123456, 4, "123456" },
                  { 1e-30, 3, "0.000000000000" },
                  { -2.5, 2, "-2.5" },
                  { 1.0 / 0.0, 3, "-" },
                  { 1000, 4, "1000" },
                  { 55.4, 1, "55" } };
  for (guint i = 0; i < G_N_ELEMENTS (figures); i++) {
    g_autofree char *text = words_digits (figures[i].value, figures[i].digits);
    g_assert_cmpstr (text, ==, figures[i].text);
  }
  g_assert_cmpstr (words_s (1), ==, "");
  g_assert_cmpstr (words_s (0), ==, "s");
}

static void
test_fit (void)
{
  static const struct {
    const char *text;
    guint columns;
    const char *fits;
  } cases[] = {
    { "cows", 4, "cows" },
    { "cows and calves", 8, "cows ..." },
    { "K\xc3\xbche", 4, "Kühe" },
    { "牛牛牛牛", 7, "牛牛..." },
    { "牛牛牛牛", 6, "牛..." },
    { "cows", 2, ".." },
    { "cows", 0, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *fits = words_fit (cases[i].text, cases[i].columns);
    g_assert_cmpstr (fits, ==, cases[i].fits);
    g_assert_cmpuint (words_columns (fits), <=, cases[i].columns);
  }
}

/* Sentences are broken between words and keep them all; what is to be copied stays as it is. */
static void
test_lay_out (void)
{
  static const char said[] = "cow-trainer: warning: pictures of one cow are on both sides of a "
                             "division, so that results look better\n"
                             "gst-launch-1.0 filesrc location=a.mp4 ! decodebin ! cowbehavior "
                             "adapter=runs/barn/best ! fakesink\n"
                             "Warning: 1 file is left out\n";

  for (guint columns = 20; columns <= 200; columns++) {
    g_autofree char *out = terminal_lay_out (said, columns, FALSE, FALSE);
    g_auto (GStrv) lines = g_strsplit (out, "\n", -1);
    g_autofree char *joined = g_strjoinv (NULL, lines), *flat = NULL;
    GString *squeezed = g_string_new (out);

    for (char **line = lines; *line; line++)
      if (!g_str_has_prefix (*line, "gst-launch"))
        g_assert_cmpuint (words_columns (*line), <=, columns);
    g_string_replace (squeezed, "\n  ", " ", 0);
    flat = g_string_free (squeezed, FALSE);
    g_assert_cmpstr (flat, ==, said);
  }
  g_autofree char *whole = terminal_lay_out (said, 0, FALSE, FALSE),
                  *longest = terminal_lay_out ("cow-trainer: /a/path/that/is/longer b\n", 10, FALSE,
                                               FALSE);
  g_assert_cmpstr (whole, ==, said);
  g_assert_cmpstr (longest, ==, "cow-trainer:\n  /a/path/that/is/longer\n  b\n");
}

/* Options of a help go on below their text. */
static void
test_lay_out_help (void)
{
  static const char said[] = "  -b, --base=SIZE     Sizes of a base that is not here: vits16\n"
                             "  --storage=TYPE      nf4, fp32\n";
  g_autofree char *out = terminal_lay_out (said, 40, FALSE, FALSE),
                  *narrow = terminal_lay_out (said, 20, FALSE, FALSE);

  g_assert_cmpstr (out, ==,
                   "  -b, --base=SIZE     Sizes of a base\n"
                   "                      that is not here:\n"
                   "                      vits16\n"
                   "  --storage=TYPE      nf4, fp32\n");
  g_assert_cmpstr (narrow, ==, said);
}

/* Prose becomes a paragraph that fits; a command goes on behind a backslash and not inside of
 * quotes, and what is said of it has a line of its own. */
static void
test_flow (void)
{
  static const char said[] = "Examples:\n"
                             "  cow-trainer crop barn.mp4 --zones \"bed=0,0,0.4,1\" --out barn   "
                             "to label\n"
                             "\n"
                             "Any container and codec that is decoded. Without --zones\n"
                             "the whole frame\n"
                             "  bouts.csv   a row for each time that somebody did something\n";
  g_autofree char *out = terminal_flow (said, 40), *wide = terminal_flow (said, 200);

  g_assert_cmpstr (out, ==,
                   "Examples:\n"
                   "  cow-trainer crop barn.mp4 --zones \\\n"
                   "    \"bed=0,0,0.4,1\" --out barn\n"
                   "      to label\n"
                   "\n"
                   "Any container and codec that is decoded.\n"
                   "Without --zones the whole frame\n"
                   "  bouts.csv   a row for each time that\n"
                   "              somebody did something\n");
  cli_assert_says (wide, "decoded. Without --zones the whole frame\n  bouts.csv   a row for");
  for (guint columns = 30; columns <= 120; columns++) {
    g_autofree char *text = terminal_flow (said, columns);
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

    for (char **line = lines; *line; line++)
      g_assert_cmpuint (words_columns (*line), <=, columns);
  }
}

static void
add_row (TextTable *table, const char *name, const char *parameters, const char *memory,
         const char *remark)
{
  char *const cells[] = { g_strdup (name), g_strdup (parameters), g_strdup (memory),
                          g_strdup (remark) };

  text_table_add (table, cells);
}

static void
test_table (void)
{
  static const TextColumn columns[] = { { "RECIPE", TRUE, 0 },
                                        { "PARAMETERS", FALSE, 2 },
                                        { "MEMORY", FALSE, 0 } };
  static const struct {
    guint width;
    const char *text;
  } cases[] = {
    { 0, "RECIPE      PARAMETERS     MEMORY\nqlora-q-r8       13001  128.8 MiB\n"
         "vit-small      2181773   2.47 GiB  TOO LARGE\n" },
    { 33, "RECIPE      PARAMETERS     MEMORY\nqlora-q-r8       13001  128.8 MiB\n"
          "vit-small      2181773   2.47 GiB  TOO LARGE\n" },
    { 32, "RECIPE         MEMORY\nqlora-q-r8  128.8 MiB\nvit-small    2.47 GiB  TOO LARGE\n"
          "(without PARAMETERS: --json has all)\n" },
    { 5, "RECIPE         MEMORY\nqlora-q-r8  128.8 MiB\nvit-small    2.47 GiB  TOO LARGE\n"
         "(without PARAMETERS: --json has all)\n" },
  };
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  add_row (table, "qlora-q-r8", "13001", "128.8 MiB", NULL);
  add_row (table, "vit-small", "2181773", "2.47 GiB", "TOO LARGE");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = text_table_text (table, cases[i].width, "--json has all");
    g_assert_cmpstr (text, ==, cases[i].text);
  }
}

static void
test_colour (void)
{
  static const struct {
    const char *text;
    gboolean failure;
    const char *coloured;
  } cases[] = {
    { "cow-trainer: warning: small\n", FALSE, "cow-trainer: \033[1;33mwarning:\033[0m small\n" },
    { "\nWarning: small\n", FALSE, "\n\033[1;33mWarning:\033[0m small\n" },
    { "cow-trainer: no file\n", TRUE, "\033[1;31mcow-trainer:\033[0m no file\n" },
    { "cow-trainer: decodes with avdec_h264\n", FALSE, "cow-trainer: decodes with avdec_h264\n" },
    { "all  3\n", TRUE, "all  3\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *out = terminal_lay_out (cases[i].text, 79, TRUE, cases[i].failure);
    g_assert_cmpstr (out, ==, cases[i].coloured);
  }
}

/* ---- a terminal ------------------------------------------------------------------------------ */

typedef struct {
  int master, saved; /* saved: the standard error before */
} Terminal;

static Terminal
terminal_open (unsigned short columns)
{
  const struct winsize size = { .ws_row = 24, .ws_col = columns };
  Terminal self = { posix_openpt (O_RDWR | O_NOCTTY), dup (STDERR_FILENO) };
  int slave;

  g_assert_true (self.master >= 0 && grantpt (self.master) == 0 && unlockpt (self.master) == 0);
  slave = open (ptsname (self.master), O_RDWR | O_NOCTTY);
  g_assert_cmpint (slave, >=, 0);
  g_assert_cmpint (ioctl (slave, TIOCSWINSZ, &size), ==, 0);
  dup2 (slave, STDERR_FILENO);
  close (slave);
  return self;
}

/* All that was written. */
static char *
terminal_close (Terminal *self)
{
  GString *text = g_string_new (NULL);
  char bytes[4096];
  ssize_t n;

  dup2 (self->saved, STDERR_FILENO); /* the last who had the slave's end open */
  close (self->saved);
  while ((n = read (self->master, bytes, sizeof bytes)) > 0)
    g_string_append_len (text, bytes, n);
  close (self->master);
  return g_string_free (text, FALSE);
}

/* A job that is half done after a while; what the terminal was sent. */
static char *
run_job (unsigned short columns)
{
  Terminal terminal = terminal_open (columns);
  Progress *progress = progress_new ("pictures", 86400);

  progress_note (progress, "epoch 3 of 80, training", "812 MB");
  progress_rest (progress, 77 * 86400);
  g_usleep (G_USEC_PER_SEC / 5);
  progress_set (progress, 43200);
  progress_free (progress);
  return terminal_close (&terminal);
}

static void
test_widths (void)
{
  static const struct {
    unsigned short columns;
    gboolean memory, rate, epoch, left;
  } cases[] = {
    { 200, TRUE, TRUE, TRUE, TRUE },    { 60, FALSE, FALSE, FALSE, TRUE },
    { 80, FALSE, FALSE, TRUE, TRUE },   { 40, FALSE, FALSE, FALSE, FALSE },
    { 20, FALSE, FALSE, FALSE, FALSE }, { 0, FALSE, FALSE, TRUE, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const guint room = cases[i].columns > 0 ? cases[i].columns : 80;
    g_autofree char *text = run_job (cases[i].columns);
    g_auto (GStrv) lines = g_strsplit (text, "\r\033[K", -1);

    g_test_message ("%s", text);
    g_assert_cmpuint (g_strv_length (lines), ==, 3); /* before, the line, and cleared again */
    g_assert_cmpstr (lines[0], ==, "");
    g_assert_cmpstr (lines[2], ==, "");
    g_assert_cmpuint (words_columns (lines[1]), <, room);
    g_assert_cmpuint (words_columns (lines[1]), >, room / 3);
    g_assert_true ((strstr (lines[1], "812 MB") != NULL) == cases[i].memory);
    g_assert_true ((strstr (lines[1], "pictures/s") != NULL) == cases[i].rate);
    g_assert_true (g_str_has_prefix (lines[1], "epoch 3 of 80, training  43200 of 86400") ==
                   cases[i].epoch);
    g_assert_true ((strstr (lines[1], " in all") != NULL) == cases[i].left);
  }
}

/* A log gets whole lines, and none of a short job. */
/* Who wants colour: a terminal that can, unless NO_COLOR says otherwise. */
static void
test_wanted (void)
{
  Terminal terminal = terminal_open (60);

  g_setenv ("TERM", "xterm", TRUE);
  g_unsetenv ("NO_COLOR");
  const gboolean usual = terminal_has_colour (STDERR_FILENO);
  const guint columns = terminal_columns (STDERR_FILENO);
  g_setenv ("NO_COLOR", "1", TRUE);
  const gboolean refused = terminal_has_colour (STDERR_FILENO);
  g_unsetenv ("NO_COLOR");
  g_setenv ("TERM", "dumb", TRUE);
  const gboolean dumb = terminal_has_colour (STDERR_FILENO);
  g_free (terminal_close (&terminal));
  const int file = open ("/dev/null", O_WRONLY);
  g_setenv ("TERM", "xterm", TRUE);

  g_assert_true (usual && !refused && !dumb);
  g_assert_cmpuint (columns, ==, 59);
  g_assert_false (terminal_has_colour (file));
  g_assert_cmpuint (terminal_columns (file), ==, 0);
  close (file);
}

static void
test_log (void)
{
  int pipe_ends[2];
  const int saved = dup (STDERR_FILENO);
  Progress *progress;
  char byte;

  g_assert_cmpint (pipe (pipe_ends), ==, 0);
  dup2 (pipe_ends[1], STDERR_FILENO);
  close (pipe_ends[1]);
  progress = progress_new ("pictures", 100);
  progress_set (progress, 50);
  progress_free (progress);
  dup2 (saved, STDERR_FILENO);
  close (saved);
  g_assert_cmpint (read (pipe_ends[0], &byte, 1), ==, 0);
  close (pipe_ends[0]);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/progress/words", test_words);
  g_test_add_func ("/progress/fit", test_fit);
  g_test_add_func ("/progress/lay-out", test_lay_out);
  g_test_add_func ("/progress/lay-out/help", test_lay_out_help);
  g_test_add_func ("/progress/lay-out/flow", test_flow);
  g_test_add_func ("/progress/table", test_table);
  g_test_add_func ("/progress/colour", test_colour);
  g_test_add_func ("/progress/wanted", test_wanted);
  g_test_add_func ("/progress/widths", test_widths);
  g_test_add_func ("/progress/log", test_log);
  return g_test_run ();
}
