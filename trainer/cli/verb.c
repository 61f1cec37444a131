/* SPDX-License-Identifier: MIT */
#include "trainer/cli/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>

#include "model/files/printable.h"
#include "model/files/suggest.h"
#include "trainer/host/terminal.h"

GArray *
verb_entries_new (void)
{
  return g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
}

/* Adds the options that may have been meant to GLib's "Unknown option --recpie". */
static void
suggest_option (const GOptionEntry *entries, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  const char *written = strstr ((*error)->message, "--");
  if (!written)
    return;
  for (; entries->long_name; entries++) {
    if (entries->flags & G_OPTION_FLAG_HIDDEN)
      continue;
    g_autofree char *name = g_strconcat ("--", entries->long_name, NULL);
    g_strv_builder_add (builder, name);
  }
  g_auto (GStrv) names = g_strv_builder_end (builder);
  g_autofree char *word = g_strndup (written, strcspn (written, "= ")),
                  *near = cow_suggest_near ((const char *const *)names, word);
  if (near) {
    g_autofree char *before = g_steal_pointer (&(*error)->message);
    (*error)->message = g_strdup_printf ("%s: %s", before, near);
  }
}

/* For shells, which complete what is typed (../shell): an option a line, and behind a tab what it
 * is. */
static void
print_options (const GOptionEntry *entries)
{
  for (; entries->long_name; entries++)
    if (*entries->long_name && !(entries->flags & G_OPTION_FLAG_HIDDEN))
      g_print ("--%s\t%s\n", entries->long_name, entries->description);
  g_print ("--help\tShow help options\n");
}

/* What stands on the command line of a verb without arguments was meant for something. */
static gboolean
check_stray (const GOptionEntry *entries, int argc, char **argv, GError **error)
{
  for (; entries->long_name; entries++)
    if (g_str_equal (entries->long_name, G_OPTION_REMAINING))
      return TRUE;
  return argc < 2 ||
         verb_usage (error, "unexpected argument \"%s\": all is said by options here", argv[1]);
}

/* As wide as the terminal; elsewhere as they are written. */
static void
set_texts (GOptionContext *context, const VerbHelp *help)
{
  const guint columns = terminal_columns (STDOUT_FILENO);
  g_autofree char *summary = columns > 0 ? terminal_flow (help->summary, columns) : NULL,
                  *description = columns > 0 ? terminal_flow (help->description, columns) : NULL;

  g_option_context_set_summary (context, summary ? summary : help->summary);
  g_option_context_set_description (context, description ? description : help->description);
}

gboolean
verb_parse_with (const VerbHelp *help, const GOptionEntry *entries, gpointer data, int argc,
                 char **argv, GError **error)
{
  if (argc == 2 && g_str_equal (argv[1], "--complete")) {
    print_options (entries);
    exit (EXIT_SUCCESS);
  }
  g_autoptr (GOptionContext) context = g_option_context_new (help->arguments);
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, data, NULL);
  set_texts (context, help);
  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  g_autofree char *name = g_strconcat ("cow-trainer ", argv[0], NULL);
  g_set_prgname (name);
  GError *local = NULL;
  if (g_option_context_parse (context, &argc, &argv, &local))
    return check_stray (entries, argc, argv, error);
  if (g_error_matches (local, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
    suggest_option (entries, &local);
  g_propagate_error (error, local);
  return FALSE;
}

gboolean
verb_parse (const VerbHelp *help, const GOptionEntry *entries, int argc, char **argv,
            GError **error)
{
  return verb_parse_with (help, entries, NULL, argc, argv, error);
}

void
verb_print_utf8 (const char *text)
{
  g_autofree char *clean = cow_printable (text, TRUE);
  fputs (clean, stdout); /* main () looks whether that failed */
}

gboolean
verb_usage (GError **error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, text);
  return FALSE;
}
