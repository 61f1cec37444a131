/* SPDX-License-Identifier: MIT */
#include "pipelines/redaction.h"

#include <gst/gst.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pipelines/camera.h"
#include "pipelines/service.h"

#define HIDDEN "***"

static struct {
  GRWLock lock;
  GPtrArray *secrets; /* of char *, the longest first; NULL: none */
} registry;

/* ---- what is secret -------------------------------------------------------------------------- */

static gint
by_length (gconstpointer a, gconstpointer b)
{
  const gsize n = strlen (*(char *const *)a), m = strlen (*(char *const *)b);

  return n < m ? 1 : n > m ? -1 : 0;
}

/* Takes the text. */
static void
add (char *text)
{
  g_autofree char *secret = text;

  if (!secret || !*secret)
    return;
  g_rw_lock_writer_lock (&registry.lock);
  if (!registry.secrets)
    registry.secrets = g_ptr_array_new_with_free_func (g_free);
  if (!g_ptr_array_find_with_equal_func (registry.secrets, secret, g_str_equal, NULL)) {
    g_ptr_array_add (registry.secrets, g_steal_pointer (&secret));
    /* Where one is a part of another, that one has to be found first. */
    g_ptr_array_sort (registry.secrets, by_length);
  }
  g_rw_lock_writer_unlock (&registry.lock);
}

/* A text as GStreamer writes it in structures and messages; free with g_free (). */
static char *
quoted (const char *text)
{
  GString *to = g_string_new (NULL);

  for (; *text; text++) {
    const guchar c = (guchar)*text;

    if (g_ascii_isalnum (c) || strchr ("_-+/:.", c))
      g_string_append_c (to, *text);
    else if (c < 0x20 || c >= 0x7f)
      g_string_append_printf (to, "\\%03o", c);
    else
      g_string_append_printf (to, "\\%c", c);
  }
  return g_string_free (to, FALSE);
}

/* Adds a secret in all ways in which it is written. */
static void
add_forms (const char *secret)
{
  add (g_strdup (secret));
  add (g_uri_escape_string (secret, NULL, FALSE));
  add (g_strescape (secret, NULL));
  add (quoted (secret));
}

static void
add_value (const char *value)
{
  g_autofree char *plain = camera_decode (value);

  add_forms (value);
  add_forms (plain);
}

/* Of a login "USER:PASSWORD" as typed, with %XX for any character. */
static void
add_login (const char *login)
{
  const char *colon = strchr (login, ':');
  g_autofree char *plain = camera_decode (login);

  if (!colon)
    return;
  add_value (colon + 1);
  add (g_base64_encode ((const guchar *)login, strlen (login)));
  add (g_base64_encode ((const guchar *)plain, strlen (plain)));
}

/* Names what a part of an address says, as "user=admin&password=x" or "user=admin_password=x_1". */
static void
add_words (const char *text)
{
  g_auto (GStrv) words = g_strsplit_set (text, "=&_;/", -1);

  if (!strchr (text, '='))
    return;
  add_value (text);
  for (char **word = words; *word && word[1]; word++) {
    g_autofree char *name = g_ascii_strdown (*word, -1);

    if (g_regex_match_simple ("pass|pwd|pw$|psw|token|secret|auth|key|sig", name, 0, 0))
      add_value (word[1]);
  }
}

static void
add_address (const char *address)
{
  const char *begin = strstr (address, "://") + strlen ("://");
  const char *query = strchr (begin, '?');
  g_autofree char *path = query ? g_strndup (begin, (gsize)(query - begin)) : g_strdup (begin);
  const char *at = strrchr (path, '@');
  g_auto (GStrv) parts = g_strsplit (at ? at + 1 : path, "/", -1);

  if (at) {
    g_autofree char *login = g_strndup (path, (gsize)(at - path));

    add_login (login);
  }
  for (char **part = parts; *part; part++)
    add_words (*part);
  if (query)
    add_words (query + 1);
}

/* Returns the value that begins here, in quotes or not, without escapes; free with g_free (). */
static char *
value_at (const char *text)
{
  GString *value = g_string_new (NULL);
  const char quote = *text == '"' || *text == '\'' ? *text++ : '\0';

  for (; *text && (quote ? *text != quote : !g_ascii_isspace (*text)); text++) {
    if (*text == '\\' && text[1])
      text++;
    g_string_append_c (value, *text);
  }
  return g_string_free (value, FALSE);
}

