/* SPDX-License-Identifier: MIT */
#include "trainer/data/scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/files/file-writer.h"
#include "trainer/data/file-names.h"
#include "trainer/host/words.h"

#define MOST_WORDS 8 /* of a reason, on the line that counts */

/* ---- making ---------------------------------------------------------------------------------- */

static void
passed_free (gpointer data)
{
  PassedFile *self = data;
  g_free (self->path);
  g_free (self->word);
  g_free (self);
}

static void
picture_clear_path (gpointer data)
{
  g_free (((ScannedPicture *)data)->path);
}

Scan *
scan_new (void)
{
  Scan *self = g_new (Scan, 1);

  *self = (Scan){ .pictures = g_array_new (FALSE, FALSE, sizeof (ScannedPicture)),
                  .passed = g_ptr_array_new_with_free_func (passed_free),
                  .visited = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                  .links = g_array_new (FALSE, FALSE, sizeof (ScannedPicture)) };
  g_array_set_clear_func (self->pictures, picture_clear_path);
  g_array_set_clear_func (self->links, picture_clear_path);
  return self;
}

void
scan_free (Scan *self)
{
  if (!self)
    return;
  g_array_unref (self->pictures);
  g_ptr_array_unref (self->passed);
  g_hash_table_unref (self->visited);
  g_array_unref (self->links);
  g_free (self);
}

static void
add (GArray *list, const char *path, guint tag)
{
  const ScannedPicture picture = { g_strdup (path), tag };
  g_array_append_val (list, picture);
}

void
scan_pass (Scan *self, const char *path, PassedReason reason, const char *word)
{
  PassedFile *passed = g_new (PassedFile, 1);

  *passed = (PassedFile){ .path = g_strdup (path),
                          .reason = reason,
                          .word = g_strdup (word ? word : ""),
                          .is_folder = cow_path_is_folder (path) };
  g_ptr_array_add (self->passed, passed);
}

/* ---- a folder -------------------------------------------------------------------------------- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Whether a folder is entered for the first time. */
static gboolean
visit (Scan *self, const char *folder)
{
  struct stat status;

  return stat (folder, &status) != 0 ||
         g_hash_table_add (self->visited,
                           g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                            (guint64)status.st_dev, (guint64)status.st_ino));
}

static gboolean
fail_reading (const char *path, int code, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cannot read: %s", path, g_strerror (code));
  return FALSE;
}

/* All names in a folder. GDir would take an error in the middle for the end. */
static GPtrArray *
read_folder (const char *folder, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  DIR *dir = opendir (folder);
  int code = errno;

  while (dir) {
    errno = 0;
    const struct dirent *entry = readdir (dir);
    code = errno;
    if (!entry)
      break;
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      g_ptr_array_add (names, g_strdup (entry->d_name));
  }
  if (dir)
    closedir (dir);
  if (dir && code == 0)
    return g_steal_pointer (&names);
  fail_reading (folder, code, error);
  return NULL;
}

/* What a path leads to; *there: whether to anything. */
static gboolean
look_at (const char *path, struct stat *status, gboolean *there, GError **error)
{
  /* A disk that does not say what is there is asked once more. */
  for (int tries = 0; tries < 2; tries++) {
    *there = stat (path, status) == 0;
    if (*there || errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES)
      return TRUE;
  }
  return fail_reading (path, errno, error);
}

gboolean
scan_is_folder (const char *path, gboolean *is_folder, GError **error)
{
  struct stat status;

  if (!look_at (path, &status, is_folder, error))
    return FALSE;
  *is_folder = *is_folder && S_ISDIR (status.st_mode);
  return TRUE;
}

GPtrArray *
scan_names (Scan *self, const char *folder, GError **error)
{
  g_autoptr (GPtrArray) all = read_folder (folder, error);

  if (!all)
    return NULL;
  visit (self, folder);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < all->len; i++) {
    const char *name = all->pdata[i], *system = file_name_system (name);
    if (!system && name[0] != '.') {
      g_ptr_array_add (names, g_strdup (name));
      continue;
    }
    g_autofree char *path = g_build_filename (folder, name, NULL);
    scan_pass (self, path, system ? PASSED_SYSTEM : PASSED_HIDDEN, system);
  }
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* Whether an entry is a folder, or a link to one. Its type spares asking for each of many files. */
static gboolean
is_folder (const char *folder, const struct dirent *entry)
{
  if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
    return entry->d_type == DT_DIR;
  g_autofree char *path = g_build_filename (folder, entry->d_name, NULL);
  return cow_path_is_folder (path);
}

