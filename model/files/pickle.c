/* SPDX-License-Identifier: MIT */
/*
 * The pickle machine, protocols 2 to 5 (Python's Lib/pickletools.py documents each opcode). Its
 * memory is bounded by the length of the pickle, which is bounded by MAX_SIZE: an opcode makes at
 * most one value and pushes at most one.
 */
#include "model/files/pickle.h"

#include <string.h>

#include "model/files/error.h"

#define MAX_SIZE   (8u << 20) /* that of DINOv3 7B's state dict is 0.1 MB */
#define MAX_VALUES 1000000u

struct _CowPickle {
  const char *path; /* these three are the caller's, used while reading */
  const guint8 *at, *end;
  const char *const *globals;
  GPtrArray *values; /* CowPickleValue: every one ever made */
  GPtrArray *stack;  /* CowPickleValue; NULL is a mark */
  GHashTable *memo;  /* guint -> CowPickleValue */
  CowPickleValue *root;
};

static gboolean
bad (const CowPickle *self, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: broken pickle: %s", self->path, what);
  return FALSE;
}

static void
free_value (gpointer data)
{
  CowPickleValue *value = data;

  if (value->kind != COW_PICKLE_STRING)
    g_free (value->items);
  g_free (value);
}

/* A new value, on top of the stack; NULL when there are too many. */
static CowPickleValue *
push_new (CowPickle *self, CowPickleKind kind, gint64 integer, GError **error)
{
  CowPickleValue *value;

  if (self->values->len >= MAX_VALUES) {
    bad (self, "more values than any network needs", error);
    return NULL;
  }
  value = g_new0 (CowPickleValue, 1);
  value->kind = kind;
  value->integer = integer;
  g_ptr_array_add (self->values, value);
  g_ptr_array_add (self->stack, value);
  return value;
}

static void
append (CowPickleValue *container, CowPickleValue *item)
{
  if (container->n_items == container->n_allocated) {
    container->n_allocated = MAX (2, 2 * container->n_allocated);
    container->items = g_renew (CowPickleValue *, container->items, container->n_allocated);
  }
  container->items[container->n_items++] = item;
}

/* The value on top, taken off; NULL when there is none before the last mark. */
static CowPickleValue *
pop (CowPickle *self, GError **error)
{
  CowPickleValue *value =
      self->stack->len > 0 ? g_ptr_array_steal_index (self->stack, self->stack->len - 1) : NULL;

  if (value == NULL)
    bad (self, "it takes more from its stack than it put there", error);
  return value;
}

/* The value on top, of that kind, left where it is. */
static CowPickleValue *
peek (CowPickle *self, CowPickleKind kind, GError **error)
{
  CowPickleValue *value =
      self->stack->len > 0 ? g_ptr_array_index (self->stack, self->stack->len - 1) : NULL;

  if (value != NULL && value->kind == kind)
    return value;
  bad (self, "an instruction finds another kind of value than it works on", error);
  return NULL;
}

/* The index behind the last mark. */
static gboolean
find_mark (const CowPickle *self, guint *first, GError **error)
{
  for (guint i = self->stack->len; i > 0; i--)
    if (g_ptr_array_index (self->stack, i - 1) == NULL) {
      *first = i;
      return TRUE;
    }
  return bad (self, "a mark is missing", error);
}

/* Little-endian unsigned argument of up to 8 bytes. */
static gboolean
read_number (CowPickle *self, guint n_bytes, guint64 *value, GError **error)
{
  *value = 0;
  if ((gsize)(self->end - self->at) < n_bytes)
    return bad (self, "truncated", error);
  for (guint i = 0; i < n_bytes; i++)
    *value |= (guint64)*self->at++ << (8 * i);
  return TRUE;
}

static gboolean
skip (CowPickle *self, guint64 n_bytes, const guint8 **start, GError **error)
{
  if (n_bytes > (guint64)(self->end - self->at))
    return bad (self, "truncated", error);
  *start = self->at;
  self->at += n_bytes;
  return TRUE;
}

static gboolean
op_int (CowPickle *self, guint n_bytes, GError **error)
{
  guint64 value;

  return read_number (self, n_bytes, &value, error) &&
         push_new (self, COW_PICKLE_INT, n_bytes == 4 ? (gint32)(guint32)value : (gint64)value,
                   error) != NULL;
}

