/* SPDX-License-Identifier: MIT */
/* PyTorch's .pth files: those that torch wrote, and archives and pickles put together here, most of
 * them with one thing wrong. */
#include <string.h>

#include "model/files/safetensors.h"
#include "model/files/torchfile.h"
#include "tests/model/written.h"
#include "tests/model/zip-builder.h"

static void
test_golden (gconstpointer network)
{
  g_autofree char *pth = g_strdup_printf ("golden/%s/best_classifier.pth", (const char *)network),
                  *pth_path = data_path (pth);
  g_autofree char *name =
                      g_strdup_printf ("golden/%s/classifier.safetensors", (const char *)network),
                  *path = data_path (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowTorchfile) torchfile = cow_torchfile_open (pth_path, &error);
  g_autoptr (CowSafetensors) safetensors = cow_safetensors_open (path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (cow_torchfile_path (torchfile), ==, pth_path);
  g_assert_cmpuint (cow_torchfile_n_tensors (torchfile), ==, 6);
  g_assert_cmpuint (cow_safetensors_n_tensors (safetensors), ==, 6);
  for (guint i = 0; i < 6; i++) {
    const CowTensor *tensor = cow_torchfile_nth (torchfile, i),
                    *same = cow_safetensors_get (safetensors, tensor->name);

    g_assert_nonnull (same);
    g_assert_cmpint (tensor->dtype, ==, same->dtype);
    g_assert_true (cow_tensor_has_shape (tensor, same->n_dims, same->dims));
    g_assert_true (cow_tensor_read (tensor, &error) && cow_tensor_read (same, &error));
    g_assert_cmpmem (tensor->data, tensor->n_bytes, same->data, same->n_bytes);
    cow_torchfile_release_pages (torchfile, tensor);
  }
}

/* Nested dicts and values that are no tensors; protocol 4, parameters, lists, half and bfloat16. */
static void
test_variants (void)
{
  static const gint64 square[] = { 2, 3 };
  g_autofree char *state = data_path ("../fuzz/corpus/torchfile/state.pth"),
                  *parameter = data_path ("../fuzz/corpus/torchfile/parameter.pth");
  g_autoptr (GError) error = NULL;
  g_autoptr (CowTorchfile) file = cow_torchfile_open (state, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (cow_torchfile_n_tensors (file), ==, 2);
  g_assert_true (cow_tensor_has_shape (cow_torchfile_get (file, "model.weight"), 2, square));
  g_assert_nonnull (cow_torchfile_get (file, "model.bias"));
  g_clear_pointer (&file, cow_torchfile_close);
  file = cow_torchfile_open (parameter, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cow_torchfile_n_tensors (file), ==, 3);
  g_assert_true (cow_tensor_has_shape (cow_torchfile_get (file, "weight"), 2, square));
  g_assert_cmpint (cow_torchfile_get (file, "half.0")->dtype, ==, COW_F16);
  g_assert_cmpint (cow_torchfile_get (file, "half.1")->dtype, ==, COW_BF16);
  g_assert_cmpuint (cow_torchfile_get (file, "half.1")->n_dims, ==, 0);
}

static void
test_every_truncation (void)
{
  g_autofree char *path = data_path ("../fuzz/corpus/torchfile/state.pth"), *bytes = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  for (gsize i = 0; i < n; i++) {
    g_autofree guint8 *cut =
        g_memdup2 (bytes, MAX (i, 1)); /* of that size, so that a read beyond it is seen */
    g_autoptr (GError) error = NULL;

    g_assert_null (cow_torchfile_open_bytes ("cut.pth", cut, i, &error));
    expect_error (&error, COW_ERROR_FORMAT, "cut.pth", NULL);
  }
}

/* A state dict {"w": tensor}; the parts that tests replace are arguments. */
#define STORAGE(type, key, count)                                                                  \
  "(X\7\0\0\0storagectorch\n" type "\nX\1\0\0\0" key "X\3\0\0\0cpuK" count "tQ"
#define TENSOR_ARGUMENTS(storage, offset, shape, stride)                                           \
  "(" storage "K" offset shape stride "\x89}t"
#define TENSOR(storage, offset, shape, stride)                                                     \
  "ctorch._utils\n_rebuild_tensor_v2\n" TENSOR_ARGUMENTS (storage, offset, shape, stride) "R"
#define DICT(value) "\x80\2}X\1\0\0\0w" value "s."
#define SIX         STORAGE ("FloatStorage", "0", "\6")
#define MATRIX      "K\2K\3\x86"
#define ROWS        "K\3K\1\x86"

static const float storage[6] = { 0, 1, 2, 3, 4, 5 };

static GString *
archive (const void *pickle, gsize n_pickle, ZipFault fault)
{
  const ZipPart parts[] = { { "m/data.pkl", pickle, n_pickle },
                            { "m/byteorder", "little", 6 },
                            { "m/data/0", storage, sizeof storage } };

  return zip_build (parts, G_N_ELEMENTS (parts), fault);
}

static CowTorchfile *
open_string (const GString *bytes, GError **error)
{
  return cow_torchfile_open_bytes ("made.pth", (const guint8 *)bytes->str, bytes->len, error);
}

#define PICKLE(text) text, sizeof (text) - 1

static const struct {
  const char *what, *pickle;
  gsize size;
  gint64 first_dim; /* of tensor w */
  float first;      /* its first value */
} good[] = {
  { "matrix", PICKLE (DICT (TENSOR (SIX, "\0", MATRIX, ROWS))), 2, 0 },
  { "view", PICKLE (DICT (TENSOR (SIX, "\3", "K\1K\3\x86", "K\77K\1\x86"))), 1,
    3 }, /* the stride of a dimension of 1 is anything */
  { "empty", PICKLE (DICT (TENSOR (SIX, "\6", "K\0K\3\x86", "K\1K\1\x86"))), 0, 0 },
  { "long1", PICKLE (DICT (TENSOR (SIX, "\0", "\x8a\1\6\x85", "\x8a\2\1\0\x85"))), 6, 0 },
  { "parameter",
    PICKLE (DICT (
        "ctorch._utils\n_rebuild_parameter\n(" TENSOR (SIX, "\2", "K\4\x85", "K\1\x85") "\x88}tR")),
    4, 2 },
  { "ordered",
    PICKLE ("\x80\2ccollections\nOrderedDict\n)RX\1\0\0\0w" TENSOR (SIX, "\0", MATRIX,
                                                                    ROWS) "s}X\1\0\0\0aNsb."),
    2, 0 },
  { "others",
    PICKLE ("\x80\4\x95\0\0\0\0\0\0\0\0}("
            "\x8c\1nG\0\0\0\0\0\0\0\0\x8c\1iJ\xff\xff\xff\xff\x8c\1w" TENSOR (SIX, "\5", "K\1\x85",
                                                                              "K\1\x85") "NNu."),
    1, 5 },
};

static void
test_good (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  const ZipFault ways[] = { ZIP_WHOLE, ZIP_64 };

  for (guint way = 0; way < G_N_ELEMENTS (ways); way++) {
    g_autoptr (GString) bytes = archive (good[i].pickle, good[i].size, ways[way]);
    g_autoptr (GError) error = NULL;
    g_autoptr (CowTorchfile) file = open_string (bytes, &error);
    const CowTensor *tensor;
    float values[6] = { 0 };

    g_assert_no_error (error);
    g_assert_cmpuint (cow_torchfile_n_tensors (file), ==, 1);
    tensor = cow_torchfile_get (file, "w");
    g_assert_cmpint (tensor->dims[0], ==, good[i].first_dim);
    g_assert_true (cow_tensor_to_f32 (tensor, "made.pth", values, &error));
    g_assert_cmpfloat (values[0], ==, good[i].first);
  }
}

static const struct {
  const char *what, *pickle;
  gsize size;
  CowError code;
  const char *says, *also;
} bad[] = {
  { "system", PICKLE (DICT ("cos\nsystem\n(X\2\0\0\0lstR")), COW_ERROR_UNSUPPORTED, "\"os.system\"",
    "never runs code" },
  { "eval", PICKLE (DICT ("\x8c\10builtins\x8c\4eval\x93(X\1\0\0\0001tR")), COW_ERROR_UNSUPPORTED,
    "\"builtins.eval\"", "" },
  { "strange", PICKLE (DICT ("ca\xff\n\x1b[2J\n")), COW_ERROR_UNSUPPORTED, "a\\377.\\033[2J", "" },
  { "untyped", PICKLE (DICT ("ctorch.storage\nUntypedStorage\n")), COW_ERROR_UNSUPPORTED,
    "torch.storage.UntypedStorage", "" },
  { "inst", PICKLE (DICT ("(ios\nsystem\n")), COW_ERROR_UNSUPPORTED, "0x69", "" },
  { "newobj", PICKLE (DICT ("ctorch\nFloatStorage\n)\x81")), COW_ERROR_UNSUPPORTED, "0x81", "" },
  { "extension", PICKLE (DICT ("\x82\1")), COW_ERROR_UNSUPPORTED, "0x82", "" },
  { "protocol", PICKLE ("\x80\1}."), COW_ERROR_UNSUPPORTED, "protocol 1", "" },
  { "build", PICKLE (DICT ("}}b")), COW_ERROR_FORMAT, "OrderedDict", "" },
  { "reduce-string", PICKLE (DICT ("X\1\0\0\0a)R")), COW_ERROR_FORMAT, "cannot be called", "" },
  { "underflow", PICKLE ("\x80\2s."), COW_ERROR_FORMAT, "stack", "" },
  { "mark", PICKLE ("\x80\2}(s."), COW_ERROR_FORMAT, "stack", "" },
  { "mark-tuple", PICKLE ("\x80\2(N\x86."), COW_ERROR_FORMAT, "mark", "" },
  { "memo", PICKLE ("\x80\2h\5."), COW_ERROR_FORMAT, "recalls", "" },
  { "odd", PICKLE ("\x80\2}(NNNu."), COW_ERROR_FORMAT, "key", "" },
  { "utf8", PICKLE ("\x80\2X\1\0\0\0\xff."), COW_ERROR_FORMAT, "UTF-8", "" },
  { "string-length", PICKLE ("\x80\2X\xff\xff\xff\xff."), COW_ERROR_FORMAT, "truncated", "" },
  { "no-end", PICKLE ("\x80\2}"), COW_ERROR_FORMAT, "truncated", "" },
  { "nothing", PICKLE (""), COW_ERROR_FORMAT, "empty", "" },
  { "no-dict", PICKLE ("\x80\2K\1."), COW_ERROR_FORMAT, "no dict", "" },
  { "cycle", PICKLE ("\x80\2}q\1X\1\0\0\0wh\1s."), COW_ERROR_FORMAT, "nested", "w.w" },
  { "twice", PICKLE ("\x80\2}(X\1\0\0\0w" TENSOR (SIX, "\0", MATRIX, ROWS) "q\1X\1\0\0\0wh\1u."),
    COW_ERROR_FORMAT, "two tensors", "w" },
  { "offset", PICKLE (DICT (TENSOR (SIX, "\1", MATRIX, ROWS))), COW_ERROR_FORMAT, "tensor w",
    "elements 1 to 7" },
  { "negative-offset",
    PICKLE (DICT ("ctorch._utils\n_rebuild_tensor_v2\n(" SIX "J\xff\xff\xff\xff" MATRIX ROWS
                  "\x89}tR")),
    COW_ERROR_FORMAT, "tensor w", "arguments" },
  { "transposed", PICKLE (DICT (TENSOR (SIX, "\0", "K\3K\2\x86", "K\1K\3\x86"))),
    COW_ERROR_UNSUPPORTED, "tensor w", "contiguous" },
  { "negative-dim", PICKLE (DICT (TENSOR (SIX, "\0", "J\xff\xff\xff\xff\x85", "K\1\x85"))),
    COW_ERROR_FORMAT, "tensor w", "shape" },
  { "huge", PICKLE (DICT (TENSOR (SIX, "\0", "\x8a\10\0\0\0\0\0\0\0\x40K\4\x86", "K\4K\1\x86"))),
    COW_ERROR_FORMAT, "tensor w", "more than any memory" },
  { "ranks", PICKLE (DICT (TENSOR (SIX, "\0", MATRIX, "K\1\x85"))), COW_ERROR_FORMAT, "tensor w",
    "shape" },
  { "float-dim", PICKLE (DICT (TENSOR (SIX, "\0", "G\0\0\0\0\0\0\0\0\x85", "K\1\x85"))),
    COW_ERROR_FORMAT, "tensor w", "shape" },
  { "nine-dims",
    PICKLE (DICT (
        TENSOR (SIX, "\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"))),
    COW_ERROR_UNSUPPORTED, "tensor w", "9 dimensions" },
  { "arguments", PICKLE (DICT ("ctorch._utils\n_rebuild_tensor_v2\n)R")), COW_ERROR_FORMAT,
    "tensor w", "arguments" },
  { "conjugate",
    PICKLE (DICT ("ctorch._utils\n_rebuild_tensor_v2\n(" SIX "K\0" MATRIX ROWS
                  "\x89}}X\4\0\0\0conj\x88stR")),
    COW_ERROR_UNSUPPORTED, "tensor w", "conjugate" },
  { "missing", PICKLE (DICT (TENSOR (STORAGE ("FloatStorage", "7", "\6"), "\0", MATRIX, ROWS))),
    COW_ERROR_FORMAT, "tensor w", "m/data/7" },
  { "size", PICKLE (DICT (TENSOR (STORAGE ("FloatStorage", "0", "\7"), "\0", MATRIX, ROWS))),
    COW_ERROR_FORMAT, "tensor w", "24 bytes" },
  { "type", PICKLE (DICT (TENSOR (STORAGE ("HalfStorage", "0", "\6"), "\0", MATRIX, ROWS))),
    COW_ERROR_FORMAT, "tensor w", "F16" },
  { "persid", PICKLE (DICT (TENSOR ("NQ", "\0", MATRIX, ROWS))), COW_ERROR_FORMAT, "tensor w",
    "storage" },
  { "storage-kind",
    PICKLE (DICT (TENSOR ("(X\7\0\0\0storagectorch._utils\n_rebuild_tensor_v2\nX\1\0\0\0"
                          "0X\3\0\0\0cpuK\6tQ",
                          "\0", MATRIX, ROWS))),
    COW_ERROR_FORMAT, "tensor w", "storage" },
};

static void
test_bad (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GString) bytes = archive (bad[i].pickle, bad[i].size, ZIP_WHOLE);
  g_autoptr (GError) error = NULL;

  g_assert_null (open_string (bytes, &error));
  expect_error (&error, bad[i].code, "made.pth", bad[i].says, bad[i].also, NULL);
}

/* 16 levels of a dict that holds the one below it 16 times: 16^16 names in 2 kB. */
static void
test_bomb (void)
{
  static const char start[5] = "\x80\2}q";
  g_autoptr (GString) pickle = g_string_new_len (start, sizeof start);
  g_autoptr (GString) bytes = NULL;
  g_autoptr (GError) error = NULL;

  for (char level = 1; level < 15; level++) {
    g_string_append_len (pickle, "}(", 2);
    for (char i = 0; i < 16; i++) {
      const char pair[4] = { 'K', i, 'h', (char)(level - 1) };

      g_string_append_len (pickle, pair, sizeof pair);
    }
    g_string_append_len (pickle, "uq", 2);
    g_string_append_c (pickle, level);
  }
  g_string_append_c (pickle, '.');
  bytes = archive (pickle->str, pickle->len, ZIP_WHOLE);
  g_assert_null (open_string (bytes, &error));
  expect_error (&error, COW_ERROR_FORMAT, "made.pth", "more than 500000 values", NULL);
}

/* One million opcodes that each take memory must end in an error, not in swapping. */
static void
test_many_values (void)
{
  g_autofree char *lists = g_strnfill (2000000, ']');
  g_autoptr (GString) bytes = archive (lists, 2000000, ZIP_WHOLE);
  g_autoptr (GError) error = NULL;

  g_assert_null (open_string (bytes, &error));
  expect_error (&error, COW_ERROR_FORMAT, "made.pth", "more values", NULL);
}

static const struct {
  const char *what;
  ZipFault fault;
  CowError code;
  const char *says;
} faults[] = {
  { "zip64-lost", ZIP_64_LOST, COW_ERROR_FORMAT, "zip64" },
  { "zip64-short", ZIP_64_SHORT, COW_ERROR_FORMAT, "sizes" },
  { "compressed", ZIP_COMPRESSED, COW_ERROR_UNSUPPORTED, "m/data.pkl is compressed" },
  { "encrypted", ZIP_ENCRYPTED, COW_ERROR_UNSUPPORTED, "m/data.pkl is encrypted" },
  { "sizes-differ", ZIP_SIZES_DIFFER, COW_ERROR_FORMAT, "sizes" },
  { "too-long", ZIP_TOO_LONG, COW_ERROR_FORMAT, "m/data.pkl" },
  { "offset", ZIP_OFFSET, COW_ERROR_FORMAT, "m/data.pkl" },
  { "local-name", ZIP_LOCAL_NAME, COW_ERROR_FORMAT, "m/data.pkl" },
  { "two-disks", ZIP_TWO_DISKS, COW_ERROR_UNSUPPORTED, "several parts" },
  { "directory-outside", ZIP_DIRECTORY_OUTSIDE, COW_ERROR_FORMAT, "outside" },
  { "one-more", ZIP_ONE_MORE, COW_ERROR_FORMAT, "broken zip" },
};

static void
test_fault (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GString) bytes = archive (good[0].pickle, good[0].size, faults[i].fault);
  g_autoptr (GError) error = NULL;

  g_assert_null (open_string (bytes, &error));
  expect_error (&error, faults[i].code, "made.pth", faults[i].says, NULL);
}