GPtrArray *
scan_folder_names (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  DIR *dir = opendir (folder);
  const struct dirent *entry;

  while (dir && (entry = readdir (dir)))
    if (entry->d_name[0] != '.' && is_folder (folder, entry) && !file_name_system (entry->d_name))
      g_ptr_array_add (names, g_strdup (entry->d_name));
  if (dir)
    closedir (dir);
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* Whether a file begins as JPEG, PNG or WebP does. BMP and TIFF say too little at their beginning:
 * raw pictures of cameras look like TIFF. */
static gboolean
begins_as_picture (const char *path)
{
  guint8 start[12] = { 0 };
  FILE *file = fopen (path, "rbe");
  const gsize n = file ? fread (start, 1, sizeof start, file) : 0;

  if (file)
    fclose (file);
  return n == sizeof start &&
         (memcmp (start, "\xff\xd8\xff", 3) == 0 || memcmp (start, "\x89PNG\r\n\x1a\n", 8) == 0 ||
          (memcmp (start, "RIFF", 4) == 0 && memcmp (start + 8, "WEBP", 4) == 0));
}

gboolean
scan_is_picture (Scan *self, const char *path)
{
  /* Of most files, of which there may be millions, the name says it. */
  if (file_name_is_picture (path))
    return TRUE;
  g_autofree char *name = g_path_get_basename (path), *suffix = file_name_suffix (name);
  const gboolean other = file_name_is_other_picture (name), regular = cow_path_is_file (path);
  if (regular && (other || !*suffix) && begins_as_picture (path))
    return TRUE;
  scan_pass (self, path, other ? PASSED_FORMAT : PASSED_OTHER,
             !regular  ? "special files"
             : *suffix ? suffix
                       : "without suffix");
  return FALSE;
}

static gboolean
walk (Scan *self, const char *folder, guint tag, GError **error)
{
  g_autoptr (GPtrArray) names = scan_names (self, folder, error);

  for (guint i = 0; names && i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    struct stat status;
    gboolean there;
    if (!look_at (path, &status, &there, error))
      return FALSE;
    if (!there)
      scan_pass (self, path, PASSED_LINK, NULL);
    else if (S_ISDIR (status.st_mode)) {
      if (!scan_folder (self, path, tag, error))
        return FALSE;
    } else if (scan_is_picture (self, path))
      add (self->pictures, path, tag);
  }
  return names != NULL;
}

gboolean
scan_folder (Scan *self, const char *folder, guint tag, GError **error)
{
  if (!g_file_test (folder, G_FILE_TEST_IS_SYMLINK))
    return walk (self, folder, tag, error);
  /* Folders that are there themselves go first, so that their pictures have their own paths. */
  add (self->links, folder, tag);
  return TRUE;
}

gboolean
scan_is_same_folder (const char *a, const char *b)
{
  struct stat left, right;

  return stat (a, &left) == 0 && stat (b, &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* Whether a link leads to a folder that it lies in. */
static gboolean
leads_up (const char *link)
{
  g_autofree char *parent = g_path_get_dirname (link);
  char *from = realpath (parent, NULL), *to = realpath (link, NULL);
  const gsize n = to ? strlen (to) : 0;
  const gboolean up = from && to && strncmp (from, to, n) == 0 &&
                      (from[n] == '\0' || from[n] == '/' || g_str_equal (to, "/"));
  free (from);
  free (to);
  return up;
}

static gboolean
follow (Scan *self, const char *link, guint tag, GError **error)
{
  if (!leads_up (link) && visit (self, link))
    return walk (self, link, tag, error);
  scan_pass (self, link, PASSED_LINK, NULL);
  return TRUE;
}

/* ---- order ----------------------------------------------------------------------------------- */

/* As folders are walked through: what lies in a folder comes where its name does. */
static int
compare_paths (const char *a, const char *b)
{
  for (; *a && *a == *b; a++)
    b++;
  const int left = *a == '/' ? 1 : (guint8)*a, right = *b == '/' ? 1 : (guint8)*b;
  return left - right;
}

static int
compare_pictures (gconstpointer a, gconstpointer b)
{
  const ScannedPicture *left = a, *right = b;

  if (left->tag != right->tag)
    return left->tag < right->tag ? -1 : 1;
  return compare_paths (left->path, right->path);
}

static void
remove_twice (Scan *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n = 0;

  for (guint i = 0; i < self->pictures->len; i++) {
    ScannedPicture *picture = &g_array_index (self->pictures, ScannedPicture, i);
    if (g_hash_table_add (seen, g_canonicalize_filename (picture->path, NULL))) {
      ScannedPicture *kept = &g_array_index (self->pictures, ScannedPicture, n++);
      const ScannedPicture moved = *picture;
      *picture = *kept;
      *kept = moved;
    } else
      scan_pass (self, picture->path, PASSED_TWICE, NULL);
  }
  g_array_set_size (self->pictures, n);
}

static int
compare_passed (gconstpointer a, gconstpointer b)
{
  const PassedFile *left = *(PassedFile *const *)a, *right = *(PassedFile *const *)b;
  return compare_paths (left->path, right->path);
}

gboolean
scan_finish (Scan *self, GError **error)
{
  for (guint i = 0; i < self->links->len; i++) {
    /* More links may come, and the list may move. */
    const ScannedPicture link = g_array_index (self->links, ScannedPicture, i);
    if (!follow (self, link.path, link.tag, error))
      return FALSE;
  }
  g_array_set_size (self->links, 0);
  g_array_sort (self->pictures, compare_pictures);
  remove_twice (self);
  g_ptr_array_sort (self->passed, compare_passed);
  return TRUE;
}

/* ---- which pictures the paths of a command line mean ----------------------------------------- */

/* Gives each argument its tag; a folder is entered even if it is a link. */
static gboolean
take_arguments (Scan *self, char *const *paths, GError **error)
{
  for (guint tag = 0; paths[tag]; tag++) {
    struct stat status;
    gboolean there;
    if (!look_at (paths[tag], &status, &there, error))
      return FALSE;
    if (!there) {
      cow_path_explain_absent (paths[tag], error);
      return FALSE;
    }
    if (!S_ISDIR (status.st_mode))
      add (self->pictures, paths[tag], tag);
    else if (!visit (self, paths[tag]))
      scan_pass (self, paths[tag], PASSED_TWICE, NULL);
    else if (!walk (self, paths[tag], tag, error))
      return FALSE;
  }
  return TRUE;
}

/* A folder without a picture is most likely another than the user meant. */
static gboolean
check_folders (const Scan *self, char *const *paths, const char *passed, GError **error)
{
  guint i = 0;

  for (guint tag = 0; paths[tag]; tag++) {
    gboolean found = FALSE;
    for (; i < self->pictures->len; i++) {
      if (g_array_index (self->pictures, ScannedPicture, i).tag != tag)
        break;
      found = TRUE;
    }
    for (guint k = 0; !found && k < self->passed->len; k++) {
      const PassedFile *file = self->passed->pdata[k];
      found = (file->reason == PASSED_TWICE || file->reason == PASSED_LINK) &&
              g_str_has_prefix (file->path, paths[tag]);
    }
    if (found)
      continue;
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s holds no pictures (jpg, jpeg, png, webp, bmp, tif, tiff)%s%s", paths[tag],
                 passed ? "; " : "", passed ? passed : "");
    return FALSE;
  }
  return TRUE;
}

GPtrArray *
pictures_find (char *const *paths, char **passed, GError **error)
{
  g_autoptr (Scan) scan = scan_new ();

  *passed = NULL;
  if (!take_arguments (scan, paths, error) || !scan_finish (scan, error))
    return NULL;
  g_autofree char *text = scan_passed_text (scan->passed);
  if (!check_folders (scan, paths, text, error))
    return NULL;
  if (scan->pictures->len == 0) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_NOT_FOUND, "there are no pictures");
    return NULL;
  }
  GPtrArray *pictures = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < scan->pictures->len; i++)
    g_ptr_array_add (pictures, g_strdup (g_array_index (scan->pictures, ScannedPicture, i).path));
  *passed = g_steal_pointer (&text);
  return pictures;
}