/* LONG1: a length, then as many bytes, two's complement. */
static gboolean
op_long (CowPickle *self, GError **error)
{
  const guint8 *ignored;
  guint64 n_bytes, value;

  if (!read_number (self, 1, &n_bytes, error))
    return FALSE;
  if (n_bytes > 8)
    return skip (self, n_bytes, &ignored, error) &&
           push_new (self, COW_PICKLE_OTHER, 0, error) != NULL;
  if (!read_number (self, (guint)n_bytes, &value, error))
    return FALSE;
  if (n_bytes > 0 && n_bytes < 8 && (value >> (8 * n_bytes - 1)) != 0)
    value |= G_MAXUINT64 << (8 * n_bytes);
  return push_new (self, COW_PICKLE_INT, (gint64)value, error) != NULL;
}

static gboolean
op_float (CowPickle *self, GError **error)
{
  const guint8 *ignored;

  return skip (self, 8, &ignored, error) && push_new (self, COW_PICKLE_OTHER, 0, error) != NULL;
}

static gboolean
op_string (CowPickle *self, guint n_length_bytes, GError **error)
{
  const guint8 *text;
  guint64 length;
  CowPickleValue *value;

  if (!read_number (self, n_length_bytes, &length, error) || !skip (self, length, &text, error))
    return FALSE;
  if (!g_utf8_validate_len ((const char *)text, length, NULL))
    return bad (self, "a string is not UTF-8", error);
  value = push_new (self, COW_PICKLE_STRING, 0, error);
  if (value == NULL)
    return FALSE;
  value->text = (const char *)text;
  value->n_text = length;
  return TRUE;
}

/* TUPLE1 to TUPLE3, and TUPLE with the values behind the last mark. */
static gboolean
op_tuple (CowPickle *self, guint first, guint mark, GError **error)
{
  guint n = self->stack->len - first;
  CowPickleValue *tuple = push_new (self, COW_PICKLE_TUPLE, 0, error);

  if (tuple == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    CowPickleValue *item = g_ptr_array_index (self->stack, first + i);

    if (item == NULL)
      return bad (self, "a mark inside a tuple", error);
    append (tuple, item);
  }
  g_ptr_array_index (self->stack, mark) = tuple;
  g_ptr_array_set_size (self->stack, (int)mark + 1);
  return TRUE;
}

static gboolean
op_marked_tuple (CowPickle *self, GError **error)
{
  guint first;

  return find_mark (self, &first, error) && op_tuple (self, first, first - 1, error);
}

static gboolean
op_short_tuple (CowPickle *self, guint n, GError **error)
{
  if (self->stack->len < n)
    return bad (self, "it takes more from its stack than it put there", error);
  return op_tuple (self, self->stack->len - n, self->stack->len - n, error);
}

/* SETITEMS and APPENDS: what lies behind the mark goes into the container before it. */
static gboolean
op_extend (CowPickle *self, CowPickleKind kind, GError **error)
{
  CowPickleValue *container;
  guint first;

  if (!find_mark (self, &first, error))
    return FALSE;
  container = first >= 2 ? g_ptr_array_index (self->stack, first - 2) : NULL;
  if (container == NULL || container->kind != kind)
    return bad (self, "items for a value that has none", error);
  if (kind == COW_PICKLE_DICT && (self->stack->len - first) % 2 != 0)
    return bad (self, "a key without value", error);
  for (guint i = first; i < self->stack->len; i++)
    append (container, g_ptr_array_index (self->stack, i));
  g_ptr_array_set_size (self->stack, (int)first - 1);
  return TRUE;
}

static gboolean
op_set_item (CowPickle *self, GError **error)
{
  CowPickleValue *value = pop (self, error), *key, *dict;

  if (value == NULL || (key = pop (self, error)) == NULL ||
      (dict = peek (self, COW_PICKLE_DICT, error)) == NULL)
    return FALSE;
  append (dict, key);
  append (dict, value);
  return TRUE;
}

static gboolean
op_append (CowPickle *self, GError **error)
{
  CowPickleValue *item = pop (self, error), *list;

  if (item == NULL || (list = peek (self, COW_PICKLE_LIST, error)) == NULL)
    return FALSE;
  append (list, item);
  return TRUE;
}

/* PUT in its three forms: the top of the stack gets a number to come back by. */
static gboolean
memoise (CowPickle *self, guint64 index, GError **error)
{
  CowPickleValue *value =
      self->stack->len > 0 ? g_ptr_array_index (self->stack, self->stack->len - 1) : NULL;

  if (value == NULL)
    return bad (self, "nothing to remember", error);
  if (g_hash_table_size (self->memo) >= MAX_VALUES)
    return bad (self, "more values than any network needs", error);
  g_hash_table_insert (self->memo, GUINT_TO_POINTER ((guint)index), value);
  return TRUE;
}

static gboolean
op_put (CowPickle *self, guint n_bytes, GError **error)
{
  guint64 index;

  return read_number (self, n_bytes, &index, error) && memoise (self, index, error);
}