void
redaction_add_description (const char *description)
{
  static const char *const secret[] = { "password", "token", "secret", "passphrase", "pw" };

  for (const char *p = strchr (description, '='); p; p = strchr (p + 1, '=')) {
    g_autofree char *value = value_at (p + 1);

    for (guint i = 0; i < G_N_ELEMENTS (secret); i++) {
      const gsize n = strlen (secret[i]);

      if ((gsize)(p - description) >= n && g_ascii_strncasecmp (p - n, secret[i], n) == 0)
        add_value (value);
    }
    if (strstr (value, "://"))
      add_address (value);
  }
  if (strstr (description, "://") && !strchr (description, ' '))
    add_address (description);
}

/* Hides what a header says of a login behind this word, for logins that are put together from
 * properties: in base64, or hashed as in a digest, by which a password can be guessed. */
static void
hide_login (GString *text, const char *word)
{
  for (char *at = text->str; (at = strstr (at, word));) {
    const gsize from = (gsize)(at - text->str) + strlen (word),
                n = strspn (text->str + from, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789+/=-._~");

    g_string_erase (text, (gssize)from, (gssize)n);
    g_string_insert (text, (gssize)from, HIDDEN);
    at = text->str + from;
  }
}

/* The text without secrets; free with g_free (). */
static char *
apply (const char *text)
{
  GString *result = g_string_new (text);

  g_rw_lock_reader_lock (&registry.lock);
  for (guint i = 0; registry.secrets && i < registry.secrets->len; i++)
    g_string_replace (result, registry.secrets->pdata[i], HIDDEN, 0);
  g_rw_lock_reader_unlock (&registry.lock);
  hide_login (result, "Basic ");
  hide_login (result, "Bearer ");
  hide_login (result, "response=\"");
  return g_string_free (result, FALSE);
}

/* ---- the log --------------------------------------------------------------------------------- */

static void
log_line (GstDebugCategory *category, GstDebugLevel level, const gchar *file, const gchar *function,
          gint line, GObject *object, GstDebugMessage *message, gpointer stream)
{
  g_autofree char *text =
      gst_debug_log_get_line (category, level, file, function, line, object, message);
  g_autofree char *shown = apply (text);

  fputs (shown, stream);
  fflush (stream);
}

/* The file that GST_DEBUG_FILE names, in which GStreamer replaces %p by the process and %r by a
 * random number. It is taken out of the environment, because GStreamer would truncate it. */
static FILE *
stream_new (void)
{
  g_autofree char *name = g_strdup (g_getenv ("GST_DEBUG_FILE"));
  g_autoptr (GString) path = g_string_new (name);
  g_autofree char *process = g_strdup_printf ("%d", (int)getpid ()),
                  *number = g_strdup_printf ("%08x", g_random_int ());
  FILE *stream;

  g_unsetenv ("GST_DEBUG_FILE");
  if (!name || !*name)
    return stderr;
  if (strcmp (name, "-") == 0)
    return stdout;
  g_string_replace (path, "%p", process, 0);
  g_string_replace (path, "%r", number, 0);
  stream = fopen (path->str, "w");
  if (!stream)
    service_say (SAY_WARNING, "GST_DEBUG_FILE cannot be written to; the log goes here\n");
  return stream ? stream : stderr;
}

static void
add_environment (void)
{
  g_auto (GStrv) names = g_listenv ();

  for (char **name = names; *name; name++) {
    const char *value = g_getenv (*name);

    if (!value)
      continue;
    if (g_str_has_prefix (*name, "COWBEHAVIOR_LOGIN_"))
      add_login (value);
    else if (g_str_has_suffix (*name, "PASSWORD") || g_str_has_suffix (*name, "TOKEN"))
      add_value (value);
    else if (strstr (value, "://"))
      add_address (value);
  }
}

void
redaction_start (void)
{
  add_environment ();
  gst_debug_remove_log_function (gst_debug_log_default);
  gst_debug_add_log_function (log_line, stream_new (), NULL);
}
