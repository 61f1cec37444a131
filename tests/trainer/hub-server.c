/* SPDX-License-Identifier: MIT */
#include "tests/trainer/hub-server.h"

#include <libsoup/soup.h>
#include <stdlib.h>
#include <string.h>

struct _HubServer {
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  SoupServer *hub, *network;
  char *hub_address, *network_address;
  char *weights, *weights_sha256;
  /* Counted in the server's thread, read in the test's. */
  int requests, ranges, tokens, hub_tokens;
  int tries; /* of a repository that fails at first */
};

static const char config[] = "{\"model_type\": \"dinov3_vit\"}\n";

/* File names that must not reach the disk, by repository "bad/NUMBER". */
static const char *const bad_names[] = {
  "../x.safetensors",  "a/../../x.safetensors", "/tmp/x.safetensors", "a//x.safetensors",      "a\\..\\x.safetensors",    "C:x.safetensors",
  "a/./x.safetensors", ".git/config.json",      "a\nb.safetensors",   "a/b/c/d/e.safetensors", "\x1b[31mred.safetensors",
};

/* ---- Answers ----------------------------------------------------------------------------------------------------------------------- */

static void
answer (SoupServerMessage *message, guint status, const char *type, const char *text, gsize n)
{
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, type, SOUP_MEMORY_COPY, text, n);
}

static void
set_header (SoupServerMessage *message, const char *name, const char *value)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (message), name, value);
}

static const char *
request_header (SoupServerMessage *message, const char *name)
{
  return soup_message_headers_get_one (soup_server_message_get_request_headers (message), name);
}

static void
close_connection (SoupServerMessage *message, gpointer user_data)
{
  GSocket *socket = soup_server_message_get_socket (message);
  if (socket)
    g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

/* Announces all and sends n bytes; then the connection is closed, or stays open and silent. */
static void
answer_part (HubServer *self, SoupServerMessage *message, gsize n, gboolean close)
{
  answer (message, 200, "application/octet-stream", self->weights, n);
  soup_message_headers_set_content_length (soup_server_message_get_response_headers (message), HUB_SERVER_BYTES);
  if (close)
    g_signal_connect (message, "finished", G_CALLBACK (close_connection), NULL);
}

/* ---- The hub: listings --------------------------------------------------------------------------------------------------------------- */

static char *
blob_id (const char *content)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  g_autofree char *start = g_strdup_printf ("blob %zu", strlen (content));
  g_checksum_update (sum, (const guchar *)start, (gssize)strlen (start) + 1);
  g_checksum_update (sum, (const guchar *)content, (gssize)strlen (content));
  return g_strdup (g_checksum_get_string (sum));
}

static void
answer_listing (HubServer *self, SoupServerMessage *message, const char *repository)
{
  static const char wrong[] = "00000000000000000000000000000000000000000000000000000000000000ff";
  g_autofree char *config_id = blob_id (config);
  g_autoptr (GString) text = g_string_new (NULL);
  const char *sha256 = g_str_has_suffix (repository, "/wrong") ? wrong : self->weights_sha256;

  g_string_append_printf (text, "{\"id\": \"%s\", \"sha\": \"" HUB_SERVER_COMMIT "\", \"siblings\": [", repository);
  if (g_str_has_prefix (repository, "bad/")) {
    g_autofree char *name = g_strescape (bad_names[atoi (repository + 4)], "\x1b");
    g_string_append_printf (text, "{\"rfilename\": \"%s\", \"size\": 3},", name);
    g_string_replace (text, "\x1b", "\\u001b", 0);
  }
  g_string_append (text, "{\"rfilename\": \".gitattributes\", \"size\": 1519}, {\"rfilename\": \"pytorch_model.bin\", \"size\": 9},");
  if (!g_str_has_suffix (repository, "/useless"))
    g_string_append_printf (
        text,
        "{\"rfilename\": \"model.safetensors\", \"size\": %d, \"blobId\": \"%s\", \"lfs\": {\"sha256\": \"%s\", \"size\": %d, "
        "\"pointerSize\": 134}}, {\"rfilename\": \"adapters/r8 x/config.json\", \"size\": %zu, \"blobId\": \"%s\"},",
        HUB_SERVER_BYTES, config_id, sha256, HUB_SERVER_BYTES, strlen (config), config_id);
  g_string_append_printf (text, "{\"rfilename\": \"config.json\", \"size\": %zu, \"blobId\": \"%s\"}]}", strlen (config), config_id);
  answer (message, 200, "application/json", text->str, text->len);
}

/* ---- The hub ------------------------------------------------------------------------------------------------------------------------ */