static gboolean
op_get (CowPickle *self, guint n_bytes, GError **error)
{
  CowPickleValue *value;
  guint64 index;

  if (!read_number (self, n_bytes, &index, error))
    return FALSE;
  value = g_hash_table_lookup (self->memo, GUINT_TO_POINTER ((guint)index));
  if (value == NULL)
    return bad (self, "it recalls a value that it never stored", error);
  g_ptr_array_add (self->stack, value);
  return TRUE;
}

/* `module` and `name` come from the file: escaped, and cut to what fits a message. */
static gboolean
push_global (CowPickle *self, const char *module, gsize n_module, const char *name, gsize n_name,
             GError **error)
{
  g_autofree char *wanted = NULL, *printable = NULL;

  if (n_module + n_name > 200)
    return bad (self, "the name of a function of more than 200 characters", error);
  wanted = g_strdup_printf ("%.*s.%.*s", (int)n_module, module, (int)n_name, name);
  for (guint i = 0; self->globals[i] != NULL; i++)
    if (g_str_equal (self->globals[i], wanted))
      return push_new (self, COW_PICKLE_GLOBAL, i, error) != NULL;
  if (g_str_equal (wanted, "collections.OrderedDict"))
    return push_new (self, COW_PICKLE_GLOBAL, -1, error) != NULL;
  printable = g_strescape (wanted, NULL);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: its pickle asks for \"%s\", which is no plain tensor: this reader never runs "
               "code; save only the state dict, or better a "
               ".safetensors file",
               self->path, printable);
  return FALSE;
}

/* GLOBAL: two lines of text. */
static gboolean
op_global (CowPickle *self, GError **error)
{
  const guint8 *module = self->at, *name, *stop;

  stop = memchr (module, '\n', (gsize)(self->end - module));
  if (stop == NULL)
    return bad (self, "truncated", error);
  name = stop + 1;
  self->at = memchr (name, '\n', (gsize)(self->end - name));
  if (self->at == NULL)
    return bad (self, "truncated", error);
  self->at++;
  return push_global (self, (const char *)module, (gsize)(stop - module), (const char *)name,
                      (gsize)(self->at - 1 - name), error);
}

static gboolean
op_stack_global (CowPickle *self, GError **error)
{
  CowPickleValue *name = pop (self, error), *module;

  if (name == NULL || (module = pop (self, error)) == NULL)
    return FALSE;
  if (name->kind != COW_PICKLE_STRING || module->kind != COW_PICKLE_STRING)
    return bad (self, "the name of a function is no string", error);
  return push_global (self, module->text, module->n_text, name->text, name->n_text, error);
}

/* REDUCE, which in Python calls the function: an OrderedDict is made, all else noted down. */
static gboolean
op_reduce (CowPickle *self, GError **error)
{
  CowPickleValue *arguments = pop (self, error), *global, *call;

  if (arguments == NULL || (global = pop (self, error)) == NULL)
    return FALSE;
  if (global->kind != COW_PICKLE_GLOBAL || arguments->kind != COW_PICKLE_TUPLE)
    return bad (self, "a call of something that cannot be called", error);
  if (global->integer < 0) {
    if (arguments->n_items > 0)
      return bad (self, "an OrderedDict with arguments", error);
    call = push_new (self, COW_PICKLE_DICT, 0, error);
    if (call != NULL)
      call->ordered = TRUE;
    return call != NULL;
  }
  call = push_new (self, COW_PICKLE_CALL, 0, error);
  if (call == NULL)
    return FALSE;
  append (call, global);
  append (call, arguments);
  return TRUE;
}

/* BUILD sets attributes: a state dict carries its _metadata so, which names no weight. */
static gboolean
op_build (CowPickle *self, GError **error)
{
  CowPickleValue *state = pop (self, error), *dict;

  if (state == NULL || (dict = peek (self, COW_PICKLE_DICT, error)) == NULL)
    return FALSE;
  return dict->ordered || bad (self, "attributes for something other than an OrderedDict", error);
}

static gboolean
op_persid (CowPickle *self, GError **error)
{
  CowPickleValue *argument = pop (self, error), *value;

  if (argument == NULL || (value = push_new (self, COW_PICKLE_PERSID, 0, error)) == NULL)
    return FALSE;
  append (value, argument);
  return TRUE;
}

static gboolean
op_proto (CowPickle *self, GError **error)
{
  guint64 version;

  if (!read_number (self, 1, &version, error))
    return FALSE;
  if (version >= 2 && version <= 5)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: pickle protocol %u; 2 to 5 are known",
               self->path, (guint)version);
  return FALSE;
}

