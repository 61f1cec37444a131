/* SPDX-License-Identifier: MIT */
#include "tests/trainer/hub-server.h"

#include <libsoup/soup.h>
#include <string.h>

struct _HubServer {
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  SoupServer *hub, *network, *proxy;
  char *hub_address, *network_address, *proxy_address;
  char *weights; /* [HUB_SERVER_BYTES + 1] */
  GMutex lock;   /* of the following fields; the servers' thread writes, the test's reads */
  HubServerCount count;
  char *listing;
  int tries; /* of a repository that fails at first */
  gboolean released;
};

static const char config[] = "{\"model_type\": \"dinov3_vit\"}\n";
static const char shard_index[] = "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\", "
                                  "\"b\": \"model-00002-of-00002.safetensors\"}}\n";

/* ---- Contents -------------------------------------------------------------------------------- */

const char *
hub_server_content (HubServer *self, const char *path, gsize *n_bytes)
{
  const char *slash = strrchr (path, '/'), *name = slash ? slash + 1 : path, *text = NULL;

  if (g_str_equal (name, "model.safetensors") || g_str_equal (name, "pytorch_model.bin")) {
    *n_bytes = HUB_SERVER_BYTES;
    return self->weights;
  }
  if (g_str_equal (name, "model-00001-of-00002.safetensors")) {
    *n_bytes = 100001;
    return self->weights + 7;
  }
  if (g_str_equal (name, "model-00002-of-00002.safetensors")) {
    *n_bytes = 200002;
    return self->weights + 12345;
  }
  if (g_str_equal (name, "config.json"))
    text = config;
  else if (g_str_equal (name, "model.safetensors.index.json"))
    text = shard_index;
  else if (g_str_has_prefix (name, "README") || g_str_equal (name, "LICENSE.md"))
    text = "# Text\n";
  else if (g_str_equal (name, "training_args.bin"))
    text = "of no use";
  else if (g_str_equal (name, "LICENSE"))
    text = "";
  *n_bytes = text ? strlen (text) : 0;
  return text;
}

static gboolean
is_large (const char *path)
{
  return g_str_has_suffix (path, ".safetensors") || g_str_has_suffix (path, ".bin");
}

/* ---- Responses ------------------------------------------------------------------------------- */

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
answer_error (SoupServerMessage *message, guint status, const char *code, const char *words)
{
  set_header (message, "X-Error-Code", code);
  set_header (message, "X-Error-Message", words);
  answer (message, status, "text/plain", words, strlen (words));
}

static void
add_count (HubServer *self, int *counter, gboolean what)
{
  g_mutex_lock (&self->lock);
  *counter += what ? 1 : 0;
  g_mutex_unlock (&self->lock);
}

/* Whether a repository that fails n times has not done so yet. */
static gboolean
still_fails (HubServer *self, int n)
{
  g_mutex_lock (&self->lock);
  const gboolean fails = self->tries < n;
  self->tries++;
  g_mutex_unlock (&self->lock);
  return fails;
}

/* A response whose body is sent in pieces, by a timer. */
typedef struct {
  HubServer *self;
  SoupServerMessage *message;
  const char *bytes;
  gsize n, sent;  /* bytes to send, sent */
  gboolean stays; /* for bodies that end too early: the connection stays open and silent, else it is
                     closed */
  gboolean complete, held;
} Trickle;

static void
trickle_free (gpointer data)
{
  Trickle *self = data;
  g_object_unref (self->message);
  g_free (self);
}

static gboolean
is_released (HubServer *self)
{
  g_mutex_lock (&self->lock);
  const gboolean released = self->released;
  g_mutex_unlock (&self->lock);
  return released;
}