static void
expect_parts (const ZipPart *parts, guint n_parts, CowError code, const char *says)
{
  g_autoptr (GString) bytes = zip_build (parts, n_parts, ZIP_WHOLE);
  g_autoptr (GError) error = NULL;

  g_assert_null (open_string (bytes, &error));
  expect_error (&error, code, "made.pth", says, NULL);
}

static void
test_archives (void)
{
  const ZipPart big[] = { { "m/data.pkl", "\x80\2}.", 4 }, { "m/byteorder", "big", 3 } };
  const ZipPart twice[] = { { "m/data.pkl", "\x80\2}.", 4 }, { "m/data.pkl", "\x80\2}.", 4 } };
  const ZipPart two[] = { { "m/data.pkl", "\x80\2}.", 4 }, { "n/data.pkl", "\x80\2}.", 4 } };
  const ZipPart other[] = { { "m/x/data.pkl", "\x80\2}.", 4 } };
  const ZipPart name[] = { { "m/\xff", "", 0 } };

  expect_parts (big, 2, COW_ERROR_UNSUPPORTED, "big-endian");
  expect_parts (twice, 2, COW_ERROR_FORMAT, "two entries");
  expect_parts (two, 2, COW_ERROR_FORMAT, "two pickles");
  expect_parts (other, 1, COW_ERROR_FORMAT, "no data.pkl");
  expect_parts (name, 1, COW_ERROR_FORMAT, "UTF-8");
}

