/* SPDX-License-Identifier: MIT */
/* cow-trainer: finds the verb that the first argument names, runs it, and turns what it returns
 * into a line and an exit status. */
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <glib.h>

#include "cow-build.h"
#include "model/files/printable.h"
#include "model/files/suggest.h"
#include "trainer/cli/verb.h"
#include "trainer/host/secrets.h"
#include "trainer/host/terminal.h"

static const struct {
  const char *name, *summary;
  gboolean (*run) (int argc, char **argv, GError **error);
} verbs[] = {
  { "check", "what is wrong with labelled pictures", verb_check },
  { "estimate", "the memory and time that recipes take here", verb_estimate },
  { "train", "an adapter or a small network, from labelled pictures", verb_train },
  { "predict", "the behaviour in each picture, as a table, CSV or JSON", verb_predict },
  { "annotate", "what the cows in recordings do, and how long", verb_annotate },
  { "crop", "pictures of cows for training, cut out of recordings", verb_crop },
  { "labels", "labels of such pictures, to and from Label Studio and CVAT", verb_labels },
  { "eval", "how good an adapter is: metrics, figures, a report, calibration", verb_eval },
  { "features", "what the network computes of pictures, as a safetensors file", verb_features },
  { "quantize", "a model in 4 bits (NF4, as bitsandbytes writes it)", verb_quantize },
  { "fetch", "a model or an adapter from the Hugging Face hub", verb_fetch },
  { "track", "sends MLflow what a run logged while the server could not be reached", verb_track },
  { "bench", "how fast a network is here, and what it could be", verb_bench },
  { "merge", "an adapter made part of its model, and what that changes", verb_merge },
  { "export", "base, adapter and head as an ONNX file, for other programs", verb_export },
  { "info", "what a model, an adapter or a file of tensors holds", verb_info },
};

static const char examples[] =
    "  cow-trainer check --data cows          what is wrong with pictures, a folder for each "
    "class\n"
    "  cow-trainer train --data cows --model MODEL --out runs/first\n"
    "  cow-trainer predict barn.jpg           what the demonstration's adapter sees on a picture\n";

/* As wide as the terminal; elsewhere as it is written. */
static char *
flowed (const char *text, int descriptor)
{
  const guint columns = terminal_columns (descriptor);

  return columns > 0 ? terminal_flow (text, columns) : g_strdup (text);
}

static void
print_help (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append (text, "Usage: cow-trainer VERB [OPTION...] [ARGUMENT...]\n\nCow behaviour from "
                         "pictures: models, adapters and what they say.\n\nVerbs:\n");
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_string_append_printf (text, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
  g_string_append_printf (
      text,
      "\nExamples:\n%s"
      "\ncow-trainer VERB --help explains a verb; cow-trainer --version tells the version.\n"
      "Models and adapters are looked up by path, then below $COWBEHAVIOR_PATH and the data "
      "folders.\n"
      "Exit status: 0 when all went well, 1 when something failed, 2 when the command line "
      "makes no sense.\n",
      examples);
  g_autofree char *shown = flowed (text->str, STDOUT_FILENO);
  g_print ("%s", shown);
}

/* For shells, as each verb prints its options. */
static void
print_verbs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("%s\t%s\n", verbs[i].name, verbs[i].summary);
  g_print ("--help\tShow the verbs\n--version\tTell the version\n");
}

/* Names and messages come from files and servers, too: nothing of them reaches a terminal that it
 * would take for a command. */
static void
print_to (FILE *stream, const char *text, gboolean failure)
{
  const int descriptor = fileno (stream);
  g_autofree char *safe = cow_printable (text, TRUE), *converted = NULL;
  g_autofree char *clean = terminal_lay_out (safe, terminal_columns (descriptor),
                                             terminal_has_colour (descriptor), failure);
  const char *charset;
  if (!g_get_charset (&charset))
    converted = g_convert_with_fallback (clean, -1, charset, "UTF-8", "?", NULL, NULL, NULL);
  fputs (converted ? converted : clean, stream);
  fflush (stream);
}

static int
fail (const GError *error, const char *verb)
{
  const gboolean usage = error->domain == G_OPTION_ERROR;
  g_autofree char *text = usage ? g_strdup_printf ("cow-trainer: %s (see cow-trainer %s%s--help)\n",
                                                   error->message, verb, *verb ? " " : "")
                                : g_strdup_printf ("cow-trainer: %s\n", error->message);

  print_to (stderr, text, TRUE);
  return usage ? 2 : 1;
}

static int
refuse_verb (const char *word)
{
  g_autoptr (GError) error = NULL;
  const char *names[G_N_ELEMENTS (verbs) + 3] = { "--help", "--version" };
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    names[i + 2] = verbs[i].name;
  g_autofree char *near = cow_suggest_near (names, word);
  verb_usage (&error, "unknown %s \"%s\"%s%s", *word == '-' ? "option" : "verb", word,
              near ? ": " : "", near ? near : "");
  return fail (error, "");
}

static int
run_verb (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    if (!g_str_equal (argv[0], verbs[i].name))
      continue;
    if (!verbs[i].run (argc, argv, &error))
      return fail (error, argv[0]);
    if (fflush (stdout) != 0 || ferror (stdout)) {
      g_printerr ("cow-trainer: standard output: %s\n", g_strerror (errno));
      return 1;
    }
    return 0;
  }
  return refuse_verb (argv[0]);
}

/*
 * glibc moves larger and larger blocks from mappings of their own, which it gives back when they
 * are freed, to the heap, where they leave holes: a training took 1030 MB in one run and 740 MB in
 * the next. A limit that is set stays; smaller ones cost page faults.
 */
#define LARGEST_ON_HEAP (4 << 20)

static void
print_out (const char *text)
{
  print_to (stdout, text, FALSE);
}

static void
print_error (const char *text)
{
  print_to (stderr, text, FALSE);
}

int
main (int argc, char **argv)
{
  g_set_print_handler (print_out);
  g_set_printerr_handler (print_error);
  secrets_hide (argc, &argv, FALSE);
  mallopt (M_MMAP_THRESHOLD, LARGEST_ON_HEAP);
  /* File names and help in the user's own encoding, but numbers that other programs can read. */
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");

  if (argc < 2) {
    g_autofree char *shown = flowed (examples, STDERR_FILENO);
    g_printerr ("Usage: cow-trainer VERB [OPTION...] [ARGUMENT...]\n\nExamples:\n%s"
                "\ncow-trainer: which verb? (see cow-trainer --help)\n",
                shown);
    return 2;
  }
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") ||
      g_str_equal (argv[1], "help"))
    print_help ();
  else if (g_str_equal (argv[1], "--complete"))
    print_verbs ();
  else if (g_str_equal (argv[1], "--version"))
    g_print ("cow-trainer %s\n", COW_VERSION);
  else
    return run_verb (argc - 1, argv + 1);
  return 0;
}
