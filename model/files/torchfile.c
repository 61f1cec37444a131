/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's file: a zip archive with PREFIX/data.pkl, a pickle of nested dicts whose tensors refer
 * to PREFIX/data/KEY, the raw bytes of a storage (torch/serialization.py). zipfile.c finds the
 * entries, pickle.c reads the pickle; here its calls get their meaning.
 */
#include "model/files/torchfile.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/foreign.h"
#include "model/files/mapping.h"
#include "model/files/pickle.h"
#include "model/files/zipfile.h"

#define MAX_DEPTH 16  /* dicts in dicts */
#define MAX_NAME  512 /* bytes of a dotted name */
#define MAX_VISITS                                                                                 \
  500000 /* values looked at: dicts may share their parts, so that a small file spells a large     \
            tree */
#define MAX_TENSORS 100000

/* What a pickle may name; the storages' types in the order of `storage_dtypes`. */
enum { REBUILD_TENSOR, REBUILD_PARAMETER, FIRST_STORAGE };
static const char *const globals[] = {
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_parameter",
  "torch.FloatStorage",
  "torch.DoubleStorage",
  "torch.HalfStorage",
  "torch.BFloat16Storage",
  "torch.ByteStorage",
  "torch.CharStorage",
  "torch.ShortStorage",
  "torch.IntStorage",
  "torch.LongStorage",
  "torch.BoolStorage",
  NULL,
};
static const CowDtype storage_dtypes[] = { COW_F32, COW_F64, COW_F16, COW_BF16, COW_U8,
                                           COW_I8,  COW_I16, COW_I32, COW_I64,  COW_BOOL };

struct _CowTorchfile {
  CowMapping mapping;
  GArray *tensors; /* CowTensor */
  GHashTable *by_name;
};

/* What reading takes and the open file does not keep. */
typedef struct {
  CowTorchfile *file;
  CowZip *zip;
  char *prefix; /* of the archive's entries, without the slash */
  guint n_visits;
} Reader;

static gboolean fail (const CowTorchfile *self, int code, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

static gboolean
fail (const CowTorchfile *self, int code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, COW_ERROR, code, "%s: %s", self->mapping.path, what);
  return FALSE;
}

static gboolean
is_text (const CowPickleValue *value, const char *text)
{
  return value->kind == COW_PICKLE_STRING && value->n_text == strlen (text) &&
         memcmp (value->text, text, value->n_text) == 0;
}

/* ("storage", type, key, place, number of elements) -> the type, the archive's entry. */
static gboolean
find_storage (Reader *reader, const CowPickleValue *reference, const char *name, CowDtype *dtype,
              const CowZipEntry **entry, GError **error)
{
  const CowPickleValue *tuple = reference->items[0], *type, *key;
  g_autofree char *entry_name = NULL;
  gsize size;

  if (tuple->kind != COW_PICKLE_TUPLE || tuple->n_items != 5 ||
      !is_text (tuple->items[0], "storage") || tuple->items[4]->kind != COW_PICKLE_INT)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "tensor %s: its reference to a storage is broken", name);
  type = tuple->items[1];
  key = tuple->items[2];
  if (type->kind != COW_PICKLE_GLOBAL || type->integer < FIRST_STORAGE ||
      key->kind != COW_PICKLE_STRING || key->n_text > MAX_NAME)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "tensor %s: its reference to a storage is broken", name);
  *dtype = storage_dtypes[type->integer - FIRST_STORAGE];
  entry_name = g_strdup_printf ("%s/data/%.*s", reader->prefix, (int)key->n_text, key->text);
  *entry = cow_zip_find (reader->zip, entry_name);
  if (*entry == NULL)
    return fail (reader->file, COW_ERROR_FORMAT, error, "tensor %s: the archive has no entry %s",
                 name, entry_name);
  if (!cow_shape_count (&tuple->items[4]->integer, 1, *dtype, NULL, &size) ||
      size != (*entry)->size)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "tensor %s: its storage %s should have %" G_GINT64_FORMAT
                 " elements of type %s, it has %" G_GSIZE_FORMAT " bytes",
                 name, entry_name, tuple->items[4]->integer, cow_dtype_name (*dtype),
                 (*entry)->size);
  return TRUE;
}

/* Shape and strides: a tensor here is row-major without holes. Strides of dimensions of 1 say
 * nothing. */
