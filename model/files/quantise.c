/* SPDX-License-Identifier: MIT */
/*
 * Writes a checkpoint anew with its linear layers in NF4. Every size of the result follows from
 * shapes, so a first pass plans and declares all tensors; a second reads, converts and writes one
 * after the other, and none of the file stays in memory: a 7B of 27 GB passes through the memory of
 * its largest layer.
 */
#include "model/files/quantise.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/floats.h"
#include "model/files/nf4-write.h"

typedef struct {
  const CowCheckpoint *checkpoint;
  CowVitConfig config;
  CowSafetensorsWriter *writer;
  CowQuantiseResult *result;
} Job;

/* The module that a tensor is the weight of. */
static gboolean
is_linear_weight (const char *name, CowModule *module)
{
  int layer;
  const char *rest;
  return cow_linear_weight_parse (name, &layer, module, &rest) && *rest == '\0';
}

/* What the quant state says that the weight was before. */
static const char *
dtype_before (CowDtype dtype)
{
  return dtype == COW_BF16 ? "bfloat16" : dtype == COW_F16 ? "float16" : "float32";
}

static gboolean
check_linear (const Job *job, const CowTensor *tensor, CowModule module, GError **error)
{
  const char *file = cow_checkpoint_file_of (job->checkpoint, tensor);
  gint64 shape[2];
  gboolean bias;
  if (!cow_dtype_is_floating (tensor->dtype)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: %s is of type %s: quantised already; start from the original weights (F32, "
                 "F16 or BF16)",
                 file, tensor->name, cow_dtype_name (tensor->dtype));
    return FALSE;
  }
  if (!cow_vit_config_module (&job->config, module, &shape[0], &shape[1], &bias) ||
      !cow_tensor_has_shape (tensor, 2, shape)) {
    g_autofree char *found = cow_tensor_shape_text (tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: %s has shape %s, which does not fit the model's config.json", file,
                 tensor->name, found);
    return FALSE;
  }
  return TRUE;
}

static gboolean
is_quantised (const CowTensor *tensor)
{
  return strstr (tensor->name, ".quant_state.") != NULL || g_str_has_suffix (tensor->name, ".SCB");
}

static gboolean
declare_all (Job *job, GError **error)
{
  for (guint i = 0; i < cow_checkpoint_n_tensors (job->checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (job->checkpoint, i);
    CowModule module;
    if (is_quantised (tensor)) {
      g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                   "%s: quantised already (it has %s); start from the original weights",
                   cow_checkpoint_file_of (job->checkpoint, tensor), tensor->name);
      return FALSE;
    }
    job->result->bytes_in += tensor->n_bytes;
    if (is_linear_weight (tensor->name, &module)) {
      if (!check_linear (job, tensor, module, error))
        return FALSE;
      job->result->bytes_out +=
          cow_nf4_declare (job->writer, tensor->name, tensor->dims[0], tensor->dims[1]);
      job->result->n_quantised++;
    } else {
      cow_safetensors_writer_declare (job->writer, tensor->name, tensor->dtype, tensor->dims,
                                      tensor->n_dims);
      job->result->bytes_out += tensor->n_bytes;
      job->result->n_kept++;
    }
  }
  if (job->result->n_quantised > 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: none of its tensors is the weight of a linear layer (layer.N....)",
               cow_checkpoint_path (job->checkpoint));
  return FALSE;
}

static gboolean
write_nf4 (Job *job, const CowTensor *tensor, GError **error)
{
  g_auto (CowNf4) nf4 = { 0 };
  g_autofree float *weight =
      cow_tensor_dup_f32 (tensor, cow_checkpoint_file_of (job->checkpoint, tensor), error);
  if (weight == NULL)
    return FALSE;
  return cow_nf4_quantise (weight, tensor->dims[0], tensor->dims[1], &nf4, error) &&
         cow_nf4_write (job->writer, &nf4, dtype_before (tensor->dtype), error);
}

static gboolean
write_kept (Job *job, const CowTensor *tensor, GError **error)
{
  if (cow_dtype_is_floating (tensor->dtype) &&
      !cow_tensor_check_finite (tensor, cow_checkpoint_file_of (job->checkpoint, tensor), error))
    return FALSE;
  return cow_safetensors_writer_copy (job->writer, tensor, error);
}

static gboolean
write_all (Job *job, CowTensorProgress progress, gpointer user_data, GError **error)
{
  guint64 done = 0;
  for (guint i = 0; i < cow_checkpoint_n_tensors (job->checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (job->checkpoint, i);
    CowModule module;
    if (!(is_linear_weight (tensor->name, &module) ? write_nf4 : write_kept) (job, tensor, error))
      return FALSE;
    done += tensor->n_bytes;
    if (progress != NULL && !progress (tensor->name, done, job->result->bytes_in, user_data)) {
      g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cancelled",
                   cow_checkpoint_path (job->checkpoint));
      return FALSE;
    }
  }
  return cow_checkpoint_check (job->checkpoint, error) &&
         cow_safetensors_writer_finish (job->writer, error);
}

static gboolean
write_folder (Job *job, const char *path, const char *folder, CowTensorProgress progress,
              gpointer user_data, GError **error)
{
  g_autofree char *model_file = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *config_file = g_build_filename (folder, "config.json", NULL);
  g_autofree char *text = cow_model_config_text (path, &job->config, TRUE, NULL, error);
  if (text == NULL)
    return FALSE;
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (model_file);
  job->writer = writer;
  cow_safetensors_writer_metadata (writer, "format", "pt");
  if (!declare_all (job, error) || !write_all (job, progress, user_data, error))
    return FALSE;
  return cow_text_write (text, config_file, error);
}

gboolean
cow_quantise_into (const char *path, const char *folder, CowTensorProgress progress,
                   gpointer user_data, CowQuantiseResult *result, GError **error)
{
  CowQuantiseResult local;
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);
  Job job = { .checkpoint = checkpoint, .result = result != NULL ? result : &local };
  *job.result = (CowQuantiseResult){ 0 };
  return checkpoint != NULL && cow_vit_config_for (path, checkpoint, &job.config, error) &&
         write_folder (&job, path, folder, progress, user_data, error);
}

gboolean
cow_quantise (const char *path, const char *folder, CowTensorProgress progress, gpointer user_data,
              CowQuantiseResult *result, GError **error)
{
  g_autoptr (CowFolderWriter) writer = cow_model_folder_begin (folder, NULL, error);
  return writer != NULL && ((cow_quantise_into (path, cow_folder_writer_path (writer), progress,
                                                user_data, result, error) &&
                             cow_folder_writer_finish (writer, error)) ||
                            cow_folder_writer_fail (writer, error));
}
