/* SPDX-License-Identifier: MIT */
/* Folders with one thing wrong, and what has to be said about each. */
#ifndef COW_TEST_CASES_H
#define COW_TEST_CASES_H

#include "tests/model/scratch.h"

/* What is done to the case's file. */
typedef enum {
  REMOVE, /* it, or the folder that it is */
  CUT,    /* its last bytes go */
  LONG,   /* its header claims to be longer than the file */
  TEXT,   /* its content becomes `text` */
  HEADER, /* it becomes a safetensors file of this header and 16 bytes */
  MEMBER, /* the member `key` of its JSON becomes `text` */
  TENSOR, /* one tensor is edited */
  PICKLE, /* it becomes a .pth of this pickle, `length` bytes */
  SHARDS, /* it becomes an index that seeks a tensor in the file `text` */
} Fault;

typedef struct {
  const char *what; /* name of the test */
  const char *file; /* below the folder: model/... or adapter/... */
  Fault fault;
  const char *says; /* what the error has to say, separated by '|'; which of the two folders it
                       names always */
  const char *key, *text;
  gsize length;
  ScratchEdit edit;
} Case;

extern const Case cases[];
extern const guint n_cases;

/* Fills an empty folder with the golden model and an adapter for it, and breaks them; a case of
 * NULL leaves them whole. */
void case_make (const Case *self, const char *folder);

#endif