static gboolean
read_shape (Reader *reader, const CowPickleValue *shape, const CowPickleValue *strides,
            CowTensor *tensor, gsize *count, GError **error)
{
  gint64 expected = 1;

  if (shape->kind != COW_PICKLE_TUPLE || strides->kind != COW_PICKLE_TUPLE ||
      shape->n_items != strides->n_items)
    return fail (reader->file, COW_ERROR_FORMAT, error, "tensor %s: its shape is broken",
                 tensor->name);
  if (shape->n_items > COW_MAX_DIMS)
    return fail (reader->file, COW_ERROR_UNSUPPORTED, error,
                 "tensor %s: has %u dimensions, at most %d are known", tensor->name, shape->n_items,
                 COW_MAX_DIMS);
  tensor->n_dims = shape->n_items;
  for (guint i = 0; i < tensor->n_dims; i++) {
    if (shape->items[i]->kind != COW_PICKLE_INT || strides->items[i]->kind != COW_PICKLE_INT)
      return fail (reader->file, COW_ERROR_FORMAT, error, "tensor %s: its shape is broken",
                   tensor->name);
    tensor->dims[i] = shape->items[i]->integer;
  }
  if (!cow_shape_count (tensor->dims, tensor->n_dims, tensor->dtype, count, &tensor->n_bytes))
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "tensor %s: its shape is more than any memory holds", tensor->name);
  for (guint i = tensor->n_dims; i-- > 0 && *count > 0; expected *= tensor->dims[i])
    if (tensor->dims[i] != 1 && strides->items[i]->integer != expected)
      return fail (reader->file, COW_ERROR_UNSUPPORTED, error,
                   "tensor %s is a view that is not contiguous; save tensor.contiguous () instead",
                   tensor->name);
  return TRUE;
}

/* _rebuild_tensor_v2 (storage, offset, shape, strides, requires_grad, hooks[, metadata]). */
static gboolean
read_tensor (Reader *reader, const CowPickleValue *arguments, CowTensor *tensor, GError **error)
{
  const CowPickleValue *const *items = (const CowPickleValue *const *)arguments->items;
  const CowZipEntry *entry = NULL;
  gsize count = 0, offset, available;

  if (arguments->n_items < 6 || arguments->n_items > 7 || items[0]->kind != COW_PICKLE_PERSID ||
      items[1]->kind != COW_PICKLE_INT || items[1]->integer < 0)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "tensor %s: its constructor's arguments are broken", tensor->name);
  if (arguments->n_items == 7 && items[6]->kind != COW_PICKLE_NONE && items[6]->n_items > 0)
    return fail (reader->file, COW_ERROR_UNSUPPORTED, error,
                 "tensor %s: is a conjugate or negative view; save tensor.clone () instead",
                 tensor->name);
  if (!find_storage (reader, items[0], tensor->name, &tensor->dtype, &entry, error) ||
      !read_shape (reader, items[2], items[3], tensor, &count, error))
    return FALSE;
  offset = (gsize)items[1]->integer;
  available = entry->size / cow_dtype_size (tensor->dtype);
  if (offset > available || count > available - offset)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "tensor %s: needs elements %" G_GSIZE_FORMAT " to %" G_GSIZE_FORMAT
                 " of a storage that has %" G_GSIZE_FORMAT,
                 tensor->name, offset, offset + count, available);
  tensor->mapping = &reader->file->mapping;
  tensor->data = count > 0 ? entry->data + offset * cow_dtype_size (tensor->dtype)
                           : reader->file->mapping.data;
  return TRUE;
}

static gboolean
add_tensor (Reader *reader, const CowPickleValue *arguments, const char *name, GError **error)
{
  CowTorchfile *self = reader->file;
  CowTensor tensor = { .name = g_strdup (name) };

  g_array_append_val (self->tensors, tensor); /* which owns the name from here on */
  if (self->tensors->len > MAX_TENSORS)
    return fail (self, COW_ERROR_FORMAT, error, "holds more than %d tensors", MAX_TENSORS);
  if (!read_tensor (reader, arguments, &tensor, error))
    return FALSE;
  g_array_index (self->tensors, CowTensor, self->tensors->len - 1) = tensor;
  return TRUE;
}

/* A tensor's call, or a parameter's, which wraps a tensor's: (tensor, requires_grad, hooks). NULL
 * when it is neither. */
static const CowPickleValue *
tensor_arguments (const CowPickleValue *call)
{
  for (guint wrapped = 0; wrapped < 2 && call->kind == COW_PICKLE_CALL; wrapped++) {
    const CowPickleValue *arguments = call->items[1];

    if (call->items[0]->integer == REBUILD_TENSOR)
      return arguments;
    if (call->items[0]->integer != REBUILD_PARAMETER || arguments->n_items == 0)
      return NULL;
    call = arguments->items[0];
  }
  return NULL;
}

