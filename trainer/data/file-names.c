/* SPDX-License-Identifier: MIT */
#include "trainer/data/file-names.h"

#include <string.h>

/* ---- what is not the user's ------------------------------------------------------------------ */

/* Patterns: a star stands for any letters, a question mark for one. Any case. */
static const char *const system_names[] = {
  /* Synology, QNAP and others: thumbnails, waste bins, snapshots */
  "@eaDir",
  "@Recycle",
  "@Recently-Snapshot",
  "@SynoResource",
  "@SynoEAStream",
  "@tmp",
  "@sharebin",
  "@Transcode",
  "#recycle",
  "#snapshot",
  "~snapshot",
  ".snapshot",
  ".@__thumb",
  ".@__qini",
  ".@__desc",
  ".@upload_cache",
  "SYNOPHOTO_*",
  "SYNOINDEX_*",
  "SYNOVIDEO_*",
  "Network Trash Folder",
  "Temporary Items",
  "TheVolumeSettingsFolder",
  ".AppleDouble",
  ".AppleDB",
  ".AppleDesktop",
  ".zfs",
  ".recycle",
  /* Windows */
  "$RECYCLE.BIN",
  "RECYCLER",
  "System Volume Information",
  "Thumbs.db",
  "Thumbs.db:encryptable",
  "ehthumbs.db",
  "ehthumbs_vista.db",
  "desktop.ini",
  "FOUND.???",
  "*:Zone.Identifier",
  "~$*",
  /* macOS */
  "__MACOSX",
  ".DS_Store",
  "._*",
  ".Spotlight-V100",
  ".Trashes",
  ".fseventsd",
  ".TemporaryItems",
  ".DocumentRevisions-V100",
  ".VolumeIcon.icns",
  ".apdisk",
  ".localized",
  "Icon\r",
  /* Linux */
  "lost+found",
  ".Trash-*",
  ".Trash",
  ".directory",
  ".thumbnails",
  ".nfs*",
  ".fuse_hidden*",
  /* cloud clients */
  ".dropbox*",
  ".sync",
  ".SyncID",
  ".SyncIgnore",
  ".SyncArchive",
  "*.!sync",
  ".stfolder*",
  ".stversions",
  ".stignore",
  ".syncthing.*",
  "~syncthing~*",
  ".owncloudsync*",
  ".sync_*.db*",
  "._sync_*.db*",
  ".nextcloudsync*",
  ".tmp.drivedownload",
  ".tmp.driveupload",
  ".cloud*",
  ".849C9593-D756-4E56-8D6E-42412F2A707B",
  /* programs */
  ".ipynb_checkpoints",
  "__pycache__",
  ".picasa.ini",
  ".picasaoriginals",
  "Picasa.ini",
  "ZbThumbnail.info",
  "pspbrwse.jbf",
};

const char *
file_name_system (const char *name)
{
  g_autofree char *small = g_ascii_strdown (name, -1);

  for (guint i = 0; i < G_N_ELEMENTS (system_names); i++) {
    const char first = system_names[i][0];
    if (first != '*' && g_ascii_tolower (first) != *small)
      continue; /* as for most names, of which there may be millions */
    g_autofree char *pattern = g_ascii_strdown (system_names[i], -1);
    if (g_pattern_match_simple (pattern, small))
      return system_names[i];
  }
  return NULL;
}

/* ---- suffixes -------------------------------------------------------------------------------- */

static gboolean
ends_as (const char *name, const char *const *suffixes)
{
  const char *dot = strrchr (name, '.');

  for (; dot && *suffixes; suffixes++)
    if (g_ascii_strcasecmp (dot + 1, *suffixes) == 0)
      return TRUE;
  return FALSE;
}

gboolean
file_name_is_picture (const char *name)
{
  static const char *const suffixes[] = { "jpg",   "jpeg", "jpe", "jfif", "jfi",  "jif",
                                          "pjpeg", "pjp",  "mpo", "png",  "apng", "webp",
                                          "bmp",   "dib",  "tif", "tiff", NULL };
  return ends_as (name, suffixes);
}

gboolean
file_name_is_other_picture (const char *name)
{
  static const char *const suffixes[] = {
    "heic", "heif", "hif", "avif", "gif", "ppm", "pgm",  "pbm",  "pnm",     "pam", "pfm",
    "jp2",  "j2k",  "jpx", "jxl",  "jxr", "svg", "svgz", "ico",  "cur",     "psd", "xcf",
    "tga",  "exr",  "hdr", "dds",  "pcx", "ras", "sgi",  "fits", "fit",     "dcm", "eps",
    "dng",  "cr2",  "cr3", "crw",  "nef", "nrw", "arw",  "srf",  "sr2",     "orf", "rw2",
    "raf",  "pef",  "srw", "raw",  "rwl", "x3f", "3fr",  "iiq",  "bigtiff", "btf", NULL
  };
  return ends_as (name, suffixes);
}

char *
file_name_suffix (const char *name)
{
  const char *slash = strrchr (name, '/'), *dot = strrchr (slash ? slash : name, '.');

  return dot ? g_ascii_strdown (dot, -1) : g_strdup ("");
}

/* ---- names as text --------------------------------------------------------------------------- */

static gboolean
is_escape (const char *text)
{
  return text[0] == '\\' && text[1] == 'x' && g_ascii_isxdigit (text[2]) &&
         g_ascii_isxdigit (text[3]);
}

char *
file_name_text (const char *name)
{
  GString *text = g_string_new (NULL);

  while (*name) {
    const char *bad;
    g_utf8_validate (name, -1, &bad);
    for (; name < bad; name++)
      if (is_escape (name))
        g_string_append (text, "\\x5C");
      else
        g_string_append_c (text, *name);
    for (; *name && !g_utf8_validate (name, -1, &bad) && bad == name; name++)
      g_string_append_printf (text, "\\x%02X", (guint8)*name);
  }
  return g_string_free (text, FALSE);
}

char *
file_name_from_text (const char *text)
{
  GString *name = g_string_new (NULL);

  while (*text)
    if (is_escape (text)) {
      const int byte = 16 * g_ascii_xdigit_value (text[2]) + g_ascii_xdigit_value (text[3]);
      /* No name has a zero. */
      if (byte)
        g_string_append_c (name, (char)byte);
      text += 4;
    } else
      g_string_append_c (name, *text++);
  return g_string_free (name, FALSE);
}

char *
file_name_key (const char *name)
{
  g_autofree char *text = file_name_text (name);
  g_autofree char *composed = g_utf8_normalize (text, -1, G_NORMALIZE_DEFAULT_COMPOSE);
  g_autofree char *folded = g_utf8_casefold (composed, -1);

  return g_utf8_normalize (folded, -1, G_NORMALIZE_DEFAULT_COMPOSE);
}