static gboolean
trickle (gpointer data)
{
  Trickle *self = data;
  SoupMessageBody *body = soup_server_message_get_response_body (self->message);
  const gsize n = MIN (500000, self->n - self->sent);

  if (g_object_get_data (G_OBJECT (self->message), "gone"))
    return G_SOURCE_REMOVE;
  if (self->held && self->sent >= 1000000 && !is_released (self->self))
    return G_SOURCE_CONTINUE;
  if (n > 0) {
    soup_message_body_append (body, SOUP_MEMORY_COPY, self->bytes + self->sent, n);
    self->sent += n;
  } else if (self->complete) {
    soup_message_body_complete (body);
  } else {
    if (!self->stays)
      g_socket_shutdown (soup_server_message_get_socket (self->message), TRUE, TRUE, NULL);
    return G_SOURCE_REMOVE;
  }
  soup_server_message_unpause (self->message);
  return n > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
note_gone (SoupServerMessage *message, gpointer user_data)
{
  g_object_set_data (G_OBJECT (message), "gone", message);
}

/* Sends n bytes; the announced length is `total`, 0 for none. */
static void
answer_pieces (HubServer *self, SoupServerMessage *message, const char *bytes, gsize n, gsize total,
               gboolean stays, guint pause_ms)
{
  Trickle *state = g_new0 (Trickle, 1);
  g_autoptr (GSource) source = g_timeout_source_new (pause_ms);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  *state = (Trickle){ self,  g_object_ref (message),   bytes,     n, 0,
                      stays, total == 0 || total == n, total == n };
  soup_server_message_set_status (message, 200, NULL);
  if (total > 0)
    soup_message_headers_set_content_length (headers, (goffset)total);
  else
    soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  g_signal_connect (message, "finished", G_CALLBACK (note_gone), NULL);
  g_source_set_callback (source, trickle, state, trickle_free);
  g_source_attach (source, self->context);
  soup_server_message_pause (message);
}

/* ---- The hub: listings ----------------------------------------------------------------------- */

static char *
blob_id (const char *content, gsize n)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  g_autofree char *start = g_strdup_printf ("blob %zu", n);
  g_checksum_update (sum, (const guchar *)start, (gssize)strlen (start) + 1);
  g_checksum_update (sum, (const guchar *)content, (gssize)n);
  return g_strdup (g_checksum_get_string (sum));
}

static char *
sha256_of (HubServer *self, const char *repository, const char *path)
{
  gsize n = 0;
  const char *content = hub_server_content (self, path, &n);

  if (g_str_has_suffix (repository, "/wrong"))
    return g_strnfill (64, '0');
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)content, n);
}

static void
add_entry (HubServer *self, GString *text, const char *repository, const char *path)
{
  gsize n = 0;
  const char *content = hub_server_content (self, path, &n);
  g_autofree char *id = blob_id (content, n), *sha256 = sha256_of (self, repository, path);

  g_string_append_printf (text, "%s{\"rfilename\": \"%s\", \"size\": %zu, \"blobId\": \"%s\"",
                          text->str[text->len - 1] == '[' ? "" : ", ", path, n, id);
  /* For a large file the blob is Git's pointer to it. */
  if (is_large (path))
    g_string_append_printf (
        text, ", \"lfs\": {\"sha256\": \"%s\", \"size\": %zu, \"pointerSize\": 134}", sha256, n);
  g_string_append_c (text, '}');
}

static void
answer_listing (HubServer *self, SoupServerMessage *message, const char *repository)
{
  static const char *const plain[] = { ".gitattributes",    "pytorch_model.bin",
                                       "model.safetensors", "adapters/r8 x/config.json",
                                       "config.json",       NULL };
  static const char *const shards[] = { "README.md",
                                        "LICENSE",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors",
                                        "model.safetensors.index.json",
                                        "config.json",
                                        ".ipynb_checkpoints/README-checkpoint.md",
                                        NULL };
  static const char *const pickled[] = { "pytorch_model.bin", "training_args.bin", "config.json",
                                         "README.md", NULL };
  static const char *const useless[] = { "flax_model.msgpack", "config.json", NULL };
  g_autoptr (GString) text = g_string_new (NULL);

  if (g_str_has_suffix (repository, "/custom")) {
    g_mutex_lock (&self->lock);
    g_string_assign (text, self->listing);
    g_mutex_unlock (&self->lock);
  } else {
    g_string_append_printf (text,
                            "{\"id\": \"%s\", \"sha\": \"" HUB_SERVER_COMMIT
                            "\", \"tags\": [null, 1.5], \"siblings\": [",
                            repository);
    for (const char *const *path = g_str_has_suffix (repository, "/shards")    ? shards
                                   : g_str_has_suffix (repository, "/useless") ? useless
                                   : g_str_has_suffix (repository, "/pickled") ? pickled
                                                                               : plain;
         *path; path++)
      add_entry (self, text, repository, *path);
    g_string_append (text, "]}");
  }
  answer (message, 200, "application/json", text->str, text->len);
}

/* ---- The hub --------------------------------------------------------------------------------- */

