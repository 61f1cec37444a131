/* SPDX-License-Identifier: MIT */
/* `cow-trainer fetch`: a model or an adapter from a Hugging Face hub into a folder
 * (trainer/hub/hub.h), with progress and a check for space. */
#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "trainer/hub/hub.h"
#include "trainer/host/progress.h"
#include "trainer/cli/verb.h"
#include "trainer/host/words.h"

#define TIMEOUT_S   60
#define SPARE_BYTES (64 << 20) /* left free on the disk */

static const VerbHelp help = {
  "OWNER/NAME",
  "Downloads a model or an adapter from the Hugging Face hub.",
  "Examples:\n"
  "  cow-trainer fetch facebook/dinov3-vits16-pretrain-lvd1689m\n"
  "  cow-trainer fetch facebook/dinov3-vit7b16-pretrain-lvd1689m --dry-run\n"
  "  cow-trainer fetch my-farm/barn-adapter --revision v2 --out adapters/barn\n"
  "\n"
  "Configuration, safetensors, classifier, README and licence go to OUT, or to NAME below the\n"
  "user's data folder (~/.local/share/cowbehavior), where --model NAME and --adapter NAME find\n"
  "them. Run it again after an interruption: it resumes where it stopped, and leaves alone what\n"
  "is there already. Sizes and hashes are checked; a file has its name only when it is whole.\n"
  "\n"
  "DINOv3's weights are gated. Once: 1. open\n"
  "https://huggingface.co/facebook/dinov3-vits16-pretrain-lvd1689m, sign in and accept the\n"
  "licence; 2. make a token that may read at https://huggingface.co/settings/tokens; 3. give it\n"
  "as HF_TOKEN=..., or store it in ~/.cache/huggingface/token. It is sent to the hub alone, and\n"
  "only over https.\n"
  "\n"
  "Environment: HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_ENDPOINT; http_proxy, https_proxy,\n"
  "all_proxy, no_proxy.",
};

typedef struct {
  Progress *progress;
  guint64 done_bytes;
} Watch;

static void
show_progress (guint64 n_bytes, gpointer user_data)
{
  Watch *watch = user_data;
  watch->done_bytes += n_bytes;
  progress_set (watch->progress, watch->done_bytes);
}

static void
show_notice (const char *sentence, gpointer user_data)
{
  Watch *watch = user_data;
  if (watch->progress)
    progress_clear (watch->progress);
  g_printerr ("cow-trainer: %s\n", sentence);
}

/* The user's data folder, with the name of the repository. */
static char *
default_folder (const char *repository)
{
  const char *slash = strrchr (repository, '/');
  return g_build_filename (g_get_user_data_dir (), "cowbehavior", slash ? slash + 1 : repository,
                           NULL);
}

/* Checks that the missing files fit on the disk of the folder, which exists. */
static gboolean
check_space (const char *folder, guint64 missing_bytes, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (folder);
  g_autoptr (GFileInfo) info =
      g_file_query_filesystem_info (file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
  const guint64 free_bytes =
      info && g_file_info_has_attribute (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE)
          ? g_file_info_get_attribute_uint64 (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE)
          : G_MAXUINT64;

  if (missing_bytes == 0 ||
      (free_bytes >= SPARE_BYTES && free_bytes - SPARE_BYTES >= missing_bytes))
    return TRUE;
  g_autofree char *needed = g_format_size (missing_bytes), *there = g_format_size (free_bytes);
  g_set_error (error, COW_ERROR, COW_ERROR_IO,
               "%s: %s are to be downloaded, but its disk has %s free (--out names another folder)",
               folder, needed, there);
  return FALSE;
}

static void
print_listing (const GPtrArray *files, const char *folder)
{
  guint64 total = 0;
  for (guint i = 0; i < files->len; i++) {
    const HubFile *file = files->pdata[i];
    g_autofree char *size = g_format_size (file->size);
    g_print ("%12s  %s%s\n", size, file->path,
             hub_missing_bytes (file, folder) == 0 && file->size > 0 ? "  (there)" : "");
    total += file->size;
  }
  g_autofree char *size = g_format_size (total);
  g_print ("%12s  %u file%s, to %s\n", size, files->len, words_s (files->len), folder);
}

/* Says which weights are in the folder that the repository does not have: whoever loads the folder
 * might take them for its. */
static void
warn_of_others (const GPtrArray *files, const char *folder, const char *repository)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    gboolean known = !g_str_has_suffix (name, ".safetensors") &&
                     !g_str_has_suffix (name, ".safetensors.index.json") &&
                     !g_str_has_suffix (name, ".pth");
    for (guint i = 0; i < files->len && !known; i++)
      known = g_str_equal (((const HubFile *)files->pdata[i])->path, name);
    if (!known)
      g_printerr (
          "cow-trainer: %s holds %s, which is not of %s; if it is of no use any more, remove it\n",
          folder, name, repository);
  }
}

