/* SPDX-License-Identifier: MIT */
#include "model/files/foreign.h"

#include <string.h>

#define MOST_TEXT 4096 /* bytes of a text that are looked at */

/* Kinds of files by the bytes at a place. */
static const struct {
  gsize at, n;
  const char *bytes, *what;
} kinds[] = {
  { 0, 24, "version https://git-lfs.",
    "a Git LFS pointer, not the file itself: run \"git lfs pull\" in its folder" },
  { 0, 2, "\x1f\x8b", "a gzip archive, not the file itself: unpack it first (tar xzf, gunzip)" },
  { 257, 5, "ustar", "a tar archive, not the file itself: unpack it first (tar xf)" },
  { 0, 4, "PK\3\4", "a zip archive, not the file itself: unpack it first (unzip)" },
  { 0, 4, "PK\5\6", "an empty zip archive" },
  { 0, 6,
    "\xfd"
    "7zXZ\0",
    "an xz archive, not the file itself: unpack it first (unxz, tar xJf)" },
  { 0, 3, "BZh", "a bzip2 archive, not the file itself: unpack it first (bunzip2, tar xjf)" },
  { 0, 4, "\x28\xb5\x2f\xfd", "a zstd archive, not the file itself: unpack it first (unzstd)" },
  { 0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive, not the file itself: unpack it first (7z x)" },
  { 0, 4, "Rar!", "a RAR archive, not the file itself: unpack it first" },
  { 0, 4, "GGUF",
    "a GGUF file, which is not read: take the model's safetensors, and make it small with "
    "\"cow-trainer quantize\"" },
  { 0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file (Keras), which is not read: safetensors are" },
  { 0, 6, "\x93NUMPY", "a NumPy array, not a model" },
  { 0, 8, "\x89PNG\r\n\x1a\n", "a picture, not a model" },
  { 0, 3, "\xff\xd8\xff", "a picture, not a model" },
  { 0, 5, "%PDF-", "a PDF document, not a model" },
  { 0, 4, "\0\5\x16\7",
    "what macOS keeps beside a file (its name begins with \"._\"), not the file itself" },
  /* As files/onnx-writer begins them: version of the format, name of the program. */
  { 0, 15,
    "\x08\x08\x12\x0b"
    "cowbehavior",
    "an ONNX file, which other programs run: here it is the model and the adapter that it was made "
    "of" },
  { 4, 4, "TFL3", "a TensorFlow Lite file, which is not read: safetensors are" },
};

/* Beginnings of texts, in lower case. */
static const struct {
  const char *begins, *what;
} texts[] = {
  { "<!doctype html", "a web page, not the file itself" },
  { "<html", "a web page, not the file itself" },
  { "<head", "a web page, not the file itself" },
  { "<body", "a web page, not the file itself" },
  { "<script", "a web page, not the file itself" },
  { "<meta", "a web page, not the file itself" },
  { "<?xml", "an XML text (often an error message of a store), not the file itself" },
  { "<error", "an error message of a web server, not the file itself" },
  { "{\"error\"", "an error message of a web server, not the file itself" },
  { "invalid username or password", "an error message of a web server, not the file itself" },
  { "access to model", "an error message of a web server, not the file itself" },
  { "entry not found", "an error message of a web server, not the file itself" },
  { "not found", "an error message of a web server, not the file itself" },
  { "unauthorized", "an error message of a web server, not the file itself" },
  { "http/1.", "the answer of a web server with its headers, not the file itself" },
};

#define AGAIN                                                                                      \
  ": the download was answered by a page to log in, an error or a network's portal; download it "  \
  "again (\"cow-trainer fetch OWNER/NAME\")"

/* What a text says it is, NULL where it is no such text. */
static const char *
find_text (const guint8 *data, gsize size)
{
  gsize at = size >= 3 && memcmp (data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  while (at < size && at < MOST_TEXT && g_ascii_isspace (data[at]))
    at++;
  /* Comments come before the first element of some pages. */
  while (size - at > 4 && memcmp (data + at, "<!--", 4) == 0) {
    const guint8 *end = memchr (data + at, '>', MIN (size - at, MOST_TEXT));
    if (!end)
      return NULL;
    at = (gsize)(end - data) + 1;
    while (at < size && g_ascii_isspace (data[at]))
      at++;
  }
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    const gsize n = strlen (texts[i].begins);
    if (size - at >= n && g_ascii_strncasecmp ((const char *)data + at, texts[i].begins, n) == 0)
      return texts[i].what;
  }
  return NULL;
}

void
cow_foreign_explain (const char *path, const guint8 *data, gsize size, GError **error)
{
  const char *text = size > 0 ? find_text (data, size) : NULL;

  if (text) {
    g_clear_error (error);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: is %s" AGAIN, path, text);
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (size >= kinds[i].at + kinds[i].n &&
        memcmp (data + kinds[i].at, kinds[i].bytes, kinds[i].n) == 0) {
      g_clear_error (error);
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: is %s", path, kinds[i].what);
      return;
    }
}