/* Whether every request for a repository gets an error, which this makes. */
static gboolean
answer_trouble (HubServer *self, SoupServerMessage *message, const char *repository, gboolean token)
{
  if (g_str_has_suffix (repository, "/closed"))
    answer (message, 401, "text/html", "<html>", 6);
  else if (g_str_has_suffix (repository, "/missing"))
    answer_error (message, 404, "RepoNotFound", "Repository not found");
  else if (g_str_has_suffix (repository, "/private"))
    answer_error (message, 401, "RepoNotFound", "Repository not found");
  else if (g_str_has_suffix (repository, "/limited")) {
    set_header (message, "Retry-After", "86400");
    answer_error (message, 429, "", "You have been rate limited");
  } else if (g_str_has_suffix (repository, "/broken"))
    answer_error (message, 500, "", "Internal \x1b[31merror");
  else if (g_str_has_suffix (repository, "/busy") && still_fails (self, 1))
    answer (message, 503, "text/plain", "", 0);
  else if (g_str_has_suffix (repository, "/garbage"))
    answer (message, 200, "application/json", "<html>", 6);
  else
    return FALSE;
  return TRUE;
}

/* Serves a file of a repository; `proxied` hosts have names. */
static void
answer_file (HubServer *self, SoupServerMessage *message, const char *repository, const char *path,
             gboolean token, gboolean proxied)
{
  gsize n = 0;
  const char *content = hub_server_content (self, path, &n);
  g_autofree char *sha256 = sha256_of (self, repository, path),
                  *etag = g_strdup_printf ("\"%s\"", sha256);
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE),
                  *near = g_strconcat ("/near/", escaped, NULL);
  g_autofree char *target =
      g_strdup_printf ("%s/%s/%s?signature=secret",
                       proxied ? "http://cdn.test" : self->network_address, repository, escaped);

  if (g_str_has_suffix (repository, "/gated") && !token)
    answer_error (message, 401, "GatedRepo", "Access to model is restricted");
  else if (g_str_has_suffix (repository, "/forbidden"))
    answer_error (message, 403, "GatedRepo",
                  "You are not in the authorized list; " HUB_SERVER_TOKEN);
  else if (g_str_has_suffix (repository, "/circle"))
    soup_server_message_set_redirect (message, 302, "/again");
  else if (g_str_has_suffix (repository, "/file-scheme"))
    soup_server_message_set_redirect (message, 302, "file:///etc/passwd");
  else if (g_str_has_suffix (repository, "/relative"))
    soup_server_message_set_redirect (message, 307, near);
  else if (!is_large (path) && content)
    answer (message, 200, "application/octet-stream", content, n);
  else if (content) {
    if (g_str_has_suffix (repository, "/mislabelled"))
      etag[1] = etag[1] == '0' ? '1' : '0';
    set_header (message, "X-Linked-Etag", etag);
    soup_server_message_set_redirect (message, 302, target);
  } else
    answer_error (message, 404, "EntryNotFound", "Entry not found");
}

static void
answer_content (HubServer *self, SoupServerMessage *message, const char *path)
{
  gsize n = 0;
  const char *content = hub_server_content (self, path, &n);
  answer (message, content ? 200 : 404, "application/octet-stream", content ? content : "", n);
}

static void
handle_hub (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query,
            gpointer user_data)
{
  HubServer *self = user_data;
  const gboolean proxied = server == self->proxy;
  const gboolean token =
      g_strcmp0 (request_header (message, "Authorization"), "Bearer " HUB_SERVER_TOKEN) == 0;

  add_count (self, &self->count.hub_requests, TRUE);
  add_count (self, &self->count.hub_tokens, token);
  if (g_str_has_prefix (path, "/mirror/"))
    path += strlen ("/mirror");
  g_auto (GStrv) parts = g_strsplit (path + 1, "/", 5);
  const guint n = g_strv_length (parts);
  const gboolean listing =
      n == 5 && g_str_equal (parts[0], "api") && g_str_equal (parts[1], "models");
  g_autofree char *repository =
      n == 5 ? g_strjoin ("/", parts[listing ? 2 : 0], parts[listing ? 3 : 1], NULL)
             : g_strdup ("");

  if (g_str_equal (path, "/again"))
    soup_server_message_set_redirect (message, 302, "/again");
  else if (g_str_has_prefix (path, "/near/"))
    answer_content (self, message, path);
  else if (g_str_has_prefix (path, "/back/")) {
    /* A client that was redirected away and back must not have kept the token. */
    add_count (self, &self->count.tokens, token);
    answer_content (self, message, path);
  } else if (n < 5)
    answer_error (message, 404, "", "Not found");
  else if (answer_trouble (self, message, repository, token))
    ;
  else if (!listing && g_str_equal (parts[2], "resolve") &&
           g_str_equal (parts[3], HUB_SERVER_COMMIT))
    answer_file (self, message, repository, parts[4], token, proxied);
  else if (!listing || !query || g_strcmp0 (g_hash_table_lookup (query, "blobs"), "true") != 0)
    answer_error (message, 404, "", "Not found");
  else if (!g_str_equal (parts[4], "revision/main") && !g_str_equal (parts[4], "revision/pr/1"))
    answer_error (message, 404, "RevisionNotFound", "Invalid rev id");
  else
    answer_listing (self, message, repository);
}

