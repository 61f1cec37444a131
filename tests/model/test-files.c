/* SPDX-License-Identifier: MIT */
/* safetensors files: good ones, every way to break one, writing; and tensors' values. */
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "model/files/json-check.h"
#include "model/files/json.h"
#include "model/files/safetensors.h"
#include "tests/model/written.h"

static void
test_golden (void)
{
  static const gint64 shape[] = { 128, 3, 16, 16 };
  g_autofree char *path = data_path ("golden/plain/fp32/model.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, &error);
  const CowTensor *tensor;
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (cow_safetensors_n_tensors (file), ==, 41);
  g_assert_cmpstr (cow_safetensors_nth (file, 0)->name, ==, "embeddings.cls_token");
  g_assert_cmpstr (cow_safetensors_metadata (file, "format"), ==, "pt");
  g_assert_null (cow_safetensors_metadata (file, "other"));
  tensor = cow_safetensors_get (file, "embeddings.patch_embeddings.weight");
  g_assert_nonnull (tensor);
  g_assert_true (cow_tensor_has_shape (tensor, 4, shape));
  g_assert_false (cow_tensor_has_shape (tensor, 3, shape));
  g_assert_cmpuint (cow_tensor_count (tensor), ==, 128 * 3 * 256);
  text = cow_tensor_shape_text (tensor);
  g_assert_cmpstr (text, ==, "[128, 3, 16, 16]");
  g_assert_true (cow_tensor_check_finite (tensor, path, &error));
  cow_safetensors_release_pages (file, tensor);
  g_assert_true (cow_tensor_check_finite (tensor, path, &error));
  g_assert_null (cow_safetensors_get (file, "no such tensor"));
}

typedef struct {
  const char *what, *header;
  gsize n_data;
  CowError code;
  const char *says, *also;
} Broken;

#define TENSOR(name, dtype, shape, offsets)                                                        \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const Broken broken[] = {
  { "truncated", "{" TENSOR ("w", "F32", "[4]", "[0,16]") "}", 15, COW_ERROR_FORMAT,
    "truncated: its header promises 16 bytes", "w" },
  { "trailing", "{" TENSOR ("w", "F32", "[4]", "[0,16]") "}", 17, COW_ERROR_FORMAT,
    "1 bytes follow", "" },
  { "trailing-empty", "{}", 3, COW_ERROR_FORMAT, "3 bytes follow", "" },
  { "gap", "{" TENSOR ("w", "U8", "[4]", "[0,4]") "," TENSOR ("x", "U8", "[4]", "[5,9]") "}", 9,
    COW_ERROR_FORMAT, "a gap", "x" },
  { "gap-first", "{" TENSOR ("w", "U8", "[4]", "[1,5]") "}", 5, COW_ERROR_FORMAT, "a gap", "w" },
  { "overlap", "{" TENSOR ("w", "U8", "[4]", "[0,4]") "," TENSOR ("x", "U8", "[4]", "[2,6]") "}", 6,
    COW_ERROR_FORMAT, "overlap", "x" },
  { "same-data", "{" TENSOR ("w", "U8", "[4]", "[0,4]") "," TENSOR ("x", "U8", "[4]", "[0,4]") "}",
    4, COW_ERROR_FORMAT, "overlap", "" },
  { "size", "{" TENSOR ("w", "F32", "[4]", "[0,15]") "}", 15, COW_ERROR_FORMAT, "hold 15 bytes",
    "need 16" },
  { "backwards", "{" TENSOR ("w", "F32", "[0]", "[8,4]") "}", 8, COW_ERROR_FORMAT, "data_offsets",
    "w" },
  { "before", "{" TENSOR ("w", "U8", "[4]", "[-4,0]") "}", 4, COW_ERROR_FORMAT, "data_offsets",
    "w" },
  { "one-offset", "{" TENSOR ("w", "U8", "[4]", "[4]") "}", 4, COW_ERROR_FORMAT, "data_offsets",
    "w" },
  { "negative", "{" TENSOR ("w", "U8", "[-4]", "[0,4]") "}", 4, COW_ERROR_FORMAT, "shape", "w" },
  { "double", "{" TENSOR ("w", "U8", "[4.0]", "[0,4]") "}", 4, COW_ERROR_FORMAT, "shape", "w" },
  { "string", "{" TENSOR ("w", "U8", "[\"4\"]", "[0,4]") "}", 4, COW_ERROR_FORMAT, "shape", "w" },
  { "nine-dims", "{" TENSOR ("w", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, COW_ERROR_FORMAT,
    "at most 8", "w" },
  { "overflow", "{" TENSOR ("w", "F32", "[4294967296,4294967296,4]", "[0,0]") "}", 0,
    COW_ERROR_FORMAT, "more than any memory", "w" },
  { "overflow-hidden", "{" TENSOR ("w", "F32", "[0,9223372036854775807,4]", "[0,0]") "}", 0,
    COW_ERROR_FORMAT, "more than any", "w" },
  { "int64", "{" TENSOR ("w", "U8", "[4]", "[0,18446744073709551620]") "}", 4, COW_ERROR_FORMAT,
    "an integer of more than 64 bits", "byte" },
  { "dtype", "{" TENSOR ("w", "F8_E4M3", "[4]", "[0,4]") "}", 4, COW_ERROR_UNSUPPORTED, "F8_E4M3",
    "w" },
  { "dtype-u32", "{" TENSOR ("w", "U32", "[1]", "[0,4]") "}", 4, COW_ERROR_UNSUPPORTED, "U32",
    "w" },
  { "dtype-number", "{\"w\":{\"dtype\":1,\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
    COW_ERROR_FORMAT, "dtype", "w" },
  { "no-shape", "{\"w\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4, COW_ERROR_FORMAT, "shape",
    "w" },
  { "entry-array", "{\"w\":[1]}", 4, COW_ERROR_FORMAT, "w", "object" },
  { "metadata", "{\"__metadata__\":{\"a\":1}}", 0, COW_ERROR_FORMAT, "__metadata__", "strings" },
  { "metadata-list", "{\"__metadata__\":[]}", 0, COW_ERROR_FORMAT, "__metadata__", "strings" },
  { "twice", "{" TENSOR ("w", "U8", "[4]", "[0,4]") "," TENSOR ("w", "U8", "[4]", "[0,4]") "}", 4,
    COW_ERROR_FORMAT, "two members", "\"w\"" },
  { "two-roots", "{}{}", 0, COW_ERROR_FORMAT, "byte 2: more text after the end", "" },
  { "twice-escaped", "{\"w\":{},\"x\":{},\"\\u0077\":{}}", 0, COW_ERROR_FORMAT, "two members",
    "\"w\"" },
  { "array", "[1]", 0, COW_ERROR_FORMAT, "'{'", "" },
  { "empty", "", 0, COW_ERROR_FORMAT, "'{'", "" },
  { "cut", "{\"w\":{\"dtype\":", 0, COW_ERROR_FORMAT, "broken JSON", "" },
  { "open-string", "{\"w", 0, COW_ERROR_FORMAT, "a string without end", "" },
  { "comment", "{/* \" */}", 0, COW_ERROR_FORMAT, "the name of a member was expected", "byte 1" },
  { "utf8", "{\"\xff\":{}}", 0, COW_ERROR_FORMAT, "UTF-8", "" },
  { "nul", "{\"w\\u0000x\":{}}", 0, COW_ERROR_FORMAT, "NUL", "" },
  { "surrogate", "{\"\\ud800\":{}}", 0, COW_ERROR_FORMAT, "surrogate", "byte 2" },
  { "surrogates", "{\"\\uD800\\ud900\":{}}", 0, COW_ERROR_FORMAT, "surrogate", "byte 2" },
  { "bracket", "{}}", 0, COW_ERROR_FORMAT, "byte 2: more text after the end", "" },
};

static void
test_broken (gconstpointer data)
{
  const Broken *test = data;
  g_autoptr (GString) bytes = safetensors_bytes (test->header, test->n_data);
  g_autofree char *path = write_bytes ("broken.safetensors", bytes->str, bytes->len);
  g_autoptr (GError) error = NULL;

  g_assert_null (cow_safetensors_open (path, &error));
  expect_error (&error, test->code, path, test->says, test->also, NULL);
}

static void
expect_broken_bytes (const void *bytes, gsize n, const char *says)
{
  g_autofree char *path = write_bytes ("bytes.safetensors", bytes, n);
  g_autoptr (GError) error = NULL;

  g_assert_null (cow_safetensors_open (path, &error));
  expect_error (&error, COW_ERROR_FORMAT, path, says, NULL);
}

static void
test_broken_lengths (void)
{
  static const char pointer[] =
      "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  g_autofree char *deep = g_strnfill (300000, '[');
  g_autoptr (GString) nested = NULL;

  memcpy (deep, "{\"w\":", 5);
  nested = safetensors_bytes (deep, 0);
  expect_broken_bytes ("", 0, "too few");
  expect_broken_bytes ("\2\0\0\0\0\0\0", 7, "too few");
  expect_broken_bytes ("\3\0\0\0\0\0\0\0{}", 10, "promise a header of 3 bytes");
  expect_broken_bytes ("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10,
                       "promise a header of 18446744073709551615 bytes");
  expect_broken_bytes (nested->str, nested->len, "nested too deep");
  expect_broken_bytes (pointer, sizeof pointer - 1, "Git LFS pointer");
}

/* Every prefix of a real file must be refused. */
static void
test_every_truncation (void)
{
  g_autofree char *path = data_path ("../fuzz/corpus/safetensors/types.safetensors"), *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  for (gsize i = 0; i < n; i++) {
    g_autofree char *cut = write_bytes ("cut.safetensors", bytes, i);

    g_assert_null (cow_safetensors_open (cut, &error));
    expect_error (&error, COW_ERROR_FORMAT, cut, NULL);
  }
}

static void
test_not_a_file (void)
{
  g_autofree char *missing = written_path ("missing.safetensors"),
                  *folder = written_path ("folder"), *fifo = written_path ("fifo");
  g_autoptr (GError) error = NULL;

  g_assert_null (cow_safetensors_open (missing, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, missing, NULL);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_null (cow_safetensors_open (folder, &error));
  expect_error (&error, COW_ERROR_IO, folder, "a folder", NULL);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_null (cow_safetensors_open (fifo, &error));
  expect_error (&error, COW_ERROR_IO, fifo, "a pipe", NULL);
}

/* Empty tensors lie anywhere, names may be any text. */
static void
test_edge_cases (void)
{
  g_autoptr (GString) bytes = safetensors_bytes (
      "{" TENSOR ("b", "U8", "[2]", "[0,2]") "," TENSOR ("a", "F32", "[0]", "[0,0]") "," TENSOR (
          "c", "F32", "[3,0]", "[2,2]") "," TENSOR ("\\u00e9 \\\" \\\\u0000 \\uD83D\\uDC04", "BOOL",
                                                    "[]", "[2,3]") "}   ",
      3);
  g_autofree char *path = write_bytes ("edge.safetensors", bytes->str, bytes->len);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (cow_safetensors_nth (file, 0)->name, ==, "a");
  g_assert_cmpstr (cow_safetensors_nth (file, 1)->name, ==, "b");
  g_assert_cmpuint (cow_tensor_count (cow_safetensors_get (file, "c")), ==, 0);
  const CowTensor *scalar = cow_safetensors_get (file, "\xc3\xa9 \" \\u0000 \xf0\x9f\x90\x84");
  g_assert_true (cow_tensor_read (scalar, &error));
  g_assert_cmpuint (scalar->data[0], ==, 2);
  g_assert_cmpuint (scalar->n_dims, ==, 0);
  g_assert_true (cow_tensor_check_finite (cow_safetensors_get (file, "a"), path, &error));
}

static void
test_writer (void)
{
  g_autofree char *path = written_path ("written.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) file = NULL;
  CowSafetensorsWriter *writer = cow_safetensors_writer_new (path);
  const float values[4] = { 1, -2, 3.5, 0 };
  const guint8 codes[3] = { 7, 8, 9 };
  const gint64 square[2] = { 2, 2 }, three = 3;
  float read[4];

  cow_safetensors_writer_metadata (writer, "format", "pt");
  cow_safetensors_writer_declare (writer, "square", COW_F32, square, 2);
  cow_safetensors_writer_declare (writer, "a \"name\" \xc3\xa9", COW_U8, &three, 1);
  cow_safetensors_writer_declare (writer, "scalar", COW_F32, NULL, 0);
  g_assert_true (cow_safetensors_writer_write (writer, values, 5, &error));
  g_assert_true (cow_safetensors_writer_write (writer, (const char *)values + 5, 11, &error));
  g_assert_true (cow_safetensors_writer_write (writer, codes, 3, &error));
  g_assert_true (cow_safetensors_writer_write (writer, values + 2, 4, &error));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (cow_safetensors_writer_finish (writer, &error));
  g_assert_no_error (error);
  cow_safetensors_writer_free (writer);

  file = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cow_safetensors_n_tensors (file), ==, 3);
  g_assert_cmpstr (cow_safetensors_metadata (file, "format"), ==, "pt");
  g_assert_true (cow_tensor_has_shape (cow_safetensors_get (file, "square"), 2, square));
  g_assert_true (cow_tensor_to_f32 (cow_safetensors_get (file, "square"), path, read, &error));
  g_assert_cmpmem (read, sizeof read, values, sizeof values);
  const CowTensor *named = cow_safetensors_get (file, "a \"name\" \xc3\xa9");
  g_assert_true (cow_tensor_read (named, &error));
  g_assert_cmpmem (named->data, 3, codes, 3);
  g_assert_true (cow_tensor_to_f32 (cow_safetensors_get (file, "scalar"), path, read,
                                    &error)); /* at an odd address */
  g_assert_cmpfloat (read[0], ==, 3.5f);
}

static guint
n_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* Whatever goes wrong: the error says it, the old file stays, and nothing is left beside it. */
static void
test_writer_failures (void)
{
  g_autofree char *folder = written_path ("writer"), *path = written_path ("writer/w.safetensors");
  g_autofree char *nowhere = written_path ("nowhere/w.safetensors"), *content = NULL;
  g_autoptr (GError) error = NULL;
  CowSafetensorsWriter *writer;
  const gint64 four = 4, huge[2] = { G_MAXINT64, 4 };

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, "old", 3, NULL));

  writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_declare (writer, "w", COW_U8, &four, 1);
  g_assert_true (cow_safetensors_writer_write (writer, "abc", 3, &error));
  g_assert_false (cow_safetensors_writer_finish (writer, &error));
  expect_error (&error, COW_ERROR_ARGUMENT, path, "only 3", NULL);
  g_assert_false (cow_safetensors_writer_write (writer, "abc", 3, &error));
  expect_error (&error, COW_ERROR_ARGUMENT, path, "2 more", NULL);
  g_assert_cmpuint (n_files (folder), ==, 2);
  cow_safetensors_writer_free (writer);

  writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_declare (writer, "w", COW_U8, &four, 1);
  cow_safetensors_writer_declare (writer, "w", COW_U8, &four, 1);
  g_assert_false (cow_safetensors_writer_write (writer, "abcd", 4, &error));
  expect_error (&error, COW_ERROR_ARGUMENT, path, "w", "twice", NULL);
  cow_safetensors_writer_free (writer);

  writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_declare (writer, "h", COW_F32, huge, 2);
  g_assert_false (cow_safetensors_writer_finish (writer, &error));
  expect_error (&error, COW_ERROR_ARGUMENT, path, "h", "shape", NULL);
  cow_safetensors_writer_free (writer);

  writer = cow_safetensors_writer_new (nowhere);
  g_assert_false (cow_safetensors_writer_finish (writer, &error));
  expect_error (&error, COW_ERROR_IO, nowhere, NULL);
  cow_safetensors_writer_free (writer);

  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "old");
  g_assert_cmpuint (n_files (folder), ==, 1);
}