static gboolean
unknown_opcode (CowPickle *self, guint8 opcode, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: its pickle has instruction 0x%02x, which no state dict needs: this reader "
               "knows tensors, dicts, lists and numbers only",
               self->path, opcode);
  return FALSE;
}

/* One instruction, STOP excepted; names as in pickletools.py. */
static gboolean
step (CowPickle *self, guint8 opcode, GError **error)
{
  guint64 ignored;

  switch (opcode) {
  case 0x80: /* PROTO */
    return op_proto (self, error);
  case 0x95: /* FRAME: a hint for streams */
    return read_number (self, 8, &ignored, error);
  case '(': /* MARK */
    g_ptr_array_add (self->stack, NULL);
    return TRUE;
  case '0': /* POP */
    return pop (self, error) != NULL;
  case 'N':
    return push_new (self, COW_PICKLE_NONE, 0, error) != NULL;
  case 0x88: /* NEWTRUE, NEWFALSE */
  case 0x89:
    return push_new (self, COW_PICKLE_BOOL, opcode == 0x88, error) != NULL;
  case 'J': /* BININT */
    return op_int (self, 4, error);
  case 'K': /* BININT1 */
    return op_int (self, 1, error);
  case 'M': /* BININT2 */
    return op_int (self, 2, error);
  case 0x8a: /* LONG1 */
    return op_long (self, error);
  case 'G': /* BINFLOAT */
    return op_float (self, error);
  case 0x8c: /* SHORT_BINUNICODE */
    return op_string (self, 1, error);
  case 'X': /* BINUNICODE */
    return op_string (self, 4, error);
  case 0x8d: /* BINUNICODE8 */
    return op_string (self, 8, error);
  case '}': /* EMPTY_DICT */
    return push_new (self, COW_PICKLE_DICT, 0, error) != NULL;
  case ']': /* EMPTY_LIST */
    return push_new (self, COW_PICKLE_LIST, 0, error) != NULL;
  case ')': /* EMPTY_TUPLE */
    return op_short_tuple (self, 0, error);
  case 0x85: /* TUPLE1 to TUPLE3 */
  case 0x86:
  case 0x87:
    return op_short_tuple (self, opcode - 0x84u, error);
  case 't': /* TUPLE */
    return op_marked_tuple (self, error);
  case 's': /* SETITEM */
    return op_set_item (self, error);
  case 'u': /* SETITEMS */
    return op_extend (self, COW_PICKLE_DICT, error);
  case 'a': /* APPEND */
    return op_append (self, error);
  case 'e': /* APPENDS */
    return op_extend (self, COW_PICKLE_LIST, error);
  case 'q': /* BINPUT */
    return op_put (self, 1, error);
  case 'r': /* LONG_BINPUT */
    return op_put (self, 4, error);
  case 0x94: /* MEMOIZE */
    return memoise (self, g_hash_table_size (self->memo), error);
  case 'h': /* BINGET */
    return op_get (self, 1, error);
  case 'j': /* LONG_BINGET */
    return op_get (self, 4, error);
  case 'c': /* GLOBAL */
    return op_global (self, error);
  case 0x93: /* STACK_GLOBAL */
    return op_stack_global (self, error);
  case 'R': /* REDUCE */
    return op_reduce (self, error);
  case 'b': /* BUILD */
    return op_build (self, error);
  case 'Q': /* BINPERSID */
    return op_persid (self, error);
  default:
    return unknown_opcode (self, opcode, error);
  }
}

static gboolean
run (CowPickle *self, GError **error)
{
  while (self->at < self->end) {
    guint8 opcode = *self->at++;

    if (opcode == '.') {
      self->root = pop (self, error);
      return self->root != NULL;
    }
    if (!step (self, opcode, error))
      return FALSE;
  }
  return bad (self, "truncated: it has no end", error);
}

CowPickle *
cow_pickle_read (const char *path, const guint8 *data, gsize size, const char *const *globals,
                 GError **error)
{
  g_autoptr (CowPickle) self = g_new0 (CowPickle, 1);

  self->path = path;
  self->globals = globals;
  self->values = g_ptr_array_new_with_free_func (free_value);
  self->stack = g_ptr_array_new ();
  self->memo = g_hash_table_new (NULL, NULL);
  if (size == 0 || size > MAX_SIZE) {
    bad (self, size == 0 ? "it is empty" : "it is longer than that of any network", error);
    return NULL;
  }
  self->at = data;
  self->end = data + size;
  return run (self, error) ? g_steal_pointer (&self) : NULL;
}

void
cow_pickle_free (CowPickle *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->memo);
  g_ptr_array_unref (self->stack);
  g_ptr_array_unref (self->values);
  g_free (self);
}

const CowPickleValue *
cow_pickle_root (const CowPickle *self)
{
  return self->root;
}