/* ---- The content network --------------------------------------------------------------------- */

/* Makes what is wrong with the weights; FALSE if nothing is wrong (any more). */
static gboolean
answer_badly (HubServer *self, SoupServerMessage *message, const char *repository, gboolean range)
{
  const char *wrong = self->weights + 1;
  g_autofree char *back = g_strconcat (self->hub_address, "/back/model.safetensors", NULL);

  if (g_str_equal (repository, "cut") && !range && still_fails (self, 1))
    answer_pieces (self, message, self->weights, 1000000, HUB_SERVER_BYTES, FALSE, 20);
  else if (g_str_equal (repository, "changed") && still_fails (self, 1)) {
    set_header (message, "ETag", "\"old\"");
    answer_pieces (self, message, wrong, 1000000, HUB_SERVER_BYTES, FALSE, 20);
  } else if (g_str_equal (repository, "spliced") && !range && still_fails (self, 1))
    answer_pieces (self, message, wrong, 1000000, HUB_SERVER_BYTES, FALSE, 20);
  else if (g_str_equal (repository, "silent") && !range && still_fails (self, 1))
    answer_pieces (self, message, self->weights, 1000000, HUB_SERVER_BYTES, TRUE, 20);
  else if (g_str_equal (repository, "held") && !range)
    answer_pieces (self, message, self->weights, HUB_SERVER_BYTES, HUB_SERVER_BYTES, FALSE, 20);
  else if (g_str_equal (repository, "dead"))
    answer_pieces (self, message, self->weights, 0, HUB_SERVER_BYTES, FALSE, 20);
  else if (g_str_equal (repository, "flood"))
    answer_pieces (self, message, self->weights, HUB_SERVER_BYTES + 1, 0, FALSE, 5);
  else if (g_str_equal (repository, "long"))
    answer (message, 200, "application/octet-stream", self->weights, HUB_SERVER_BYTES + 1);
  else if (g_str_equal (repository, "short"))
    answer (message, 200, "application/octet-stream", self->weights, HUB_SERVER_BYTES - 1);
  else if (g_str_equal (repository, "expired") && still_fails (self, 1))
    answer (message, 403, "text/plain", "expired", 7);
  else if (g_str_equal (repository, "bounce"))
    soup_server_message_set_redirect (message, 302, back);
  else
    return FALSE;
  return TRUE;
}

static void
handle_network (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query,
                gpointer user_data)
{
  HubServer *self = user_data;
  const char *if_range = request_header (message, "If-Range"), *etag = "\"of-the-network\"";
  const gboolean range = request_header (message, "Range") != NULL;
  g_auto (GStrv) parts = g_strsplit (path + 1, "/", 3); /* farm, the repository, the file's path */
  gsize n = 0;

  add_count (self, &self->count.requests, TRUE);
  add_count (self, &self->count.ranges, range);
  add_count (self, &self->count.tokens, request_header (message, "Authorization") != NULL);
  add_count (self, &self->count.tokens,
             server != self->proxy && request_header (message, "Proxy-Authorization") != NULL);
  const char *content = g_strv_length (parts) == 3 ? hub_server_content (self, parts[2], &n) : NULL;
  if (!content || !query || !g_hash_table_lookup (query, "signature")) {
    answer (message, 404, "text/plain", "", 0);
    return;
  }
  set_header (message, "ETag", etag);
  /* libsoup handles ranges by itself, but ignores If-Range. */
  if (if_range && !g_str_equal (if_range, etag))
    soup_message_headers_remove (soup_server_message_get_request_headers (message), "Range");
  if (!answer_badly (self, message, parts[1], range))
    answer (message, 200, "application/octet-stream", content, n);
}

