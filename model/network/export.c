/* SPDX-License-Identifier: MIT */
#include "model/network/export.h"

#include <math.h>
#include <string.h>

#include "model/files/json-object.h"
#include "model/network/backbones.h"

#define NORM_EPSILON 1e-5f /* of a head's layer norm: torch's default */

typedef struct {
  const CowClassifier *classifier;
  const CowCard *card;
  CowBackboneConfig config;
  CowGraph graph;
} Export;

/* ---- the head -------------------------------------------------------------------------------- */

static const char *
add_values (Export *self, const char *name, guint n_dims, const gint64 *dims, const float *values)
{
  gsize n = 1;
  for (guint i = 0; i < n_dims; i++)
    n *= (gsize)dims[i];
  cow_onnx_writer_floats (self->graph.onnx, name, n_dims, dims,
                          g_memdup2 (values, n * sizeof *values));
  return name;
}

/* Softmax, or with several labels a picture sigmoid, at the card's temperature. */
static void
add_probabilities (Export *self, const char *logits)
{
  CowGraph *graph = &self->graph;
  const CowOnnxAttribute last = { .name = "axis", .type = COW_ONNX_INT, .values = { -1 } };
  const char *temperature = cow_graph_number (graph, "temperature", (float)self->card->temperature);
  const char *x = cow_graph_plain (graph, "logits/tempered", "Div", logits, temperature);
  if (self->card->multiple)
    cow_graph_node (graph, "probabilities", "Sigmoid", NULL, 0, x, NULL);
  else
    cow_graph_node (graph, "probabilities", "Softmax", &last, 1, x, NULL);
}

static void
add_layers (Export *self, const CowHeadWeights *weights)
{
  CowGraph *graph = &self->graph;
  const gint64 width[] = { weights->layers[0].in };
  const char *x = "features";
  if (weights->norm_weight)
    x = cow_graph_norm (graph, "classifier.norm", x,
                        add_values (self, "classifier.norm.weight", 1, width, weights->norm_weight),
                        add_values (self, "classifier.norm.bias", 1, width, weights->norm_bias),
                        NORM_EPSILON);
  for (guint i = 0; i < weights->n_layers; i++) {
    const CowHeadLayer *layer = &weights->layers[i];
    const gboolean last = i + 1 == weights->n_layers;
    const gint64 dims[] = { layer->out, layer->in };
    const char *name = cow_graph_name (graph, "classifier.%u", i);
    const char *weight = add_values (self, cow_graph_name (graph, "%s.weight", name), 2, dims,
                                     layer->weight),
               *bias =
                   add_values (self, cow_graph_name (graph, "%s.bias", name), 1, dims, layer->bias);
    x = cow_graph_linear (graph, last ? "logits" : name, x, weight, bias);
    x = last ? x : cow_graph_activate (graph, weights->activation, x);
  }
  add_probabilities (self, x);
}

static gboolean
add_head (Export *self, GError **error)
{
  const guint n_classes = cow_classifier_n_classes (self->classifier);
  if (!cow_classifier_has_head (self->classifier))
    return TRUE;
  g_autoptr (CowHeadWeights) weights = cow_head_weights_read (
      cow_classifier_adapter_path (self->classifier), self->config.n_features, n_classes, error);
  if (weights)
    add_layers (self, weights);
  return weights != NULL;
}

/* ---- what goes along ------------------------------------------------------------------------- */

static void
put_numbers (Export *self, const char *key, const float *values, guint n)
{
  g_autoptr (GString) text = g_string_new ("[");
  for (guint i = 0; i < n; i++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd (number, sizeof number, "%.7g", (double)values[i]);
    g_string_append_printf (text, "%s%s", i ? ", " : "", number);
  }
  g_string_append_c (text, ']');
  cow_onnx_writer_metadata (self->graph.onnx, key, text->str);
}

