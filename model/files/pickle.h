/* SPDX-License-Identifier: MIT */
/*
 * Python's pickles as data. A pickle is a program for a stack machine; this machine has the
 * instructions that build dicts, lists, tuples, strings and numbers. Functions that the pickle
 * names are only noted down, with their arguments, for the caller to give them a meaning, and only
 * those that the caller has listed: nothing is ever run.
 */
#ifndef COW_PICKLE_H
#define COW_PICKLE_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  COW_PICKLE_NONE,
  COW_PICKLE_BOOL,   /* integer: 0 or 1 */
  COW_PICKLE_INT,    /* integer */
  COW_PICKLE_OTHER,  /* a float, or an integer of more than 64 bits: a value that nobody here asks
                        for */
  COW_PICKLE_STRING, /* text, n_text */
  COW_PICKLE_TUPLE,  /* items */
  COW_PICKLE_LIST,   /* items */
  COW_PICKLE_DICT,   /* items: key, value, key, value, ...; an OrderedDict too */
  COW_PICKLE_GLOBAL, /* integer: the index in the caller's list */
  COW_PICKLE_CALL,   /* items: the global, then the tuple of its arguments */
  COW_PICKLE_PERSID  /* items: the argument of the reference to something beside the pickle */
} CowPickleKind;

typedef struct _CowPickleValue CowPickleValue;
struct _CowPickleValue {
  CowPickleKind kind;
  guint n_items, n_allocated;
  gint64 integer;
  union {
    const char *text; /* UTF-8 in the pickle's bytes, not terminated */
    CowPickleValue **items;
  };
  gsize n_text;
  gboolean ordered; /* the dict came from OrderedDict (), whose BUILD carries attributes */
};

typedef struct _CowPickle CowPickle;

/*
 * Runs the machine. `globals` are the functions and classes that may be named, as "module.name",
 * NULL at the end; "collections.OrderedDict" is known to the machine. Values may contain one
 * another in cycles; `path` is for messages. COW_ERROR_FORMAT; COW_ERROR_UNSUPPORTED, naming it,
 * for any other global and for instructions that state dicts never need.
 */
CowPickle *cow_pickle_read (const char *path, const guint8 *data, gsize size,
                            const char *const *globals, GError **error);
void cow_pickle_free (CowPickle *self);
/* What the pickle leaves; it and all that it reaches live as long as the CowPickle and the pickle's
 * bytes. */
const CowPickleValue *cow_pickle_root (const CowPickle *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowPickle, cow_pickle_free)

G_END_DECLS

#endif