static gboolean visit (Reader *reader, const CowPickleValue *value, const char *name, guint depth,
                       GError **error);

/* The dotted name of a member; NULL for a key that is neither string nor number. Free with g_free.
 */
static char *
member_name (const char *parent, const CowPickleValue *key)
{
  const char *dot = *parent != '\0' ? "." : "";

  if (key->kind == COW_PICKLE_STRING)
    return g_strdup_printf ("%s%s%.*s", parent, dot, (int)MIN (key->n_text, MAX_NAME), key->text);
  if (key->kind == COW_PICKLE_INT)
    return g_strdup_printf ("%s%s%" G_GINT64_FORMAT, parent, dot, key->integer);
  return NULL;
}

static gboolean
visit_members (Reader *reader, const CowPickleValue *value, const char *name, guint depth,
               GError **error)
{
  guint step = value->kind == COW_PICKLE_DICT ? 2 : 1;

  if (depth == MAX_DEPTH)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "holds dicts or lists nested more than %d deep (%s)", MAX_DEPTH, name);
  for (guint i = 0; i + step <= value->n_items; i += step) {
    CowPickleValue position = { .kind = COW_PICKLE_INT, .integer = i };
    g_autofree char *member = member_name (name, step == 2 ? value->items[i] : &position);

    if (member == NULL)
      continue;
    if (strlen (member) > MAX_NAME)
      return fail (reader->file, COW_ERROR_FORMAT, error,
                   "a member of %s has a name longer than %d bytes",
                   *name != '\0' ? name : "its dict", MAX_NAME);
    if (!visit (reader, value->items[i + step - 1], member, depth + 1, error))
      return FALSE;
  }
  return TRUE;
}

/* Numbers, strings and what else is no tensor are passed by: training scripts put their epoch
 * beside the weights. */
static gboolean
visit (Reader *reader, const CowPickleValue *value, const char *name, guint depth, GError **error)
{
  const CowPickleValue *arguments = tensor_arguments (value);

  if (++reader->n_visits > MAX_VISITS)
    return fail (reader->file, COW_ERROR_FORMAT, error, "its dicts spell more than %d values",
                 MAX_VISITS);
  if (arguments != NULL)
    return add_tensor (reader, arguments, name, error);
  if (value->kind == COW_PICKLE_DICT || value->kind == COW_PICKLE_LIST ||
      value->kind == COW_PICKLE_TUPLE)
    return visit_members (reader, value, name, depth, error);
  return TRUE;
}

/* The prefix of PREFIX/data.pkl: torch names it after the file. */
static gboolean
find_pickle (Reader *reader, const CowZipEntry **pickle, GError **error)
{
  *pickle = NULL;
  for (guint i = 0; i < cow_zip_n_entries (reader->zip); i++) {
    const CowZipEntry *entry = cow_zip_nth (reader->zip, i);
    const char *slash = strchr (entry->name, '/');

    if (slash == NULL || !g_str_equal (slash, "/data.pkl"))
      continue;
    if (*pickle != NULL)
      return fail (reader->file, COW_ERROR_FORMAT, error, "a zip archive with two pickles (%s, %s)",
                   (*pickle)->name, entry->name);
    *pickle = entry;
    reader->prefix = g_strndup (entry->name, (gsize)(slash - entry->name));
  }
  if (*pickle == NULL)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "a zip archive, but not torch.save ()'s: it has no data.pkl; if it holds a model, "
                 "unpack it first (unzip)");
  return TRUE;
}

static gboolean
check_byte_order (Reader *reader, GError **error)
{
  g_autofree char *name = g_strconcat (reader->prefix, "/byteorder", NULL);
  const CowZipEntry *entry = cow_zip_find (reader->zip, name);

  if (entry == NULL)
    return TRUE;
  if (!cow_mapping_read (&reader->file->mapping, entry->data, MIN (entry->size, 6), error))
    return FALSE;
  if (entry->size == 6 && memcmp (entry->data, "little", 6) == 0)
    return TRUE;
  return fail (reader->file, COW_ERROR_UNSUPPORTED, error,
               "was written on a big-endian machine; little-endian is known");
}

