/* SPDX-License-Identifier: MIT */
#include "trainer/host/secrets.h"

#include <string.h>

/* Finds the login of the address that the text holds: what is between "://" and the last @. */
static gboolean
find_login (char *text, char **login, gsize *n)
{
  char *begin = strstr (text, "://"), *end = begin ? strrchr (begin, '@') : NULL;

  if (!end)
    return FALSE;
  *login = begin + strlen ("://");
  *n = (gsize)(end - *login);
  return TRUE;
}

void
secrets_hide_environment (void)
{
  g_auto (GStrv) names = g_listenv ();

  for (char **name = names; *name; name++) {
    char *value = (char *)g_getenv (*name), *login;
    g_autofree char *copy = g_strdup (value);
    gsize n;

    if (!value || !(g_str_has_suffix (*name, "PASSWORD") || g_str_has_suffix (*name, "TOKEN") ||
                    find_login (value, &login, &n)))
      continue;
    g_setenv (*name, copy, TRUE);
    memset (value, 0, strlen (value)); /* the old text, which the environment has left */
  }
}

char **
secrets_hide_arguments (int argc, char **argv)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  char *login;
  gsize n;

  for (int i = 0; i < argc; i++) {
    g_strv_builder_add (builder, argv[i]);
    if (find_login (argv[i], &login, &n))
      memset (login, '*', n);
  }
  return g_strv_builder_end (builder);
}