/* A file size limit stands in for a full disk: both make write(2) fail in the middle. */
static void
test_writer_full (void)
{
  g_autofree char *path = written_path ("full.safetensors");
  g_autofree guint8 *zeros = g_malloc0 (1 << 20);
  g_autoptr (GError) error = NULL;
  CowSafetensorsWriter *writer = cow_safetensors_writer_new (path);
  const gint64 size = 1 << 20;
  struct rlimit limit, old;

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = 65536;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  cow_safetensors_writer_declare (writer, "w", COW_U8, &size, 1);
  g_assert_false (cow_safetensors_writer_write (writer, zeros, 1 << 20, &error));
  setrlimit (RLIMIT_FSIZE, &old);
  expect_error (&error, COW_ERROR_IO, path, g_strerror (EFBIG), NULL);
  cow_safetensors_writer_free (writer);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* A tensor over the given bytes, one byte off any alignment. */
static CowTensor
over_bytes (guint8 *buffer, CowDtype dtype, const void *values, gsize n_bytes)
{
  CowTensor tensor = {
    .name = (char *)"t", .dtype = dtype, .n_dims = 1, .data = buffer + 1, .n_bytes = n_bytes
  };

  tensor.dims[0] = (gint64)(n_bytes / cow_dtype_size (dtype));
  memcpy (buffer + 1, values, n_bytes);
  return tensor;
}

static void
test_conversions (void)
{
  const guint16 half[6] = { 0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x03ff };
  const float half_values[6] = { 1, -2, 65504, 0x1p-24f, -0.0f, 1023 * 0x1p-24f };
  const guint16 brain[3] = { 0x3f80, 0xc040, 0x0001 };
  const float brain_values[3] = { 1, -3, 0x1p-133f };
  const double wide[2] = { 0.1, -1e300 };
  guint8 buffer[64];
  float out[6];
  g_autoptr (GError) error = NULL;
  CowTensor tensor = over_bytes (buffer, COW_F16, half, sizeof half);

  g_assert_true (cow_tensor_to_f32 (&tensor, "file", out, &error));
  g_assert_cmpmem (out, sizeof out, half_values, sizeof half_values);
  tensor = over_bytes (buffer, COW_BF16, brain, sizeof brain);
  g_assert_true (cow_tensor_to_f32 (&tensor, "file", out, &error));
  g_assert_cmpmem (out, sizeof brain_values, brain_values, sizeof brain_values);
  tensor = over_bytes (buffer, COW_F64, wide, 8);
  g_assert_true (cow_tensor_to_f32 (&tensor, "file", out, &error));
  g_assert_cmpfloat (out[0], ==, 0.1f);
  tensor = over_bytes (buffer, COW_F64, wide, 16);
  g_assert_false (cow_tensor_to_f32 (&tensor, "file", out, &error));
  expect_error (&error, COW_ERROR_FORMAT, "file", "t", "inf", "element 1", NULL);
  tensor = over_bytes (buffer, COW_I64, wide, 16);
  g_assert_false (cow_tensor_to_f32 (&tensor, "file", out, &error));
  expect_error (&error, COW_ERROR_MISMATCH, "file", "t", "I64", NULL);
  g_assert_false (cow_tensor_check_finite (&tensor, "file", &error));
  expect_error (&error, COW_ERROR_MISMATCH, "file", "t", "I64", NULL);
}

/* One bad value at each place of an array that spans several blocks, in each type. */
static void
test_not_finite (void)
{
  static const struct {
    CowDtype dtype;
    guint8 bytes[8];
    const char *what;
  } bad[] = {
    { COW_F32, { 0, 0, 0xc0, 0x7f }, "nan" },
    { COW_F32, { 0, 0, 0x80, 0xff }, "inf" },
    { COW_F16, { 1, 0x7c }, "nan" },
    { COW_F16, { 0, 0xfc }, "inf" },
    { COW_BF16, { 0x81, 0xff }, "nan" },
    { COW_BF16, { 0x80, 0x7f }, "inf" },
    { COW_F64, { 0, 0, 0, 0, 0, 0, 0xf8, 0x7f }, "nan" },
    { COW_F64, { 0, 0, 0, 0, 0, 0, 0xf0, 0xff }, "inf" },
  };
  const gsize places[] = { 0, 1, 1023, 1024, 2500, 2599 };
  g_autofree guint8 *buffer = g_malloc0 (2600 * 8 + 1), *zeros = g_malloc0 (2600 * 8);
  g_autofree float *out = g_new (float, 2600);

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    for (guint j = 0; j < G_N_ELEMENTS (places); j++) {
      gsize size = cow_dtype_size (bad[i].dtype);
      CowTensor tensor = over_bytes (buffer, bad[i].dtype, zeros, 2600 * size);
      g_autofree char *where = g_strdup_printf ("tensor t has %s at element %" G_GSIZE_FORMAT " ",
                                                bad[i].what, places[j]);
      g_autoptr (GError) error = NULL;

      g_assert_true (cow_tensor_check_finite (&tensor, "file", &error));
      memcpy (buffer + 1 + places[j] * size, bad[i].bytes, size);
      g_assert_false (cow_tensor_check_finite (&tensor, "file", &error));
      expect_error (&error, COW_ERROR_FORMAT, "file", where, NULL);
      g_assert_false (cow_tensor_to_f32 (&tensor, "file", out, &error));
      expect_error (&error, COW_ERROR_FORMAT, "file", where, NULL);
    }
}

static void
test_json_values (void)
{
  g_autoptr (GString) text = g_string_new ("{\"a\":[0");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= COW_JSON_MAX_VALUES; i++)
    g_string_append (text, ",0");
  g_string_append (text, "]}");
  g_assert_null (cow_json_parse (text->str, text->len, "file", &error));
  expect_error (&error, COW_ERROR_FORMAT, "file", "more values", NULL);
}