/* Every file, one after the other. */
static gboolean
download_all (Hub *hub, const GPtrArray *files, const char *folder, const char *repository,
              HubObserver *observer, GError **error)
{
  Watch *watch = observer->user_data;
  guint64 missing_bytes = 0, total_bytes = 0;
  guint n_fetched = 0;

  for (guint i = 0; i < files->len; i++) {
    const HubFile *file = files->pdata[i];
    const guint64 missing = hub_missing_bytes (file, folder);
    if (!g_uint64_checked_add (&missing_bytes, missing_bytes, missing) ||
        !g_uint64_checked_add (&total_bytes, total_bytes, file->size)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the sizes of its files are impossible",
                   repository);
      return FALSE;
    }
  }
  if (!cow_folder_make (folder, error))
    return FALSE;
  if (!check_space (folder, missing_bytes, error))
    return FALSE;
  warn_of_others (files, folder, repository);
  watch->progress = progress_new ("MB", missing_bytes);
  for (guint i = 0; i < files->len; i++) {
    gboolean fetched;
    if (!hub_download (hub, files->pdata[i], folder, observer, &fetched, error))
      return FALSE;
    n_fetched += fetched;
  }
  g_clear_pointer (&watch->progress, progress_free);
  g_autofree char *size = g_format_size (total_bytes);
  g_print ("%s: %u file%s, %s, in %s (%u downloaded now)\n", repository, files->len,
           words_s (files->len), size, folder, n_fetched);
  return TRUE;
}

typedef struct {
  char *revision, *out, *endpoint;
  gboolean dry_run;
  char **arguments;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->revision);
  g_free (self->out);
  g_free (self->endpoint);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
fetch (const Options *options, GError **error)
{
  const char *environment = g_getenv ("HF_ENDPOINT"), *repository = options->arguments[0];
  const char *endpoint = options->endpoint             ? options->endpoint
                         : environment && *environment ? environment
                                                       : HUB_DEFAULT_ENDPOINT;
  Watch watch = { 0 };
  HubObserver observer = { show_progress, show_notice, &watch };
  g_autofree char *token = hub_user_token ();
  g_autoptr (Hub) hub =
      hub_new (endpoint, repository, options->revision ? options->revision : "main", token,
               TIMEOUT_S, error);
  g_autoptr (GPtrArray) files = hub ? hub_list (hub, &observer, error) : NULL;
  if (!files)
    return FALSE;

  g_autofree char *folder = options->out ? g_strdup (options->out) : default_folder (repository);
  if (options->dry_run) {
    print_listing (files, folder);
    return TRUE;
  }
  const gboolean done = download_all (hub, files, folder, repository, &observer, error);
  g_clear_pointer (&watch.progress, progress_free);
  return done;
}

gboolean
verb_fetch (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "revision", 'r', 0, G_OPTION_ARG_STRING, &options.revision, "Branch, tag or commit (main)",
      "REVISION" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "Folder (the user's data folder)",
      "OUT" },
    { "endpoint", 0, 0, G_OPTION_ARG_STRING, &options.endpoint,
      "Another hub's address (HF_ENDPOINT)", "URL" },
    { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &options.dry_run, "List what would be downloaded",
      NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.arguments, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, entries, argc, argv, error))
    return FALSE;
  if (!options.arguments || g_strv_length (options.arguments) != 1)
    return verb_usage (error, "one argument is expected: OWNER/NAME, a repository on the hub");
  return fetch (&options, error);
}