/* ---- The proxy ------------------------------------------------------------------------------- */

static void
handle_proxy (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query,
              gpointer user_data)
{
  HubServer *self = user_data;
  const char *host = request_header (message, "Host");
  const char *login = request_header (message, "Proxy-Authorization");
  const gboolean tunnel = soup_server_message_get_method (message) == SOUP_METHOD_CONNECT;
  g_autofree char *encoded =
      g_base64_encode ((const guchar *)HUB_SERVER_PROXY_LOGIN, strlen (HUB_SERVER_PROXY_LOGIN));
  g_autofree char *expected = g_strconcat ("Basic ", encoded, NULL);

  add_count (self, &self->count.connects, tunnel);
  add_count (self, &self->count.tokens,
             tunnel && request_header (message, "Authorization") != NULL);
  if (g_strcmp0 (login, expected) != 0) {
    set_header (message, "Proxy-Authenticate", "Basic realm=\"farm\"");
    answer (message, 407, "text/plain", "", 0);
  } else {
    add_count (self, &self->count.proxied, TRUE);
    if (tunnel)
      answer (message, 403, "text/plain", "", 0);
    else if (g_strcmp0 (host, "hub.test") == 0)
      handle_hub (server, message, path, query, user_data);
    else if (g_strcmp0 (host, "cdn.test") == 0)
      handle_network (server, message, path, query, user_data);
    else
      answer (message, 502, "text/plain", "", 0);
  }
}

/* ---- Running --------------------------------------------------------------------------------- */

static SoupServer *
listen_local (SoupServerCallback handler, HubServer *self, const char *scheme, char **address)
{
  g_autoptr (GError) error = NULL;
  SoupServer *server = soup_server_new (NULL, NULL);

  soup_server_add_handler (server, NULL, handler, self, NULL);
  soup_server_listen_local (server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  GSList *uris = soup_server_get_uris (server);
  *address = g_strdup_printf ("%s127.0.0.1:%d", scheme, g_uri_get_port (uris->data));
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
  soup_server_disconnect (self->proxy);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

HubServer *
hub_server_new (void)
{
  HubServer *self = g_new0 (HubServer, 1);

  g_mutex_init (&self->lock);
  self->weights = g_malloc (HUB_SERVER_BYTES + 1);
  for (gsize i = 0; i <= HUB_SERVER_BYTES; i++)
    self->weights[i] = (char)(i * 7 + i / 1000);
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_main_context_push_thread_default (self->context);
  self->hub = listen_local (handle_hub, self, "http://", &self->hub_address);
  self->network = listen_local (handle_network, self, "http://", &self->network_address);
  self->proxy = listen_local (handle_proxy, self, "", &self->proxy_address);
  g_main_context_pop_thread_default (self->context);
  self->thread = g_thread_new ("hub-server", run, self);
  return self;
}

static gboolean
quit (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

void
hub_server_free (HubServer *self)
{
  /* This runs in the loop itself, which may not have begun to run. */
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_callback (source, quit, self->loop, NULL);
  g_source_attach (source, self->context);
  g_thread_join (self->thread);
  g_object_unref (self->hub);
  g_object_unref (self->network);
  g_object_unref (self->proxy);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self->hub_address);
  g_free (self->network_address);
  g_free (self->proxy_address);
  g_free (self->weights);
  g_free (self->listing);
  g_free (self);
}

const char *
hub_server_address (HubServer *self)
{
  return self->hub_address;
}

const char *
hub_server_proxy (HubServer *self)
{
  return self->proxy_address;
}

void
hub_server_release (HubServer *self)
{
  g_mutex_lock (&self->lock);
  self->released = TRUE;
  g_mutex_unlock (&self->lock);
}

void
hub_server_set_listing (HubServer *self, const char *json)
{
  g_mutex_lock (&self->lock);
  g_free (self->listing);
  self->listing = g_strdup (json);
  g_mutex_unlock (&self->lock);
}

HubServerCount
hub_server_take_count (HubServer *self)
{
  g_mutex_lock (&self->lock);
  const HubServerCount count = self->count;
  self->count = (HubServerCount){ 0 };
  self->tries = 0;
  self->released = FALSE;
  g_mutex_unlock (&self->lock);
  return count;
}
