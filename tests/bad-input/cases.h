/* SPDX-License-Identifier: MIT */
/* Folders with one fault each, and the error that each must cause. */
#ifndef COW_TEST_CASES_H
#define COW_TEST_CASES_H

#include "tests/model/scratch.h"

/* The change to the case's file. */
typedef enum {
  REMOVE, /* the file or folder is removed */
  CUT,    /* its last bytes are cut off */
  LONG,   /* its header claims to be longer than the file */
  TEXT,   /* its content becomes `text` */
  HEADER, /* it becomes a safetensors file with this header and 16 bytes */
  MEMBER, /* the member `key` of its JSON becomes `text` */
  TENSOR, /* one tensor is edited */
  PICKLE, /* it becomes a .pth with this pickle of `length` bytes */
  SHARDS, /* it becomes an index that looks for a tensor in the file `text` */
} Fault;

typedef struct {
  const char *what; /* name of the test */
  const char *file; /* below the folder: model/... or adapter/... */
  Fault fault;
  const char *says; /* texts that the error must contain, separated by '|', besides the folder */
  const char *key, *text;
  gsize length;
  ScratchEdit edit;
} Case;

extern const Case cases[];
extern const guint n_cases;

/* Fills an empty folder with the golden model and an adapter for it, and breaks them; with NULL
 * they stay intact. */
void case_make (const Case *self, const char *folder);

#endif