/* ---- what was passed over -------------------------------------------------------------------- */

static const struct {
  const char *name;      /* in JSON */
  const char *text;      /* of one */
  const char *one, *all; /* in a count of them; their words follow */
} reasons[PASSED_N_REASONS] = {
  [PASSED_FORMAT] = { "format", "a format that is not read: convert it to JPEG or PNG",
                      "picture of a format that is not read",
                      "pictures of formats that are not read" },
  [PASSED_OTHER] = { "suffix", "not called like a picture", "not called like a picture",
                     "not called like pictures" },
  [PASSED_HIDDEN] = { "hidden", "hidden", "hidden", "hidden" },
  [PASSED_SYSTEM] = { "system", "of the system, a NAS or a cloud client",
                      "of the system, a NAS or a cloud client",
                      "of the system, a NAS or a cloud client" },
  [PASSED_LINK] = { "link", "a link that leads nowhere or to what is read already",
                    "link that leads nowhere or to what is read already",
                    "links that lead nowhere or to what is read already" },
  [PASSED_TWICE] = { "twice", "named twice", "named twice", "named twice" },
  [PASSED_LOOSE] = { "loose", "a picture beside the folders of classes",
                     "picture that lies beside the folders of classes",
                     "pictures that lie beside the folders of classes" },
  [PASSED_BESIDE] = { "beside", "beside the folders train, val and test",
                      "beside the folders train, val and test",
                      "beside the folders train, val and test" },
};

