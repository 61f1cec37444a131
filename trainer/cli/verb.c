/* SPDX-License-Identifier: MIT */
#include "trainer/cli/verb.h"

#include <stdio.h>

#include "model/files/printable.h"

GArray *
verb_entries_new (void)
{
  return g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
}

gboolean
verb_parse_with (const VerbHelp *help, const GOptionEntry *entries, gpointer data, int argc,
                 char **argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (help->arguments);
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, data, NULL);
  g_option_context_set_summary (context, help->summary);
  g_option_context_set_description (context, help->description);
  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  g_autofree char *name = g_strconcat ("cow-trainer ", argv[0], NULL);
  g_set_prgname (name);
  return g_option_context_parse (context, &argc, &argv, error);
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
