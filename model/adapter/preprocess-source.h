/* SPDX-License-Identifier: MIT */
/*
 * How the pictures of a network are prepared, as the folder says that holds it: an adapter's card
 * (cowbehavior.json), or beside a model its card or Hugging Face's preprocessor_config.json. Who
 * trains further on such a folder has to prepare pictures in the same way, or the network sees what
 * it never learned.
 */
#ifndef COW_PREPROCESS_SOURCE_H
#define COW_PREPROCESS_SOURCE_H

#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

/* The parts of a CowPreprocess that a folder may give or leave open. */
typedef enum {
  COW_PREPROCESS_SIZE = 1 << 0,
  COW_PREPROCESS_INTERPOLATION = 1 << 1,
  COW_PREPROCESS_NORMALISATION = 1 << 2,
  COW_PREPROCESS_FIT = 1 << 3,
  COW_PREPROCESS_ALL = 15
} CowPreprocessParts;

typedef struct {
  guint given;              /* CowPreprocessParts */
  CowPreprocess preprocess; /* parts that are not given hold cow_preprocess_default () */
  const char *name;         /* "card", "preprocessor_config.json"; static; NULL: no such file */
  char *path;               /* of that file, or NULL */
  GPtrArray *notes;         /* of char *: each names what the file asks for and we do otherwise */
} CowPreprocessSource;

/*
 * What a model gives: a card goes before a preprocessor_config.json. `model` is a located path; one
 * that is neither a folder nor a model.safetensors in one gives nothing. COW_ERROR_FORMAT when a
 * file breaks its format. Clear with cow_preprocess_source_clear (), also after an error.
 */
gboolean cow_preprocess_source_read_model (CowPreprocessSource *self, const char *model,
                                           GError **error);
/* What an adapter gives, which is everything: one without a card (the published cow adapters) was
 * prepared as cow_preprocess_default () says, and `path` is NULL. */
gboolean cow_preprocess_source_read_adapter (CowPreprocessSource *self, const char *adapter,
                                             GError **error);
void cow_preprocess_source_clear (CowPreprocessSource *self);

/* Writes FOLDER/preprocessor_config.json as transformers writes it. */
gboolean cow_preprocess_write_config (const CowPreprocess *preprocess, const char *folder,
                                      GError **error);
/* Gives a model made from another one what that one says: its preprocessor_config.json as it is, or
 * one made from its card; nothing where it has neither. */
gboolean cow_preprocess_carry (const char *model, const char *folder, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPreprocessSource, cow_preprocess_source_clear)

G_END_DECLS

#endif