const char *
scan_reason_name (PassedReason reason)
{
  return reasons[reason].name;
}

const char *
scan_reason_text (PassedReason reason)
{
  return reasons[reason].text;
}

/* "WORDS 2, OTHERS 1" of a reason, in the order of the alphabet. */
static char *
count_words (const GPtrArray *passed, PassedReason reason, guint *n)
{
  g_autoptr (GTree) words = g_tree_new ((GCompareFunc)strcmp);
  GString *text = g_string_new (NULL);
  guint n_words = 0;

  *n = 0;
  for (guint i = 0; i < passed->len; i++) {
    const PassedFile *file = passed->pdata[i];
    if (file->reason != reason)
      continue;
    const guint old = GPOINTER_TO_UINT (g_tree_lookup (words, file->word));
    g_tree_replace (words, file->word, GUINT_TO_POINTER (old + 1));
    ++*n;
  }
  for (GTreeNode *node = g_tree_node_first (words); node; node = g_tree_node_next (node)) {
    const char *word = g_tree_node_key (node);
    g_autofree char *shown = file_name_text (word);
    if (*word && n_words++ < MOST_WORDS)
      g_string_append_printf (text, "%s%s %u", text->len ? ", " : "", shown,
                              GPOINTER_TO_UINT (g_tree_node_value (node)));
  }
  if (n_words > MOST_WORDS)
    g_string_append (text, ", ...");
  return g_string_free (text, FALSE);
}

char *
scan_passed_text (const GPtrArray *passed)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean folders = FALSE;

  if (passed->len == 0)
    return NULL;
  for (guint i = 0; i < passed->len; i++)
    folders |= ((const PassedFile *)passed->pdata[i])->is_folder;
  g_string_printf (text, "%u %s left out", passed->len,
                   passed->len == 1 ? (folders ? "folder is" : "file is")
                   : folders        ? "files and folders are"
                                    : "files are");
  gboolean first = TRUE;
  for (PassedReason reason = 0; reason < PASSED_N_REASONS; reason++) {
    guint n;
    g_autofree char *words = count_words (passed, reason, &n);
    if (n == 0)
      continue;
    g_string_append_printf (text, "%s%u %s", first ? ": " : "; ", n,
                            words_of (n, reasons[reason].one, reasons[reason].all));
    if (*words)
      g_string_append_printf (text, " (%s)", words);
    first = FALSE;
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