static gboolean
index_names (CowTorchfile *self, GError **error)
{
  for (guint i = 0; i < self->tensors->len; i++) {
    CowTensor *tensor = &g_array_index (self->tensors, CowTensor, i);

    if (!g_hash_table_insert (self->by_name, tensor->name, tensor))
      return fail (self, COW_ERROR_FORMAT, error, "two tensors have the name %s", tensor->name);
  }
  return TRUE;
}

static gboolean
read_archive (Reader *reader, GError **error)
{
  g_autoptr (CowPickle) pickle = NULL;
  const CowZipEntry *entry;
  const CowPickleValue *root;

  if (!find_pickle (reader, &entry, error) || !check_byte_order (reader, error) ||
      !cow_mapping_read (&reader->file->mapping, entry->data, entry->size, error))
    return FALSE;
  pickle = cow_pickle_read (reader->file->mapping.path, entry->data, entry->size, globals, error);
  if (pickle == NULL)
    return FALSE;
  root = cow_pickle_root (pickle);
  if (root->kind != COW_PICKLE_DICT)
    return fail (reader->file, COW_ERROR_FORMAT, error,
                 "holds no dict of tensors: save model.state_dict ()");
  return visit (reader, root, "", 0, error) && index_names (reader->file, error);
}

/* Before 1.6 torch wrote bare pickles, which start with PROTO 2. */
static gboolean
check_kind (const CowTorchfile *self, GError **error)
{
  const CowMapping *mapping = &self->mapping;
  const gsize start = MIN (mapping->size, COW_FOREIGN_BYTES);

  if (!cow_mapping_read (mapping, mapping->data, start, error))
    return FALSE;
  if (mapping->size >= 4 && memcmp (mapping->data, "PK\3\4", 4) == 0)
    return TRUE;
  if (mapping->size >= 2 && mapping->data[0] == 0x80 && mapping->data[1] <= 5)
    return fail (
        self, COW_ERROR_UNSUPPORTED, error,
        "a bare pickle, as torch before 1.6 wrote: load and save it again with torch 1.6 or newer");
  fail (self, COW_ERROR_FORMAT, error, "no file of torch.save (): a zip archive was expected");
  cow_foreign_explain (mapping->path, mapping->data, start, error);
  return FALSE;
}

static gboolean
read_file (CowTorchfile *self, GError **error)
{
  Reader reader = { .file = self };
  gboolean ok = check_kind (self, error) &&
                (reader.zip = cow_zip_open (&self->mapping, error)) != NULL &&
                read_archive (&reader, error);

  cow_zip_close (reader.zip);
  g_free (reader.prefix);
  return ok;
}

static void
clear_tensor (gpointer tensor)
{
  g_free (((CowTensor *)tensor)->name);
}

static CowTorchfile *
read_mapping (const CowMapping *mapping, GError **error)
{
  g_autoptr (CowTorchfile) self = g_new0 (CowTorchfile, 1);

  self->mapping = *mapping;
  self->tensors = g_array_new (FALSE, FALSE, sizeof (CowTensor));
  g_array_set_clear_func (self->tensors, clear_tensor);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  return read_file (self, error) ? g_steal_pointer (&self) : NULL;
}

CowTorchfile *
cow_torchfile_open (const char *path, GError **error)
{
  CowMapping mapping;

  return cow_mapping_open (&mapping, path, error) ? read_mapping (&mapping, error) : NULL;
}

CowTorchfile *
cow_torchfile_open_bytes (const char *path, const guint8 *data, gsize size, GError **error)
{
  CowMapping mapping;

  cow_mapping_from_bytes (&mapping, path, data, size);
  return read_mapping (&mapping, error);
}

void
cow_torchfile_close (CowTorchfile *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_name);
  g_array_unref (self->tensors);
  cow_mapping_close (&self->mapping);
  g_free (self);
}

const char *
cow_torchfile_path (const CowTorchfile *self)
{
  return self->mapping.path;
}

guint
cow_torchfile_n_tensors (const CowTorchfile *self)
{
  return self->tensors->len;
}

const CowTensor *
cow_torchfile_nth (const CowTorchfile *self, guint i)
{
  return &g_array_index (self->tensors, CowTensor, i);
}

const CowTensor *
cow_torchfile_get (const CowTorchfile *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

gboolean
cow_torchfile_check (const CowTorchfile *self, GError **error)
{
  return cow_mapping_check (&self->mapping, error);
}

void
cow_torchfile_release_pages (const CowTorchfile *self, const CowTensor *tensor)
{
  cow_mapping_release (&self->mapping, tensor->data, tensor->n_bytes);
}
