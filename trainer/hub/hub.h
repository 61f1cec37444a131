/* SPDX-License-Identifier: MIT */
/*
 * A repository on a Hugging Face hub, or a server that speaks its paths: which files a model needs
 * of it, and each of them onto the disk, whole and unchanged or not at all. Nothing that the server
 * says is trusted: names stay in the folder, no file grows beyond what was announced, and the token
 * goes to the hub's own address only, never where it redirects. hub.c connects, hub-list.c lists,
 * hub-download.c downloads.
 */
#ifndef COW_TRAINER_HUB_H
#define COW_TRAINER_HUB_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define HUB_DEFAULT_ENDPOINT "https://huggingface.co"

typedef struct _Hub Hub;

typedef struct {
  char *path;    /* in the repository and below the folder: plain names joined by "/" */
  guint64 size;  /* bytes */
  char *sha256;  /* of the content, in lower-case hex, or NULL */
  char *blob_id; /* Git's SHA-1 of the content with its header, or NULL */
} HubFile;

/* Functions that a long download calls. Each may be NULL. */
typedef struct {
  void (*progress) (guint64 n_bytes, gpointer user_data); /* that many more */
  void (*notice) (
      const char *sentence,
      gpointer user_data); /* something odd that does not stop it: a connection was cut */
  gpointer user_data;
} HubObserver;

/*
 * endpoint: http(s)://HOST[:PORT][/PREFIX]; repository: OWNER/NAME or NAME; revision: a branch, tag
 * or commit; token: NULL for none. A server that is silent for timeout_s counts as gone.
 * COW_ERROR_ARGUMENT. Belongs to the thread that made it.
 */
Hub *hub_new (const char *endpoint, const char *repository, const char *revision, const char *token,
              guint timeout_s, GError **error);
void hub_free (Hub *self);

/* The user's token: $HF_TOKEN, else the file that $HF_TOKEN_PATH names, else `token` in $HF_HOME or
 * ~/.cache/huggingface; or NULL. */
char *hub_user_token (void);

/*
 * The files that a model or an adapter needs, small ones first: configuration, weights, classifier,
 * README and licence. COW_ERROR_NOT_FOUND when there is no such repository or nothing of use in it;
 * COW_ERROR_IO when the hub cannot be reached or does not let us in.
 */
GPtrArray *hub_list (Hub *self, const HubObserver *observer, GError **error);
void hub_file_free (HubFile *file);

/* How many bytes of a file are still to be downloaded to a folder: 0 when something of its size is
 * there. */
guint64 hub_missing_bytes (const HubFile *file, const char *folder);
/*
 * Downloads a file to FOLDER/path, by way of FOLDER/path.part, which a later call goes on from. A
 * file that is there with the right content is left alone, and *fetched says whether it was not.
 * Tries again when the connection breaks. COW_ERROR_FORMAT when size or hash are wrong.
 */
gboolean hub_download (Hub *self, const HubFile *file, const char *folder,
                       const HubObserver *observer, gboolean *fetched, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Hub, hub_free)

G_END_DECLS

#endif