static void
put_classes (Export *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_array (builder);
  for (char **name = self->card->classes; *name; name++)
    json_builder_add_string_value (builder, *name);
  json_builder_end_array (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = cow_json_text (root, FALSE);
  cow_onnx_writer_metadata (self->graph.onnx, "classes", text);
}

/* Texts that a program needs to feed the network and to read it. */
static void
put_metadata (Export *self)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const CowCard *card = self->card;
  CowOnnxWriter *onnx = self->graph.onnx;
  g_autofree char *width = g_strdup_printf ("%d", preprocess->width),
                  *height = g_strdup_printf ("%d", preprocess->height);
  float mean[3], std[3];
  cow_normalisation_values (preprocess->normalisation, mean, std);
  cow_onnx_writer_metadata (onnx, "width", width);
  cow_onnx_writer_metadata (onnx, "height", height);
  cow_onnx_writer_metadata (onnx, "channels", "RGB");
  if (preprocess->fit != COW_STRETCH)
    cow_onnx_writer_metadata (onnx, "fit", cow_fit_name (preprocess->fit));
  cow_onnx_writer_metadata (onnx, "interpolation",
                            cow_interpolation_name (preprocess->interpolation));
  cow_onnx_writer_metadata (onnx, "divided_by", "255");
  put_numbers (self, "mean", mean, 3);
  put_numbers (self, "std", std, 3);
  cow_onnx_writer_metadata (onnx, "network", self->config.title);
  if (card->base_name)
    cow_onnx_writer_metadata (onnx, "base", card->base_name);
  if (!cow_classifier_has_head (self->classifier))
    return;
  put_classes (self);
  put_numbers (self, "temperature", (float[]){ (float)card->temperature }, 1);
  if (card->multiple)
    cow_onnx_writer_metadata (onnx, "labels", "multiple");
  if (card->thresholds)
    put_numbers (self, "thresholds", card->thresholds, cow_card_n_classes (card));
}

static void
put_values (Export *self)
{
  CowOnnxWriter *onnx = self->graph.onnx;
  const gint64 pixels[] = { COW_ONNX_BATCH, 3, self->graph.height, self->graph.width },
               features[] = { COW_ONNX_BATCH, self->config.n_features },
               classes[] = { COW_ONNX_BATCH, cow_classifier_n_classes (self->classifier) };
  cow_onnx_writer_input (onnx, "pixel_values", 4, pixels);
  if (cow_classifier_has_head (self->classifier)) {
    cow_onnx_writer_output (onnx, "logits", 2, classes);
    cow_onnx_writer_output (onnx, "probabilities", 2, classes);
  }
  cow_onnx_writer_output (onnx, "features", 2, features);
}

/* ---- the file -------------------------------------------------------------------------------- */

static gboolean
describe (Export *self, GError **error)
{
  put_metadata (self);
  put_values (self);
  return self->config.klass->graph (&self->config, &self->graph, "pixel_values", "features",
                                    error) &&
         add_head (self, error);
}

/* Opens the files again, describes the network and lets the writer ask for its weights. */
static gboolean
write_file (Export *self, const CowExportOptions *options, CowOnnxSizes *sizes, GError **error)
{
  const char *model = cow_classifier_model_path (self->classifier),
             *adapter_path = cow_classifier_adapter_path (self->classifier);
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (model, error);
  g_autoptr (CowAdapter) adapter = NULL;
  if (!checkpoint ||
      !cow_backbone_config_read (model, checkpoint,
                                 adapter_path ? cow_card_kind (self->card)->model_type : NULL,
                                 &self->config, error))
    return FALSE;
  if (adapter_path && cow_adapter_present (adapter_path) &&
      !(adapter = cow_adapter_read (adapter_path, &self->config.vit, error)))
    return FALSE;
  g_autoptr (CowOnnxWriter) onnx = cow_onnx_writer_new (options->path);
  self->graph.checkpoint = checkpoint;
  self->graph.adapter = adapter;
  self->graph.onnx = onnx;
  return describe (self, error) && cow_onnx_writer_finish (onnx, options->apart, sizes, error) &&
         cow_checkpoint_check (checkpoint, error);
}

gboolean
cow_export (const CowClassifier *classifier, const CowExportOptions *options, CowOnnxSizes *sizes,
            GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  Export self = { .classifier = classifier,
                  .card = cow_classifier_card (classifier),
                  .graph = { .path = options->path,
                             .stream = cow_classifier_stream (classifier),
                             .names = g_string_chunk_new (4096),
                             .height = preprocess->height,
                             .width = preprocess->width,
                             .progress = options->progress,
                             .user_data = options->user_data } };
  const gboolean written = write_file (&self, options, sizes, error);
  g_string_chunk_free (self.graph.names);
  return written;
}