/* A safetensors file has a '{' first; other files may have anything. */
static void
test_json_whole (void)
{
  static const struct {
    const char *text, *expected;
  } cases[] = { { "}", "byte 0: the whole must be an object" },
                { "[1]", "the whole must be an object" },
                { "[1] {}", "byte 0: the whole must be an object" },
                { "1 {}", "byte 0: the whole must be an object" },
                { "\"w\"", "the whole must be an object" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (cow_json_parse (cases[i].text, strlen (cases[i].text), "a file", &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, cases[i].expected));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors/golden", test_golden);
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_autofree char *name = g_strconcat ("/safetensors/broken/", broken[i].what, NULL);

    g_test_add_data_func (name, &broken[i], test_broken);
  }
  g_test_add_func ("/safetensors/broken-lengths", test_broken_lengths);
  g_test_add_func ("/safetensors/every-truncation", test_every_truncation);
  g_test_add_func ("/safetensors/not-a-file", test_not_a_file);
  g_test_add_func ("/safetensors/edge-cases", test_edge_cases);
  g_test_add_func ("/safetensors/writer", test_writer);
  g_test_add_func ("/safetensors/writer-failures", test_writer_failures);
  g_test_add_func ("/safetensors/writer-full", test_writer_full);
  g_test_add_func ("/tensor/conversions", test_conversions);
  g_test_add_func ("/tensor/not-finite", test_not_finite);
  g_test_add_func ("/json/values", test_json_values);
  g_test_add_func ("/json/whole", test_json_whole);
  return run_and_clean ();
}
