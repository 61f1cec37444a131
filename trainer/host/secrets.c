/* SPDX-License-Identifier: MIT */
#include "trainer/host/secrets.h"

#include <string.h>

/* Whether the text holds an address with a login. */
static gboolean
has_login (const char *text)
{
  const char *address = strstr (text, "://");

  return address && strchr (address, '@');
}

/* Whether it sets a password or a token: an option, a property, the query of an address. */
static gboolean
sets_secret (const char *text)
{
  static const char *const names[] = { "password=", "passwd=", "pwd=", "pw=", "token=" };
  g_autofree char *lower = g_ascii_strdown (text, -1);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strstr (lower, names[i]))
      return TRUE;
  return FALSE;
}

static void
hide_environment (void)
{
  g_auto (GStrv) names = g_listenv ();

  for (char **name = names; *name; name++) {
    char *value = (char *)g_getenv (*name);
    g_autofree char *copy = g_strdup (value);

    if (!value || !(g_str_has_suffix (*name, "PASSWORD") || g_str_has_suffix (*name, "TOKEN") ||
                    has_login (value)))
      continue;
    g_setenv (*name, copy, TRUE);
    memset (value, 0, strlen (value)); /* the old text, which the environment has left */
  }
}

void
secrets_hide (int argc, char ***argv, gboolean all)
{
  static char **copies; /* for as long as the process lives */
  char **words, **originals = *argv;

  hide_environment ();
  /* Those who parse options take words out of an array: this one is not the only one. */
  copies = g_new0 (char *, 2 * ((gsize)argc + 1));
  words = copies + argc + 1;
  for (int i = 0; i < argc; i++) {
    copies[i] = words[i] = g_strdup (originals[i]);
    if ((all && i > 0) || has_login (originals[i]) || sets_secret (originals[i]))
      memset (originals[i], '*', strlen (originals[i]));
  }
  *argv = words;
}