static void
test_other_files (void)
{
  g_autofree char *missing = written_path ("missing.pth"),
                  *legacy = write_bytes ("legacy.pth", "\x80\2\x8a\nl\xfc\x9c", 7);
  g_autofree char *page = write_bytes ("page.pth", "<html>", 6),
                  *empty = write_bytes ("empty.pth", "", 0);
  g_autoptr (GError) error = NULL;

  g_assert_null (cow_torchfile_open (missing, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, missing, NULL);
  g_assert_null (cow_torchfile_open (legacy, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, legacy, "torch 1.6", NULL);
  g_assert_null (cow_torchfile_open (page, &error));
  expect_error (&error, COW_ERROR_FORMAT, page, "is a web page", NULL);
  g_assert_null (cow_torchfile_open (empty, &error));
  expect_error (&error, COW_ERROR_FORMAT, empty, NULL);
}

#define ADD_EACH(prefix, list, function)                                                           \
  for (guint i = 0; i < G_N_ELEMENTS (list); i++) {                                                \
    g_autofree char *name = g_strconcat (prefix, list[i].what, NULL);                              \
    g_test_add_data_func (name, GUINT_TO_POINTER (i), function);                                   \
  }

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/torchfile/golden/plain", "plain", test_golden);
  g_test_add_data_func ("/torchfile/golden/gated7b", "gated7b", test_golden);
  g_test_add_func ("/torchfile/variants", test_variants);
  g_test_add_func ("/torchfile/every-truncation", test_every_truncation);
  ADD_EACH ("/torchfile/good/", good, test_good);
  ADD_EACH ("/torchfile/bad/", bad, test_bad);
  g_test_add_func ("/torchfile/bomb", test_bomb);
  g_test_add_func ("/torchfile/many-values", test_many_values);
  ADD_EACH ("/torchfile/fault/", faults, test_fault);
  g_test_add_func ("/torchfile/archives", test_archives);
  g_test_add_func ("/torchfile/other-files", test_other_files);
  return run_and_clean ();
}