static void
answer_error (SoupServerMessage *message, guint status, const char *code, const char *words)
{
  set_header (message, "X-Error-Code", code);
  set_header (message, "X-Error-Message", words);
  answer (message, status, "text/plain", words, strlen (words));
}

/* A file of a repository. */
static void
answer_file (HubServer *self, SoupServerMessage *message, const char *repository, const char *file)
{
  const char *authorisation = request_header (message, "Authorization");
  const gboolean token = g_strcmp0 (authorisation, "Bearer " HUB_SERVER_TOKEN) == 0;
  g_autofree char *target = g_strdup_printf ("%s/%s?signature=secret", self->network_address, repository);

  g_atomic_int_add (&self->hub_tokens, token);
  if (g_str_has_suffix (repository, "/gated") && !token)
    answer_error (message, 401, "GatedRepo", "Access to model is restricted");
  else if (g_str_has_suffix (repository, "/forbidden"))
    answer_error (message, 403, "GatedRepo", "You are not in the authorized list; " HUB_SERVER_TOKEN);
  else if (g_str_has_suffix (repository, "/circle"))
    soup_server_message_set_redirect (message, 302, "/again");
  else if (g_str_has_suffix (repository, "/file-scheme"))
    soup_server_message_set_redirect (message, 302, "file:///etc/passwd");
  else if (g_str_has_suffix (file, "config.json"))
    answer (message, 200, "application/json", config, strlen (config));
  else {
    g_autofree char *etag = g_strdup_printf ("\"%s\"", self->weights_sha256);
    if (!g_str_has_suffix (repository, "/wrong"))
      set_header (message, "X-Linked-Etag", etag);
    soup_server_message_set_redirect (message, 302, target);
  }
}

static void
handle_hub (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  HubServer *self = user_data;
  g_auto (GStrv) parts = g_strsplit (path + 1, "/", -1);
  const guint n = g_strv_length (parts);

  if (n >= 6 && g_str_equal (parts[0], "api") && g_str_equal (parts[1], "models") && g_str_equal (parts[4], "revision")) {
    g_autofree char *repository = g_strjoin ("/", parts[2], parts[3], NULL);
    if (!query || g_strcmp0 (g_hash_table_lookup (query, "blobs"), "true") != 0 || g_str_has_suffix (repository, "/missing"))
      answer_error (message, 404, "RepoNotFound", "Repository not found");
    else if (!g_str_equal (parts[5], "main") && !g_str_equal (parts[5], "v2"))
      answer_error (message, 404, "RevisionNotFound", "Invalid rev id");
    else if (g_str_has_suffix (repository, "/busy") && g_atomic_int_add (&self->tries, 1) < 1)
      answer (message, 503, "text/plain", "", 0);
    else if (g_str_has_suffix (repository, "/garbage"))
      answer (message, 200, "application/json", "<html>", 6);
    else
      answer_listing (self, message, repository);
  } else if (n >= 5 && g_str_equal (parts[2], "resolve") && g_str_equal (parts[3], HUB_SERVER_COMMIT)) {
    g_autofree char *repository = g_strjoin ("/", parts[0], parts[1], NULL);
    answer_file (self, message, repository, path);
  } else if (g_str_equal (path, "/again")) {
    soup_server_message_set_redirect (message, 302, "/again");
  } else {
    answer_error (message, 404, "EntryNotFound", "Entry not found");
  }
}

/* ---- The content network --------------------------------------------------------------------------------------------------------------
 */

typedef struct {
  HubServer *self;
  SoupServerMessage *message;
  gsize sent;
} Trickle;

/* The next piece of an answer without a length. */
static gboolean
trickle (gpointer user_data)
{
  Trickle *state = user_data;
  SoupMessageBody *body = soup_server_message_get_response_body (state->message);
  const gsize n = MIN (500000, HUB_SERVER_BYTES - state->sent);

  if (n > 0)
    soup_message_body_append (body, SOUP_MEMORY_COPY, state->self->weights + state->sent, n);
  else
    soup_message_body_complete (body);
  state->sent += n;
  soup_server_unpause_message (state->self->network, state->message);
  if (n == 0) {
    g_object_unref (state->message);
    g_free (state);
  }
  return n > 0;
}

static void
answer_slowly (HubServer *self, SoupServerMessage *message)
{
  Trickle *state = g_new0 (Trickle, 1);
  g_autoptr (GSource) source = g_timeout_source_new (100);

  state->self = self;
  state->message = g_object_ref (message);
  soup_server_message_set_status (message, 200, NULL);
  soup_message_headers_set_encoding (soup_server_message_get_response_headers (message), SOUP_ENCODING_CHUNKED);
  g_source_set_callback (source, trickle, state, NULL);
  g_source_attach (source, self->context);
  soup_server_pause_message (self->network, message);
}

static void
handle_network (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  HubServer *self = user_data;
  const char *etag = g_str_has_suffix (path, "/changed") ? "\"new\"" : "\"of-the-network\"",
             *if_range = request_header (message, "If-Range");
  const gboolean range = request_header (message, "Range") != NULL;

  g_atomic_int_inc (&self->requests);
  g_atomic_int_add (&self->ranges, range);
  g_atomic_int_add (&self->tokens, request_header (message, "Authorization") != NULL);
  if (!query || !g_hash_table_lookup (query, "signature")) {
    answer (message, 403, "text/plain", "", 0);
    return;
  }
  set_header (message, "ETag", etag);
  /* libsoup answers ranges by itself, but does not look at If-Range. */
  if (if_range && !g_str_equal (if_range, etag))
    soup_message_headers_remove (soup_server_message_get_request_headers (message), "Range");
  if (g_str_has_suffix (path, "/cut") && g_atomic_int_add (&self->tries, 1) < 2 && !range)
    answer_part (self, message, 1000000, TRUE);
  else if (g_str_has_suffix (path, "/changed") && g_atomic_int_add (&self->tries, 1) < 1) {
    set_header (message, "ETag", "\"old\"");
    answer_part (self, message, 1000000, TRUE);
  } else if (g_str_has_suffix (path, "/silent") && g_atomic_int_add (&self->tries, 1) < 1)
    answer_part (self, message, 1000000, FALSE);
  else if (g_str_has_suffix (path, "/long"))
    answer (message, 200, "application/octet-stream", self->weights, HUB_SERVER_BYTES + 1);
  else if (g_str_has_suffix (path, "/slow"))
    answer_slowly (self, message);
  else if (g_str_has_suffix (path, "/dead"))
    answer_part (self, message, 0, TRUE);
  else
    answer (message, 200, "application/octet-stream", self->weights, HUB_SERVER_BYTES);
}

/* ---- Running ----------------------------------------------------------------------------------------------------------------------- */

static SoupServer *
listen_local (SoupServerCallback handler, HubServer *self, char **address)
{
  g_autoptr (GError) error = NULL;
  SoupServer *server = soup_server_new (NULL, NULL);

  soup_server_add_handler (server, NULL, handler, self, NULL);
  soup_server_listen_local (server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  GSList *uris = soup_server_get_uris (server);
  *address = g_strdup_printf ("http://127.0.0.1:%d", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify)g_uri_unref);
  return server;
}

static gpointer
run (gpointer data)
{
  HubServer *self = data;
  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  soup_server_disconnect (self->hub);
  soup_server_disconnect (self->network);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

HubServer *
hub_server_new (void)
{
  HubServer *self = g_new0 (HubServer, 1);

  self->weights = g_malloc (HUB_SERVER_BYTES + 1);
  for (gsize i = 0; i <= HUB_SERVER_BYTES; i++)
    self->weights[i] = (char)(i * 7 + i / 1000);
  self->weights_sha256 = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)self->weights, HUB_SERVER_BYTES);
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_main_context_push_thread_default (self->context);
  self->hub = listen_local (handle_hub, self, &self->hub_address);
  self->network = listen_local (handle_network, self, &self->network_address);
  g_main_context_pop_thread_default (self->context);
  self->thread = g_thread_new ("hub-server", run, self);
  return self;
}

void
hub_server_free (HubServer *self)
{
  g_main_loop_quit (self->loop);
  g_thread_join (self->thread);
  g_object_unref (self->hub);
  g_object_unref (self->network);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_free (self->hub_address);
  g_free (self->network_address);
  g_free (self->weights);
  g_free (self->weights_sha256);
  g_free (self);
}

const char *
hub_server_address (HubServer *self)
{
  return self->hub_address;
}

const char *
hub_server_weights (HubServer *self)
{
  return self->weights;
}

HubServerCount
hub_server_take_count (HubServer *self)
{
  const HubServerCount count = { g_atomic_int_get (&self->requests), g_atomic_int_get (&self->ranges), g_atomic_int_get (&self->tokens),
                                 g_atomic_int_get (&self->hub_tokens) };
  g_atomic_int_set (&self->requests, 0);
  g_atomic_int_set (&self->ranges, 0);
  g_atomic_int_set (&self->tokens, 0);
  g_atomic_int_set (&self->hub_tokens, 0);
  g_atomic_int_set (&self->tries, 0);
  return count;
}
